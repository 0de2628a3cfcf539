"""Functions that live in this process, as a notebook defines them: called like a student's, and read like a file."""

from __future__ import annotations

import ast
import builtins
import contextlib
import dataclasses
import inspect
import io
import linecache
import random
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.grading.submission import Sources
from autograder.testing.inprocess import InProcess
from autograder.testing.outcomes import StudentError, Trace
from autograder.testing.student import Operator

MAIN = "submission.py"
_HOMES = ("torch", "torch.linalg", "torch.nn.functional", "torch.special", "torch.autograd", "numpy", "numpy.linalg")


class Live(InProcess):
    """Functions of a notebook. What they print is dropped, as most of it would be printed a hundred times."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]], sources: LiveSources) -> None:
        super().__init__(functions)
        self._sources = sources

    def operators(self, function: str, arguments: Sequence[Any]) -> list[Operator]:
        """The operators that ran during one call; none where the call fails."""
        with contextlib.redirect_stdout(io.StringIO()):
            return super().operators(function, arguments)

    def fresh(self, seed: int) -> Live:
        """The same functions, torch's generator started elsewhere."""
        torch.manual_seed(seed)
        return Live(self._functions, self._sources)

    def _run(self, function: str, arguments: tuple[Any, ...]) -> Any:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return self._functions[function](*arguments)
        except (Exception, SystemExit) as error:
            kinds = tuple(kind.__name__ for kind in type(error).__mro__)
            raise StudentError(kinds, str(error)[:1000], self._sources.trace(error)) from error


@contextlib.contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seeded generators inside; outside, the ones of the notebook go on as if nothing had been."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])


@dataclasses.dataclass(frozen=True)
class _Piece:
    """A function's text in the sources. first: its line there.  file, line: where it was defined."""

    first: int
    file: str
    line: int
    length: int


@dataclasses.dataclass(frozen=True)
class LiveSources(Sources):
    """The text of functions and of what they use, put together as one module. pieces: where each part comes from."""

    pieces: tuple[_Piece, ...] = ()

    def locate(self, file: str, line: int) -> str:
        """ "In[5], line 2" in a notebook, else "work.py, line 12"."""
        for piece in self.pieces:
            if piece.first <= line < piece.first + piece.length:
                return f"{_shown(piece.file)}, line {line - piece.first + piece.line}"
        return f"line {line}"

    def trace(self, error: BaseException) -> Trace:
        """The innermost frame in these functions."""
        found, frame = Trace(), error.__traceback__
        while frame is not None:
            for piece in self.pieces:
                inside = piece.line <= frame.tb_lineno < piece.line + piece.length
                if inside and frame.tb_frame.f_code.co_filename == piece.file:
                    text = linecache.getline(piece.file, frame.tb_lineno).strip()[:200]
                    found = Trace(MAIN, frame.tb_lineno - piece.line + piece.first, text)
            frame = frame.tb_next
        return found


def sources_of(functions: Mapping[str, Callable[..., Any]]) -> LiveSources:
    """What can be read of the functions; where Python keeps no source, nothing."""
    lines, found = _reached(functions)
    pieces = []
    for text, function in found:
        code, added = function.__code__, text.splitlines()
        pieces.append(_Piece(len(lines) + 1, code.co_filename, code.co_firstlineno, len(added)))
        lines += added
    return LiveSources({MAIN: "\n".join(lines) + "\n"}, MAIN, pieces=tuple(pieces))


def _reached(functions: Mapping[str, Callable[..., Any]]) -> tuple[list[str], list[tuple[str, types.FunctionType]]]:
    """(imports and constants, texts of functions) that these functions use, directly or by way of others."""
    simple: list[str] = []
    found: list[tuple[str, types.FunctionType]] = []
    home = next((f.__globals__ for f in map(inspect.unwrap, functions.values()) if inspect.isfunction(f)), {})
    todo, seen = list(functions.items()), set()
    while todo:
        name, value = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        value = inspect.unwrap(value) if callable(value) else value
        if inspect.isfunction(value) and value.__globals__ is home:
            if text := _text(value):
                found.append((text if value.__name__ == name else f"{text}{name} = {value.__name__}\n", value))
            todo += [(used, home[used]) for used in sorted(_mentioned(value.__code__)) if used in home]
        elif (statement := _statement(name, value)) is not None:
            simple.append(statement)
    return simple, found


def _text(function: types.FunctionType) -> str:
    """Its definition as a statement of its own, or ""."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
        ast.parse(text)
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return text if text.endswith("\n") else f"{text}\n"


def _mentioned(code: types.CodeType) -> set[str]:
    """Global names, also of the functions inside."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_mentioned, inner))


def _statement(name: str, value: Any) -> str | None:
    """A statement that gives ``name`` the value, where there is one."""
    if inspect.ismodule(value):
        return f"import {value.__name__} as {name}"
    if isinstance(value, (bool, int, float, str)) and not isinstance(value, np.generic):
        return f"{name} = {value!r}"
    own = getattr(value, "__name__", "")
    if not callable(value) or not own.isidentifier():
        return None
    for home in (*_HOMES, getattr(value, "__module__", None), "math"):
        for known in (own, name, own.removeprefix("linalg_")):
            if home and home not in ("__main__", "builtins") and getattr(sys.modules.get(home), known, None) is value:
                return f"from {home} import {known} as {name}"
    return f"{name} = {own}" if getattr(builtins, own, None) is value and own != name else None


def _shown(file: str) -> str:
    """A cell by its number, a file by its name."""
    try:
        shell: Any = sys.modules["IPython"].get_ipython()
        return str(shell.compile.format_code_name(file)[1])
    except (AttributeError, TypeError, KeyError):
        return Path(file).name
