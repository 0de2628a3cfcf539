"""Notices that a file was saved, however the editor does it: in place, by renaming another one over it, in pieces."""

from __future__ import annotations

import os
from pathlib import Path

from autograder.cli.check import read_submission
from autograder.grading.submission import Submission
from autograder.grading.syntax import parse

POLL = 0.02
"""Seconds between two looks."""
PATIENCE = 0.4
"""Seconds that a file may be missing, empty or no Python before that is taken for what its author wants."""
REREAD = 2.0
"""Seconds after which the content is compared even where size and time say that it is the same."""

Sight = tuple[tuple[str, int, int, int], ...]


class Saved:
    """Looks at one file and the modules beside it. ``look`` is called every POLL seconds with the time.

    problem: why nothing can be read, "" while all is well.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problem = ""
        self._seen: Sight | None = None
        self._since = self._read_at = 0.0
        self._settled = False
        self._last: Submission | None = None

    def look(self, now: float) -> Submission | None:
        """What is in the file, once it has come to rest and differs from the last time; else None."""
        sight = self._sight()
        if sight != self._seen:
            self._seen, self._since, self._settled = sight, now, False
            return None
        if self._settled and now - self._read_at < REREAD:
            return None
        self._read_at = now
        return self._read(patient=now - self._since < PATIENCE)

    def _read(self, patient: bool) -> Submission | None:
        problems: list[str] = []
        submission = read_submission(self.file, problems.append)
        if patient and (submission is None or not _is_whole(submission)):
            return None
        self._settled, self.problem = True, " ".join(problems)
        if submission is None or (self._last is not None and submission.sources == self._last.sources):
            return None
        self._last = submission
        return submission

    def _sight(self) -> Sight:
        """Name, size, time and number of every source in the folder."""
        try:
            with os.scandir(self.file.parent) as entries:
                found = [entry for entry in entries if entry.name.endswith((".py", self.file.suffix))]
                stats = [(entry.name, entry.stat()) for entry in found]
            stats.append(("", self.file.stat()))  # a folder's own entry may lag behind
        except OSError:
            return ()
        return tuple(sorted((name, s.st_size, s.st_mtime_ns, s.st_ino) for name, s in stats))


def _is_whole(submission: Submission) -> bool:
    """Whether its main text is Python and not empty."""
    assert submission.sources is not None
    text = submission.sources.files[submission.sources.main]
    return bool(text.strip()) and parse(text) is not None
