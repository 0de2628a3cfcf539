"""Which exercises a change of the sources can concern: what was edited is checked again, and nothing is overlooked.

Only edits of plain top-level functions are followed; their definitions run nothing. Anything else (a constant, a class,
an import, a helper file, code that looks names up at run time) may concern every exercise.
"""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterable, Mapping
from typing import TypeGuard

from autograder.grading.submission import Sources
from autograder.grading.syntax import parse

_LOOKUPS = {"eval", "exec", "compile", "globals", "locals", "vars", "dir", "getattr", "setattr", "delattr", "inspect"}
_LOOKUPS |= {"__import__", "importlib", "sys", "modules", "gc", "builtins", "__dict__", "__globals__", "__code__"}
"""With one of these, code may reach a function without spelling its name."""


def concerned(old: Sources, new: Sources, exercises: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """(exercises whose own code changed, exercises that the change may concern otherwise), in their order.

    exercises: the names of the functions of each. An exercise that is in neither list has the verdict it had.
    """
    before, after = _Outline.of(old.files.get(old.main, "")), _Outline.of(new.files.get(new.main, ""))
    if before is None or after is None:
        return [], list(exercises)
    changed = {n for n in (*before.functions, *after.functions) if before.functions.get(n) != after.functions.get(n)}
    reached = {name: after.reached(functions) | before.reached(functions) for name, functions in exercises.items()}
    direct = [name for name in exercises if reached[name] & changed]
    spreads = (
        len(old.files) + len(new.files) > 2  # helper files may reach back
        or before.order(after) != after.order(before)
        or (before.at_load | after.at_load) & changed
        or (before.mentioned | after.mentioned) & _LOOKUPS
        or any(name.startswith("__") for name in changed)
    )
    return direct, [name for name in exercises if name not in direct] if spreads else []


class _Outline:
    """A module's top level. functions: of each plain one, its text without positions.

    sequence: the names of these functions, and the texts of all other statements.
    at_load: names that loading the module mentions.  mentioned: all names in it.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.functions: dict[str, str] = {}
        self.uses: dict[str, set[str]] = collections.defaultdict(set)
        self.at_load: set[str] = set()
        self.mentioned: set[str] = set()
        self.sequence: list[str] = []
        for statement in tree.body:
            names = _names(statement)
            self.mentioned |= names
            if _is_plain(statement):
                # A second definition replaces the first; both count, so that nothing is overlooked.
                self.sequence.append(statement.name)
                self.functions[statement.name] = self.functions.get(statement.name, "") + ast.dump(statement)
                self.uses[statement.name] |= names
            elif not _only_as_script(statement):
                self.sequence.append(ast.dump(statement))
                self.at_load |= names
                for name in _bound(statement):
                    self.uses[name] |= names

    @classmethod
    def of(cls, text: str) -> _Outline | None:
        """None for a text that is not Python."""
        try:
            tree = parse(text)
            return None if tree is None else cls(tree)
        except RecursionError:
            return None

    def order(self, other: _Outline) -> list[str]:
        """The sequence without functions that the other module does not have."""
        return [part for part in self.sequence if part not in self.functions or part in other.functions]

    def reached(self, names: Iterable[str]) -> set[str]:
        """All names that these functions mention, directly or by way of others."""
        seen: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += self.uses.get(name, ())
        return seen


def _is_plain(statement: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    """A function whose definition does nothing but bind its name."""
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        return False
    arguments = statement.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    evaluated = [*arguments.defaults, *arguments.kw_defaults, statement.returns, *(a and a.annotation for a in every)]
    quiet = (ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.Tuple, ast.List, ast.BinOp, ast.UnaryOp)
    nodes = [node for part in evaluated if part is not None for node in ast.walk(part)]
    return all(isinstance(node, (*quiet, ast.expr_context, ast.operator, ast.unaryop)) for node in nodes)


def _only_as_script(statement: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which is never true where exercises are tried."""
    return (
        isinstance(statement, ast.If)
        and not statement.orelse
        and ast.dump(statement.test) == ast.dump(ast.parse('__name__ == "__main__"', mode="eval").body)
    )


def _names(node: ast.AST) -> set[str]:
    """Every identifier in a piece of code, and every text that could be one."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            found.add(part.attr)
        elif isinstance(part, ast.alias):
            found |= {*part.name.split("."), part.asname or ""}
        elif isinstance(part, (ast.Global, ast.Nonlocal)):
            found |= set(part.names)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            found.add(part.value)
    return found


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a statement may give a value to."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
    return found
