"""A submission after intake: text to run, never files to open again."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sources:
    """The Python text of one submission.

    files: posix name ("submission.py", "helpers/linear.py") -> text.  main: the name of the file that is graded.
    cells: for a notebook, (first line in main, cell number from 1), ascending; empty for a module.
    """

    files: dict[str, str]
    main: str
    cells: tuple[tuple[int, int], ...] = ()

    def locate(self, file: str, line: int) -> str:
        """Where a line stands for its author: "cell 3, line 2" or "submission.py, line 12"."""
        if file != self.main or not self.cells:
            return f"{file}, line {line}"
        first, number = max((cell for cell in self.cells if cell[0] <= line), default=self.cells[0])
        return f"cell {number}, line {line - first + 1}"


@dataclasses.dataclass(frozen=True)
class Submission:
    """One student's hand-in.

    path: as the user named it.  assignment: the set, where the folder layout tells it, else "".
    sources: None when nothing could be read.  notes: one sentence per file that was skipped, refused or repaired.
    """

    path: str
    student: str
    assignment: str = ""
    sources: Sources | None = None
    notes: tuple[str, ...] = ()
