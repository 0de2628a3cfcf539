"""Rules: what an implementation may not use (placeholder interface, being written)."""

from __future__ import annotations

import abc


class Rule(abc.ABC):
    """One thing an implementation may not do."""
