"""From properties to a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.grading.verdict import Verdict
from autograder.testing.runner import Kind, Outcome

_OF_KIND = {
    Kind.TIMEOUT: Verdict.TIMEOUT,
    Kind.MEMORY: Verdict.MEMORY,
    Kind.ERROR: Verdict.ERROR,
    Kind.WRONG: Verdict.WRONG,
    Kind.NOT_TRIED: Verdict.TIMEOUT,
    Kind.PASSED: Verdict.RIGHT,
}
_PRECEDENCE = list(Verdict)


def verdict_of_kind(kind: Kind) -> Verdict:
    """What a property's outcome alone would mean."""
    return _OF_KIND[kind]


def verdict_of(outcomes: Sequence[Outcome], broken_rules: Sequence[str]) -> Verdict:
    """right = every property passed; otherwise the gravest: rule > timeout > memory > error > wrong."""
    tried = (outcome for outcome in outcomes if outcome.kind is not Kind.NOT_TRIED)
    verdicts = {verdict_of_kind(outcome.kind) for outcome in tried} | ({Verdict.RULE} if broken_rules else set())
    return min(verdicts, key=_PRECEDENCE.index, default=Verdict.RIGHT)
