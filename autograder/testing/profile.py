"""The one Hypothesis profile of a graded run, and the seeds of its properties.

With ``CI=true`` Hypothesis loads a profile of its own under which every seed draws the same inputs. All that matters
is therefore named here, and every property runs under these settings, whatever profile is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, settings

DEFAULT_EXAMPLES = 20
"""Random draws of one property, beside its fixed cases."""


def profile(examples: int = DEFAULT_EXAMPLES) -> settings:
    """Settings of a graded run: random, no database, no deadline, no explain phase, one bug at a time."""
    return settings(
        max_examples=examples,
        derandomize=False,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=tuple(HealthCheck),
        backend="hypothesis",
        stateful_step_count=1,
    )


def property_seed(run_seed: int, exercise: str, name: str) -> int:
    """The seed of one property: another for each property and each run, the same on every machine."""
    digest = hashlib.sha256(f"{run_seed}:{exercise}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def under_profile(test: Callable[..., Any], seed: int, examples: int) -> Callable[..., Any]:
    """``test`` (a Hypothesis test) with the settings of a graded run and its own seed."""
    return hypothesis.seed(seed)(profile(examples)(test))
