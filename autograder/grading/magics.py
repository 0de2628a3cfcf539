"""Notebook commands that are not Python, made inert: ``%matplotlib inline``, ``!pip install x``, ``?help``, ``%%bash``.

IPython's own transformer would be a heavy dependency that turns each command into a call of ``get_ipython()``, which
the worker lacks; here a command becomes ``pass`` or ``None`` and keeps its line, so that line numbers stay right.
"""

from __future__ import annotations

import re

# Cell commands whose body is Python for this very notebook. All others hand it to another program.
_PYTHON_BODIES = {"time", "timeit", "capture", "prun"}

_CELL_COMMAND = re.compile(r"\s*%%(?P<name>\w*)")
_LINE_COMMAND = re.compile(
    r"""(?P<indent>[ \t]*)(?:
        [%!?]                                        # %matplotlib inline, !ls, ?help
      | (?:pip|conda|mamba)\s+(?:install|uninstall)\b  # understood without a % as well
      | [\w.%]+\?\??\s*$                             # help?
    )""",
    re.VERBOSE,
)
_TIMED = re.compile(r"(?P<indent>[ \t]*)%(?:time|timeit|prun)[ \t]+(?P<statement>[^-\s].*)")
_ASSIGNED = re.compile(r"(?P<target>[\w.,\[\] \t]+=)[ \t]*(?:!|%\w)")

# What hides brackets and line ends: strings, comments, escaped line ends. An unfinished string reaches to its end.
_TOKEN = re.compile(
    r"""(?P<string>\"{3}(?:\\.|[^\\])*?(?:\"{3}|\\?\Z)|'{3}(?:\\.|[^\\])*?(?:'{3}|\\?\Z)|"(?:\\.|[^\\"\n])*"?|'(?:\\.|[^\\'\n])*'?)
      |(?P<comment>\#[^\n]*)|(?P<joined>\\\n)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<newline>\n)""",
    re.VERBOSE | re.DOTALL,
)


def without_magics(cell: str) -> str | None:
    """The Python of a cell, line for line; None if the whole cell is for another program (``%%bash``)."""
    if command := _CELL_COMMAND.match(cell):
        if command["name"] not in _PYTHON_BODIES:
            return None
        first, _, body = cell[command.start("name") - 2 :].partition("\n")
        before = cell[: command.start("name") - 2]
        return f"{before}# {first}\n{without_magics(body) or ''}"
    return "".join(_neutralised(line) for line in _logical_lines(cell))


def _logical_lines(text: str) -> list[str]:
    """``text`` in pieces that each begin where a statement may begin."""
    pieces, start, depth, position = [], 0, 0, 0
    while position < len(text):
        if position == start and _is_command(text, position):
            position = _end_of_command(text, position)
        elif token := _TOKEN.search(text, position):
            position = token.end()
            depth = max(depth + (token.lastgroup == "open") - (token.lastgroup == "close"), 0)
            if token.lastgroup != "newline" or depth:
                continue
        else:
            position = len(text)
        pieces.append(text[start:position])
        start = position
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def _is_command(text: str, position: int) -> bool:
    end = text.find("\n", position)
    line = text[position : end if end >= 0 else len(text)]
    return bool(_LINE_COMMAND.match(line) or _ASSIGNED.match(line))


def _end_of_command(text: str, position: int) -> int:
    """The end of the line, and of those that a backslash joins to it."""
    while (end := text.find("\n", position)) >= 0:
        if not text[position:end].endswith("\\"):
            return end + 1
        position = end + 1
    return len(text)


def _neutralised(piece: str) -> str:
    """One logical line, inert if it is a command."""
    first, newline, rest = piece.partition("\n")
    if timed := _TIMED.match(first):
        return f"{timed['indent']}{timed['statement']}{newline}{rest}"
    if assigned := _ASSIGNED.match(first):
        inert = f"{assigned['target']} None"
    elif command := _LINE_COMMAND.match(first):
        inert = f"{command['indent']}pass"
    else:
        return piece
    return inert + newline + "\n" * rest.count("\n")
