"""Random draws, made once per run and shared: drawing costs more than all the calls and comparisons of a right answer.

Hypothesis draws a pool for each set of strategies from the run's seed. The properties of an exercise that draw the same
cases each start at another place in the pool, so that together they see three times as many inputs as one of them. A
class is graded in forked children, which inherit the pools of their parent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hypothesis
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy

from autograder.testing.profile import under_profile

SHARED = 3
"""Times as many cases in a shared pool as one property takes of it."""

Strategies = Mapping[str, SearchStrategy[Any]]
Inputs = list[dict[str, Any]]
_POOLS: dict[tuple[Any, ...], tuple[Strategies, Inputs]] = {}


def pool(strategies: Strategies, seed: int, count: int) -> Inputs:
    """``count`` draws of the strategies (fewer where there are not so many), the same for the same seed."""
    key = (*((name, id(strategy)) for name, strategy in strategies.items()), seed, count)
    if key not in _POOLS:
        _POOLS[key] = (strategies, _drawn(strategies, seed, count))  # kept alive, or an id could come again
    return _POOLS[key][1]


def part(inputs: Inputs, start: int, count: int) -> Inputs:
    """``count`` inputs from ``start`` on, around the end."""
    begin = start % len(inputs) if inputs else 0
    return (inputs[begin:] + inputs[:begin])[:count]


def _drawn(strategies: Strategies, seed: int, count: int) -> Inputs:
    inputs: Inputs = []
    test = under_profile(hypothesis.given(**strategies)(lambda **drawn: inputs.append(drawn)), seed, count)
    try:
        test()
    except Unsatisfiable:
        if not inputs:
            raise
    return inputs
