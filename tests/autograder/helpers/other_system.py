"""Runs the installed command as if on Windows or macOS: what these systems lack is absent for the project's own files.

    python other_system.py DESCRIPTION -m autograder check submission.py

Other packages see the system as it is: they come in versions for every system. What a system lacks is read from
typeshed, the type checker's description of the standard library, so it is not a list of what we happened to think of.
"""

from __future__ import annotations

import ast
import builtins
import json
import runpy
import sys
import types
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3] / "autograder"
LINUX_PACKAGES = ("landlockpy", "pyseccomp")


def describe(platform: str, file: Path) -> Path:
    """Write to ``file`` which modules and names a system ("win32", "darwin") lacks."""
    import mypy

    stubs = Path(mypy.__file__).parent / "typeshed" / "stdlib"
    modules, names = list(LINUX_PACKAGES), {}
    for stub in (*stubs.glob("*.pyi"), *stubs.glob("*/__init__.pyi")):
        module = stub.stem if stub.stem != "__init__" else stub.parent.name
        everywhere, there = _defined(stub, "linux"), _defined(stub, platform)
        if everywhere and not there:
            modules.append(module)
        elif everywhere - there:
            names[module] = sorted(everywhere - there)
    file.write_text(json.dumps({"platform": platform, "modules": modules, "names": names}))
    return file


def _defined(stub: Path, platform: str) -> set[str]:
    system = types.SimpleNamespace(platform=platform, version_info=sys.version_info)
    return set(_names(ast.parse(stub.read_text()).body, system))


def _names(statements, system):
    for node in statements:
        if isinstance(node, ast.If):
            holds = eval(compile(ast.Expression(node.test), "stub", "eval"), {"sys": system, "TYPE_CHECKING": True})
            yield from _names(node.body if holds else node.orelse, system)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.asname == alias.name)  # exported again


class Without(types.ModuleType):
    """A module as another system has it."""

    def __init__(self, module, lacks, differs) -> None:
        object.__setattr__(self, "_module", module)
        object.__setattr__(self, "_lacks", frozenset(lacks))
        object.__setattr__(self, "_differs", differs)

    def __getattribute__(self, name):
        get = object.__getattribute__
        if name in get(self, "_differs"):
            return get(self, "_differs")[name]
        if name in get(self, "_lacks"):
            raise AttributeError(f"module {get(self, '_module').__name__!r} has no attribute {name!r} on this system")
        return getattr(get(self, "_module"), name)

    def __setattr__(self, name, value) -> None:
        setattr(object.__getattribute__(self, "_module"), name, value)


def pretend(description: Path, executable: Path | None) -> None:
    """From here on, files of the project import what the other system has. executable: of further processes."""
    system = json.loads(description.read_text())
    differs = {"sys": {"platform": system["platform"]}, "os": {}}
    if executable is not None:
        differs["sys"]["executable"] = str(executable)
    if system["platform"] == "win32":
        differs["os"] = {"name": "nt", "supports_dir_fd": set(), "supports_fd": set(), "O_BINARY": 0}
    lacks = {name: set(names) for name, names in system["names"].items()}
    real = builtins.__import__

    def importing(name, globals=None, locals=None, fromlist=(), level=0):
        file = (globals or {}).get("__file__") or ""
        if level or not file.startswith(str(PROJECT)):
            return real(name, globals, locals, fromlist, level)
        if name.partition(".")[0] in system["modules"]:
            raise ModuleNotFoundError(f"No module named {name!r} on this system", name=name)
        module = real(name, globals, locals, fromlist, level)
        known = module.__name__
        if known in lacks or known in differs:
            return Without(module, lacks.get(known, ()), differs.get(known, {}))
        return module

    builtins.__import__ = importing


def main() -> None:
    """DESCRIPTION, then the interpreter's own arguments."""
    description, *arguments = sys.argv[1:]
    launcher = Path(description).with_suffix(".sh")
    pretend(Path(description), launcher)
    while arguments[0] in ("-I", "-S", "-P"):
        del arguments[0]
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        exec(
            compile(arguments[1], str(PROJECT / "-c"), "exec"),
            {"__name__": "__main__", "__file__": str(PROJECT / "-c")},
        )
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def launcher(platform: str, folder: Path) -> Path:
    """A program to be used like the interpreter, on the other system."""
    description = describe(platform, folder / f"{platform}.json")
    script = description.with_suffix(".sh")
    isolated = "-I -S"  # as a worker is started, which adds its packages itself
    script.write_text(
        f"""#!/bin/sh
case "$1 $2" in "{isolated}") flags="{isolated}" ;; *) flags=-P ;; esac
exec {sys.executable} $flags {__file__} {description} "$@"
"""
    )
    script.chmod(0o755)
    return script


if __name__ == "__main__":
    main()
