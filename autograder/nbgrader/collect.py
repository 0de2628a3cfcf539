"""``nbgrader collect``: which of several hand-ins counts, with every student's own due date."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from nbgrader.exchange import ExchangeError
from nbgrader.exchange.default import ExchangeCollect

from autograder.course.config import Course
from autograder.course.late import later
from autograder.course.problems import ConfigError
from autograder.course.roster import Roster
from autograder.nbgrader.setting import course_of, roster_of

HandIn = TypeVar("HandIn")


def chosen(
    hand_ins: Sequence[tuple[datetime.datetime, HandIn]], course: Course, roster: Roster, student: str, of_set: str
) -> HandIn:
    """The hand-in that counts, of (when, what): the last, or the last on time, the first late one where none was.

    The grace of the late rule and the student's extension belong to being on time.
    """
    ordered = sorted(hand_ins, key=lambda hand_in: hand_in[0])
    problem_set = course.sets.get(of_set)
    if course.which == "last" or problem_set is None or problem_set.due is None:
        return ordered[-1][1]
    due = later(problem_set.due, roster.extension(student, of_set)).astimezone(datetime.UTC)
    end = due + datetime.timedelta(minutes=problem_set.late.grace_minutes)
    on_time = [what for when, what in ordered if when.astimezone(datetime.UTC) <= end]
    return on_time[-1] if on_time else ordered[0][1]


class Collect(ExchangeCollect):
    """Takes from the exchange what ``which:`` of grading.yml says."""

    def init_src(self) -> None:
        """Part of nbgrader's protocol."""
        super().init_src()
        try:
            course, roster = course_of(self), roster_of(self)
        except ConfigError as error:
            self.log.error(str(error))
            raise ExchangeError(str(error)) from error
        self.before_duedate = (
            course.which == "last_on_time"
        )  # an earlier choice may have to be replaced by an older one
        hand_ins: dict[str, list[tuple[datetime.datetime, Any]]] = collections.defaultdict(list)
        student = self.coursedir.student_id or "*"
        for path in sorted(Path(self.inbound_path).glob(f"{student}+{self.coursedir.assignment_id}+*")):
            record = self._path_to_record(str(path))
            hand_ins[record["username"]].append((record["timestamp"].replace(tzinfo=datetime.UTC), record))
        self.src_records = [
            chosen(found, course, roster, name, self.coursedir.assignment_id) for name, found in hand_ins.items()
        ]
        unknown = sorted(set(hand_ins) - set(roster.people)) if roster.people else []
        for name in unknown:
            self.log.warning(f"{name} handed in {self.coursedir.assignment_id} and is not in the roster")
