"""Known answers as submissions: the reference, right alternatives, misconceptions and mutants, each as plain text.

A known answer stands in a module of the bank that imports the testing kit. What the function itself needs is cut out
of it, so that it runs in the sandbox like any student's file.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

from autograder.grading.submission import Sources, Submission
from autograder.testing.answers import KnownAnswer
from autograder.testing.bank import BankError, Entry
from autograder.verify.mutants import Mutant, mutants_of

MAIN = "submission.py"
_ALLOWED = {"torch", "math", "numpy", "functools", "itertools", "__future__", "collections", "typing"}


@dataclasses.dataclass(frozen=True)
class Known:
    """A submission whose verdict is known. kind: reference, alternative, misconception or mutant."""

    exercise: str
    kind: str
    name: str
    submission: Submission
    mutant: Mutant | None = None


def known_answers(entry: Entry, reference_text: str) -> Iterator[Known]:
    """The reference, the alternatives and the misconceptions of an exercise."""
    yield _known(entry, "reference", entry.record.name, reference_text)
    for answer in entry.known:
        kind = "alternative" if answer.right else "misconception"
        yield _known(entry, kind, answer.name, _with_others(entry, answer, reference_text))


def mutants(entry: Entry, reference_text: str) -> Iterator[Known]:
    """The mechanical mutants of an exercise's reference."""
    names = [function.name for function in entry.record.functions]
    for mutant in mutants_of(reference_text, names):
        yield dataclasses.replace(_known(entry, "mutant", mutant.difference, mutant.text), mutant=mutant)


def reference_text(entry: Entry) -> str:
    """The text of the module that holds the exercise's references."""
    references = list((entry.references or {}).values())
    if not references:
        raise BankError(f"exercise {entry.record.name} has no reference")
    return Path(inspect.getfile(references[0])).read_text("utf-8")


def _known(entry: Entry, kind: str, name: str, text: str) -> Known:
    submission = Submission(f"{entry.record.name}: {kind} {name}", f"{kind} {name}", "", Sources({MAIN: text}, MAIN))
    return Known(entry.record.name, kind, name, submission)


def _with_others(entry: Entry, answer: KnownAnswer, reference: str) -> str:
    """The known answer under its function's name; the exercise's other functions are the reference's."""
    text = cut_out(Path(inspect.getfile(answer.answer)), answer.answer.__name__)
    renamed = "" if answer.answer.__name__ == answer.function else f"\n\n{answer.function} = {answer.answer.__name__}\n"
    others = len(entry.record.functions) > 1
    return (f"{reference}\n\n" if others else "") + text + renamed


def cut_out(path: Path, name: str) -> str:
    """The function ``name`` of a module with the helpers, constants and imports it needs, without decorators."""
    tree = ast.parse(path.read_text("utf-8"))
    homes: dict[str, ast.stmt] = {}
    for statement in tree.body:
        for bound in _bound(statement):
            homes[bound] = statement
    needed, todo = set[int](), [name]
    while todo:
        wanted = todo.pop()
        home = homes.get(wanted)
        if home is None:
            if hasattr(builtins, wanted):
                continue
            raise BankError(f"{path}: {name} uses {wanted}, which the module does not define")
        if id(home) in needed:
            continue
        needed.add(id(home))
        _check_import(path, name, home)
        if isinstance(home, ast.FunctionDef):
            home.decorator_list = []
        todo += _free_names(home)
    kept = [statement for statement in tree.body if id(statement) in needed]
    future = "from __future__ import annotations\n\n"
    return future + "\n\n".join(ast.unparse(statement) for statement in kept) + "\n"


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _check_import(path: Path, name: str, home: ast.stmt) -> None:
    modules = []
    if isinstance(home, ast.ImportFrom):
        modules = [home.module or ""]
    elif isinstance(home, ast.Import):
        modules = [alias.name for alias in home.names]
    for module in modules:
        if module.partition(".")[0] not in _ALLOWED:
            raise BankError(f"{path}: {name} needs {module}, which is not inside the sandbox: write it out")


def _free_names(node: ast.AST) -> list[str]:
    """Names a statement reads and does not bind itself; annotations are not evaluated."""
    nodes = list(_without_annotations(node))
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, (ast.Store, ast.Del))}
    bound |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    bound |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    bound |= {n.name for n in nodes if isinstance(n, ast.ExceptHandler) and n.name}
    imports = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
    bound |= {name for statement in imports for name in _bound(statement)}
    read = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    return [name for name in dict.fromkeys(read) if name not in bound]


def _without_annotations(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _without_annotations(child)
