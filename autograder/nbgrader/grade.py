"""``nbgrader autograde`` and formgrader's button: the engine grades, nbgrader keeps the books.

A run begins when nbgrader makes its exporter. The gradebook is backed up, due dates and penalties are brought up to
date, and one fresh process of the engine is asked about all submissions of the run. Then, for each of them: the answers
are poured into the released notebook, every grade cell gets its number, the gradebook the score and the reasons.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.converters import NbGraderException
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades

from autograder.course.problems import ConfigError
from autograder.feedback.view import exercise_view
from autograder.feedback.words import WORDS, failing
from autograder.grading.names import RefusedError
from autograder.grading.notebook import cells_of
from autograder.grading.verdict import ExerciseResult, Report, Verdict
from autograder.nbgrader import clean, gradebook, kept
from autograder.nbgrader.engine import EngineError, ask
from autograder.nbgrader.rebuild import rebuild
from autograder.nbgrader.setting import course_of, grading_file, roster_of, unsafe

LARGEST_NOTEBOOK = 20 << 20
Resources = dict[str, Any]


class GradingExporter(NotebookExporter):
    """One run of ``nbgrader autograde`` over one set."""

    parent: Any

    def __init__(self, config: Any = None, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        self._reports: dict[str, Report] = {}
        self.unreadable: set[str] = set()
        try:
            self._begin()
        except (ConfigError, gradebook.GradebookError, EngineError) as error:
            self._stop(str(error))

    def _stop(self, message: str) -> NoReturn:
        for line in message.splitlines():
            self.log.error(line)
        raise NbGraderException(message)

    def _begin(self) -> None:
        course, coursedir = course_of(self), self.coursedir
        if coursedir.assignment_id not in course.sets:
            raise EngineError(f"{course.path} has no set {coursedir.assignment_id}; its grade cells cannot be graded.")
        gradebook.private_folders(Path(coursedir.root))
        gradebook.back_up(coursedir.db_url)
        self._find_missing()
        students = [Path(folder).parent.name for folder in self.parent.assignments]
        with gradebook.opened(coursedir.db_url, coursedir.course_id) as book:
            gradebook.name_students(book, roster_of(self), students)
            gradebook.recompute_penalties(book, course, roster_of(self))
        due = [folder for folder in self.parent.assignments if self._will_be_graded(Path(folder))]
        self._ask(due)

    @property
    def coursedir(self) -> Any:
        """nbgrader's CourseDirectory."""
        return self.parent.coursedir

    def _find_missing(self) -> None:
        """Have hand-ins graded whose notebook is missing or has another name: the engine finds what there is."""
        directory, name = self.coursedir, f"{self.coursedir.assignment_id}.ipynb"
        pattern = directory.format_path(directory.submitted_directory, directory.student_id, directory.assignment_id)
        for folder in sorted(Path(directory.root).glob(str(Path(pattern).relative_to(directory.root)))):
            if not (folder / name).is_file():
                self.log.warning(f"{folder} has no {name}; the engine grades what else it finds there")
                self.parent.assignments[str(folder)] = [str(folder / name)]

    def _will_be_graded(self, folder: Path) -> bool:
        """Whether nbgrader is going to process it, as far as can be told; others are asked about when they come."""
        done = Path(self._path(self.coursedir.autograded_directory, folder.parent.name))
        return bool(self.parent.force) or not done.exists()

    def _path(self, room: str, student: str) -> str:
        path: str = self.coursedir.format_path(room, student, self.coursedir.assignment_id)
        return path

    def _ask(self, folders: list[str]) -> None:
        if not folders:
            return
        answer = ask(grading_file(self), self.coursedir.assignment_id, [Path(f) for f in folders], unsafe=unsafe(self))
        for warning in answer.warnings:
            self.log.warning(warning)
        for folder, report in zip(folders, answer.reports, strict=True):
            self._reports[Path(folder).parent.name] = report

    def report(self, student: str) -> Report:
        """The engine's verdicts on one student's hand-in."""
        if student not in self._reports:
            try:
                self._ask([self._path(self.coursedir.submitted_directory, student)])
            except EngineError as error:
                self._stop(str(error))
        return self._reports[student]

    @functools.cached_property
    def released(self) -> NotebookNode:
        """The notebook as students got it."""
        assignment = self.coursedir.assignment_id
        path = (
            Path(self.coursedir.format_path(self.coursedir.release_directory, ".", assignment)) / f"{assignment}.ipynb"
        )
        try:
            return nbformat.read(path, as_version=4)
        except OSError:
            self._stop(f"{path} is missing; run 'nbgrader generate_assignment {assignment} --force' first.")
        except Exception:
            self._stop(f"{path} is damaged; run 'nbgrader generate_assignment {assignment} --force' again.")

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> Any:
        """A submitted notebook is read as leniently as the engine reads it; nbgrader would refuse damaged ones."""
        submitted = Path(self._path(self.coursedir.submitted_directory, resources["nbgrader"]["student"]))
        if Path(filename).resolve().parent != submitted.resolve():
            return super().from_filename(filename, resources=resources, **kw)
        resources["autograder"] = cells = _submitted_cells(Path(filename))
        if cells is None and Path(filename).exists():
            self.log.warning(f"{filename} is not a notebook that can be read; a person has to look at it")
            self.unreadable.add(resources["nbgrader"]["student"])
        return super().from_notebook_node(nbformat.from_dict(self.released), resources=resources, **kw)


def _submitted_cells(path: Path) -> list[dict[str, Any]] | None:
    try:
        if path.stat().st_size > LARGEST_NOTEBOOK or path.is_symlink():
            return None
        return cells_of(path.read_bytes())
    except (OSError, RefusedError):
        return None


class Rebuild(NbGraderPreprocessor):
    """The first step: the student's answers in the released notebook."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Part of nbconvert's protocol."""
        cells = resources.pop("autograder", None)
        return rebuild(nb, cells or []), resources


class Grade(NbGraderPreprocessor):
    """In place of execution: one clamped number in every grade cell."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Part of nbconvert's protocol."""
        report = self.parent.report(resources["nbgrader"]["student"])
        results = {result.name: result for result in report.submissions[0].exercises}
        resources["autograder"] = results
        kept.write(Path(self.parent.coursedir.root), resources["nbgrader"], report)
        for cell in nb.cells:
            if utils.is_grade(cell) and not utils.is_solution(cell) and cell.cell_type == "code":
                role = cell.metadata.nbgrader
                score = points_of(results.get(role.grade_id), float(role.points))
                cell.outputs = [_output(score)]
        return nb, resources


def points_of(result: ExerciseResult | None, points: float) -> float | None:
    """The number of a grade cell worth ``points``: None where a person has to look, else within [0, points]."""
    if result is None or result.score is None:
        return None
    score = result.score if result.points == points else result.score * points / result.points if result.points else 0.0
    return min(max(float(score), 0.0), points)


def _output(score: float | None) -> NotebookNode:
    if score is None:
        return new_output("stream", name="stdout", text="Not graded yet: a person will look at it.\n")
    return new_output("execute_result", data={"text/plain": repr(score)})


def reasons(result: ExerciseResult) -> str:
    """The comment under an exercise: what is right or wrong, why, and a hint, for the student to read."""
    shown = exercise_view(result)
    lines = [f"{WORDS[shown.verdict].label}. {shown.reason}"]
    if shown.verdict is not Verdict.FAULT:
        failed = [p.sentence for p in failing(shown)[:5] if p.sentence and p.sentence not in shown.reason]
        lines += [f"Does not hold: {sentence}" for sentence in failed]
        lines += [f"Hint: {shown.misconception.hint}"] if shown.misconception else []
        lines += [f"Your line: {shown.student_line}"] if shown.student_line else []
    return clean.comment(lines)


class SaveScores(SaveAutoGrades):
    """Scores and reasons into the gradebook. A fault has no score and waits for a person."""

    def _add_score(self, cell: NotebookNode, resources: Resources) -> None:
        if utils.is_solution(cell):
            super()._add_score(cell, resources)
            if self.student_id in self.parent.unreadable:  # an answer may be in it
                self._leave_to_a_person(cell)
            return
        role = cell.metadata.nbgrader
        grade = self.gradebook.find_grade(role.grade_id, self.notebook_id, self.assignment_id, self.student_id)
        grade.auto_score = points_of(resources["autograder"].get(role.grade_id), float(role.points))
        grade.needs_manual_grade = grade.auto_score is None or grade.manual_score is not None
        self.gradebook.db.commit()

    def _leave_to_a_person(self, cell: NotebookNode) -> None:
        name = cell.metadata.nbgrader.grade_id
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        grade.auto_score, grade.needs_manual_grade = None, True
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: Resources) -> None:
        results: Mapping[str, ExerciseResult] = resources["autograder"]
        name = cell.metadata.nbgrader.grade_id.removesuffix("_solution")
        if utils.is_grade(cell) or name not in results:
            super()._add_comment(cell, resources)
            return
        comment = self.gradebook.find_comment(
            cell.metadata.nbgrader.grade_id, self.notebook_id, self.assignment_id, self.student_id
        )
        comment.auto_comment = reasons(results[name])
        self.gradebook.db.commit()


class LatePenalty(LateSubmissionPlugin):
    """grading.yml's late rule. nbgrader asks only about work that came after the due date."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Points to be taken off."""
        step = self.parent
        costs = gradebook.late_work(step.gradebook, course_of(self), roster_of(self), student_id)
        return gradebook.penalty(score, costs.get(step.assignment_id)) or None
