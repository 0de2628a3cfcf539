"""The student's sources as modules: imported from memory, the main one statement by statement."""

from __future__ import annotations
import __future__

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import posixpath
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any


class MemoryModules(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds modules among texts by posix name ("helpers/linear.py"), next to the main file first, then at the root."""

    def __init__(self, files: dict[str, str], main: str) -> None:
        self.files = files
        self.roots = dict.fromkeys((posixpath.dirname(main), ""))
        for name, source in files.items():  # tracebacks, inspect.getsource and torch.jit read sources from here
            linecache.cache[name] = (len(source), None, source.splitlines(True), name)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As importlib asks; a folder without __init__.py is a package too."""
        for root in self.roots:
            base = posixpath.join(root, name.replace(".", "/"))
            for origin, package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
                if origin in self.files:
                    return importlib.util.spec_from_loader(name, self, origin=origin, is_package=package)
            if any(file.startswith(f"{base}/") for file in self.files):
                return importlib.util.spec_from_loader(name, self, origin="", is_package=True)
        return None

    def get_source(self, fullname: str) -> str | None:
        """The module's text; None when there is no such module."""
        spec = self.find_spec(fullname)
        return None if spec is None else self.files.get(spec.origin or "", "")

    def exec_module(self, module: types.ModuleType) -> None:
        """Run a helper module; its exceptions are its importer's."""
        origin = (module.__spec__.origin if module.__spec__ else "") or ""
        if origin:
            module.__file__ = origin
            exec(compile(self.files[origin], origin, "exec", dont_inherit=True), module.__dict__)


def run_statements(
    source: str, file: str, fail: Callable[[BaseException, int], None], name: str = "submission"
) -> types.ModuleType:
    """Execute a file statement by statement into a new module.

    A statement that raises is handed to ``fail(exception, line)`` and costs itself, not what follows; a text that does
    not parse costs the file.
    """
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    try:
        tree = ast.parse(source, file)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        fail(error, getattr(error, "lineno", None) or 0)
        return module
    module.__doc__ = ast.get_docstring(tree, clean=False)
    flags = 0
    for statement in tree.body:
        flags |= _future_flags(statement)
        try:
            code = compile(ast.Module([statement], []), file, "exec", flags, dont_inherit=True)
            exec(code, module.__dict__)
        except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's, too
            fail(error, statement.lineno)
    return module


def _future_flags(statement: ast.stmt) -> int:
    """The compiler flags that ``from __future__ import ...`` sets for the statements after it."""
    if not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
        return 0
    features: list[Any] = [getattr(__future__, alias.name, None) for alias in statement.names]
    return sum(feature.compiler_flag for feature in features if feature is not None)
