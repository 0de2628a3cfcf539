"""Imports ahead of time, for a zygote that cannot read its interpreter's files any more once it has given up root.

That is so where root grades without bubblewrap, with an interpreter below a private home. What is not imported here
does not exist for a submission.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import linecache
import pkgutil
import sys
import warnings

_PACKAGES = (
    "numpy numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random numpy.testing torch.autograd torch.fft "
    "torch.distributions torch.func torch.linalg torch.nn torch.nn.modules torch.nn.utils torch.optim torch.signal "
    "torch.sparse torch.special torch.testing torch.utils.data torch.utils.serialization torch._decomp "
    "torch._functorch torch._subclasses"
)
_NOT_ROUTINE = ["antigravity", "idlelib", "lib2to3", "this", "tkinter", "turtle", "turtledemo"]


def import_ahead() -> None:
    """The standard library, the parts of torch and numpy that come late, and the sources that torch.jit reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(sys.stdlib_module_names - set(_NOT_ROUTINE)):
            if not name.startswith("_"):
                _import(name)
        for package in _PACKAGES.split():
            _import(package)
            for part in pkgutil.iter_modules(getattr(sys.modules.get(package), "__path__", [])):
                if not part.name.startswith(("test", "_test")) and part.name not in ("setup", "conftest"):
                    _import(f"{package}.{part.name}")
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("torch", "enum", "typing", "functools", "math"):
            _keep_source(module)


def _import(name: str) -> None:
    with contextlib.suppress(Exception, SystemExit):  # a part that is not for this system
        importlib.import_module(name)


def _keep_source(module: object) -> None:
    with contextlib.suppress(Exception):
        file = inspect.getsourcefile(module)  # type: ignore[arg-type]
        lines = linecache.getlines(file or "")
        if file and lines:
            linecache.cache[file] = sum(map(len, lines)), None, lines, file  # without a time it is not looked for again
