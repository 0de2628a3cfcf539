"""A function with what it needs of its module: helpers, constants, imports, and nothing else."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path

from autograder.testing.bank import BankError

_ALLOWED = {"torch", "math", "numpy", "functools", "itertools", "__future__", "collections", "typing"}


def needed_statements(path: Path, tree: ast.Module, name: str, *, annotations: bool = False) -> list[ast.stmt]:
    """The statements of a module that ``name`` needs, its own among them, in their order.

    annotations: whether what helpers are annotated with is needed, too (where it will be evaluated); those of
    ``name`` itself never are. Decorators are taken off. Raises BankError where a name is not defined, or is imported
    from what is not inside the sandbox.
    """
    homes = {bound: statement for statement in tree.body for bound in _bound(statement)}
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
        todo += _free_names(home, annotations=annotations and wanted != name)
    return [statement for statement in tree.body if id(statement) in needed]


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


def _free_names(node: ast.AST, *, annotations: bool) -> list[str]:
    """Names a statement reads and does not bind itself."""
    nodes = list(ast.walk(node) if annotations else _without_annotations(node))
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
