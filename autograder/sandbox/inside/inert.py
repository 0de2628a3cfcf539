"""Stand-ins for what draws, displays or reports progress: nothing is drawn, and nothing fails for lack of a screen."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

PLOTTING = {"matplotlib", "mpl_toolkits", "pylab", "seaborn", "plotly", "bokeh", "altair", "IPython", "ipywidgets"}
PROGRESS = "tqdm"


class Inert:
    """Answers every attribute, call, index and operator with itself."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """A lone function is returned unchanged, so that ``@interact(...)`` does not swallow what it decorates."""
        if len(arguments) == 1 and isinstance(arguments[0], types.FunctionType | type):
            return arguments[0]
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _METHODS.get(name, self)

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:  # "line, = ax.plot(x, y)"
        return iter((self,))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *details: Any) -> None:
        pass

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def _self(self, *arguments: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _self


class InertMethod(Inert):
    """A method whose answer is usually unpacked into several names."""

    def __init__(self, parts: int) -> None:
        self._parts = parts

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """``parts`` stand-ins."""
        return (INERT,) * self._parts


class InertSubplots(Inert):
    """``fig, (left, right) = plt.subplots(1, 2)``: the axes come in the promised arrangement."""

    def __call__(self, nrows: int = 1, ncols: int = 1, **options: Any) -> Any:
        """A figure and its axes."""
        rows = [Axes([INERT] * ncols) for _ in range(nrows)]
        if nrows == 1:
            return INERT, INERT if ncols == 1 else rows[0]
        return INERT, Axes([row[0] for row in rows] if ncols == 1 else rows)


class Axes(list[Any]):
    """An array of axes."""

    def ravel(self) -> Axes:
        """One after another."""
        return Axes([axis for row in self for axis in (row if isinstance(row, Axes) else [row])])

    flatten = ravel

    @property
    def flat(self) -> Axes:
        """One after another."""
        return self.ravel()

    def __getitem__(self, key: Any) -> Any:
        return list.__getitem__(self, key) if isinstance(key, int | slice) else INERT


class Progress:
    """``tqdm``: the same items, no bar."""

    def __init__(self, iterable: Iterable[Any] = (), *arguments: Any, **options: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self._iterable)

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]  # as tqdm: TypeError if it has none

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *details: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return INERT


INERT = Inert()
_METHODS: dict[str, Inert] = {
    "subplots": InertSubplots(),
    "hist": InertMethod(3),
    "hist2d": InertMethod(4),
    "get_xlim": InertMethod(2),
    "get_ylim": InertMethod(2),
}


class InertModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for every plotting module, whether the real one is installed or not."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """As importlib asks."""
        if name.partition(".")[0] not in PLOTTING | {PROGRESS}:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def exec_module(self, module: types.ModuleType) -> None:
        """Give the module its attributes."""
        if module.__name__.partition(".")[0] == PROGRESS:
            members = {"tqdm": Progress, "trange": lambda *bounds, **options: Progress(range(*bounds))}
            module.__dict__.update(members, tqdm_notebook=Progress)
        else:
            module.__dict__["__getattr__"] = INERT.__getattr__
