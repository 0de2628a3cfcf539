"""Signatures of the catalogue (placeholder interface, being written)."""

from __future__ import annotations

import dataclasses
from typing import Self


@dataclasses.dataclass(frozen=True)
class Signature:
    """A parsed signature."""

    name: str
    parameters: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the catalogue's text."""
        head, _, rest = text.partition("(")
        return cls(head, tuple(p.partition(":")[0].strip() for p in rest.split(",")))
