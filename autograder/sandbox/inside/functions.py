"""Functions that cross the wall as descriptions (placeholder interface, being written)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self


class Described:
    """A member of a small public family of differentiable functions: a name and tensors."""

    def parameters(self) -> dict[str, Any]:
        """Name -> tensor or number."""
        raise NotImplementedError

    def map(self, change: Callable[[Any], Any]) -> Self:
        """The same member with every parameter changed."""
        raise NotImplementedError
