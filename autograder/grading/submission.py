"""A submission after intake: text to run, never files to open again."""

from __future__ import annotations

import dataclasses

import msgspec


@dataclasses.dataclass(frozen=True)
class Sources:
    """The Python text of one submission.

    files: posix name ("submission.py", "helpers/linear.py") -> text.
    main: the name of the file that is graded; intake always calls it "submission.py", whatever its author did.
    cells: for a notebook, (first line in main, cell number from 1 among all cells), ascending; empty for a module.
    title: the main file's own name, for its author ("hw1.py"); "" means main.
    """

    files: dict[str, str]
    main: str
    cells: tuple[tuple[int, int], ...] = ()
    title: str = ""

    def encode(self) -> bytes:
        """As JSON, for the store."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Sources:
        """What ``encode`` gave."""
        return msgspec.json.decode(data, type=cls)

    def locate(self, file: str, line: int) -> str:
        """Where a line stands for its author: "cell 3, line 2" or "hw1.py, line 12"."""
        if file == self.main and self.cells:
            first, number = max((cell for cell in self.cells if cell[0] <= line), default=self.cells[0])
            return f"cell {number}, line {max(line - first + 1, 1)}"
        return f"{(self.title or file) if file == self.main else file}, line {line}"


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
