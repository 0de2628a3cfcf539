"""The students' wheel: what ``check``, ``exercises`` and ``doctor`` need of the engine, and nothing else.

Which modules that are follows from their imports, and so do the packages the wheel asks for; the ranges are those of
the installed autograder. The version carries a digest of the content, so that pip replaces an older wheel. Built by
setuptools, without network; the same modules give the same bytes.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import autograder
from autograder.course.prose import BuildError

COMMANDS = ("check", "exercises", "doctor")
_PACKAGE = Path(autograder.__file__).parent
_ROOTS = ("__init__", "__main__", "check", "cli/main", *(f"cli/{name}" for name in COMMANDS))
_ROOMS = ("sandbox", "testing")
"""Whole rooms: the zygote starts its inside by path, and public properties use the kit."""
_DATA = {".json", ".typed"}
_EPOCH = "315619200"
"""1980-01-02: the first whole day that a zip file can state, in any time zone."""


def build_wheel(folder: Path) -> Path:
    """A wheel in ``folder``; its path. Raises BuildError where setuptools is missing or fails."""
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary) / "project"
        files = sorted(_files())
        for file in files:
            copy = project / "autograder" / file.relative_to(_PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            copy.chmod(0o644)
        (project / "pyproject.toml").write_text(_pyproject(files), "utf-8")
        (project / "dist").mkdir()
        code = "import setuptools.build_meta as b; b.build_wheel('dist')"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=project,
            env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            umask=0o022,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        made = list((project / "dist").glob("*.whl"))
        if done.returncode or len(made) != 1:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise BuildError(
                f"the students' wheel could not be built (is setuptools 77 or newer installed?): {reason[0]}"
            )
        return Path(shutil.copyfile(made[0], folder / made[0].name))


def _files() -> Iterator[Path]:
    """The modules that are reached, and the data beside them."""
    modules = _reached()
    yield from modules
    for folder in {module.parent for module in modules}:
        yield from (file for file in folder.iterdir() if file.suffix in _DATA or file.name == "py.typed")


def _reached() -> set[Path]:
    """All modules that the roots import, at the top or inside functions, directly or not."""
    todo = [_PACKAGE / f"{root}.py" for root in _ROOTS]
    todo += [file for room in _ROOMS for file in (_PACKAGE / room).rglob("*.py")]
    found: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in found or not file.is_file():
            continue
        found.add(file)
        for name in _imports(file):
            if name.partition(".")[0] == "autograder":
                todo += _modules(name)
    return found


def _modules(name: str) -> Iterator[Path]:
    """The file of a module or package, and of the packages around it; none where the name is no module."""
    parts = name.split(".")[1:]
    for length in range(len(parts) + 1):
        inside = _PACKAGE.joinpath(*parts[:length])
        yield inside / "__init__.py"
        if length:
            yield inside.with_suffix(".py")


def _imports(file: Path) -> Iterator[str]:
    """Dotted names that may be modules; what is imported for type checkers alone is left out."""
    tree = ast.parse(file.read_text("utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _pyproject(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(_PACKAGE)}\0".encode() + file.read_bytes() + b"\0")
    requirements = _requirements([file for file in files if file.suffix == ".py"])
    digest.update("\n".join(requirements).encode())
    listed = ",\n".join(f"    {_quoted(requirement)}" for requirement in requirements)
    return f"""\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "autograder"
version = "{autograder.__version__}+s{digest.hexdigest()[:10]}"
description = "Checks derivations in torch with public properties: the students' part."
license = "MIT"
requires-python = {_quoted(importlib.metadata.metadata("autograder")["Requires-Python"])}
dependencies = [
{listed},
]

[project.scripts]
autograder = "autograder.cli.main:main"

[project.entry-points.pytest11]
autograder = "autograder.testing.pytest_plugin"

[tool.setuptools]
packages = {{ find = {{ include = ["autograder*"] }} }}

[tool.setuptools.package-data]
"*" = ["py.typed", "*.json"]
"""


def _requirements(modules: list[Path]) -> list[str]:
    """Those of autograder's requirements that these modules import; pytest only serves who has it."""
    distributions = importlib.metadata.packages_distributions()
    imported = {name.partition(".")[0] for module in modules for name in _imports(module)} - {"pytest"}
    needed = {_plain(distribution) for name in imported for distribution in distributions.get(name, ())}
    kept = []
    for requirement in importlib.metadata.requires("autograder") or ():
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        # What is needed on another system only is not installed here, so that its imports are unknown.
        here = name is not None and (_plain(name[0]) in needed or ("sys_platform" in requirement))
        if here and "extra ==" not in requirement:
            kept.append(requirement)
    return sorted(kept)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _quoted(text: str | None) -> str:
    return "'" + (text or "") + "'"
