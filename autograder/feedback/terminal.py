"""What the terminal, or the pipe, can take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

from autograder.feedback.words import WORDS

_SIGNS = str.maketrans({**{word.glyph: word.ascii for word in WORDS.values()}, "…": "...", "×": "x", "–": "-"})


@contextlib.contextmanager
def legible(console: Console, width: int = 0) -> Iterator[None]:
    """For what is printed inside: in a pipe, at least ``width`` columns; signs that the encoding lacks, replaced."""
    before = console.width
    if not console.is_terminal and width:
        console.width = max(before, width)
    try:
        if console.encoding.lower().startswith("utf"):
            yield
            return
        with console.capture() as captured:
            yield
        text = captured.get().translate(_SIGNS)
        console.file.write(text.encode(console.encoding, "backslashreplace").decode(console.encoding))
    finally:
        console.width = before
