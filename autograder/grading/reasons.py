"""What may be said about an outcome: everything on public inputs, next to nothing on hidden ones.

Exception names and texts can carry inputs out, so on hidden inputs only the nearest exception class that Python or
torch itself defines is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autograder.feedback.plots import plot_data
from autograder.feedback.values import readable, readable_pair
from autograder.grading.credit import verdict_of_kind
from autograder.grading.exact import pack
from autograder.grading.keys import counterexample_id
from autograder.grading.store import StoredCounterexample
from autograder.grading.submission import Sources
from autograder.grading.verdict import Counterexample, PropertyResult, Verdict
from autograder.sandbox.inside.wire import UnsendableError
from autograder.testing.assertions import known_kind
from autograder.testing.outcomes import Call, StudentError
from autograder.testing.record import Exercise
from autograder.testing.runner import Kind, Outcome


def own_line(outcome: Outcome, sources: Sources) -> str:
    """The student's line that raised: "cell 3, line 2: return A @ B", or "".

    Names of files and numbers of lines that the sources do not have are not repeated: they could carry inputs out.
    """
    trace = outcome.trace
    if not 1 <= trace.line <= len(sources.files.get(trace.file, "").splitlines()):
        return ""
    place = sources.locate(trace.file, trace.line)
    return f"{place}: {trace.text.strip()}" if trace.text.strip() else place


def message_of(outcome: Outcome, sources: Sources) -> str:
    """One sentence for the student."""
    if outcome.passed:
        return ""
    public = outcome.declared.public
    if outcome.error is not None:
        return _raised(outcome.error, outcome, sources, public)
    if not public and outcome.kind is Kind.WRONG:
        return "does not hold on inputs that are not shown"
    if not public and outcome.interrupted:
        return outcome.message.partition(" (")[0]  # an exit status, or the size of a frame, is of the student's choice
    return outcome.message


def _raised(error: StudentError, outcome: Outcome, sources: Sources, public: bool) -> str:
    name = known_kind(error.kinds)
    text = f": {error.text}" if public and error.text else ""
    line = own_line(outcome, sources)
    return f"raises {name}{text}" + (f" ({line})" if line and public else f" ({line.split(':')[0]})" if line else "")


def counterexample_of(
    exercise: Exercise, outcome: Outcome, sources: Sources
) -> tuple[Counterexample | None, StoredCounterexample | None]:
    """The failing call as readable text, and with its exact arguments for a replay (None if they cannot travel)."""
    call = outcome.call
    if outcome.passed or call is None or outcome.kind is Kind.NOT_TRIED:
        return None, None
    stored = _stored(exercise, outcome, call, sources)
    arguments = _named(exercise, call)
    expected, got = readable_pair(outcome.expected, outcome.got)
    shown = Counterexample(
        id=stored.id if stored is not None else "",
        function=call.function,
        arguments={name: readable(value) for name, value in arguments.items()},
        expected=None if outcome.expected is None else expected,
        got=None if outcome.got is None else got,
        where=outcome.where,
        plot=plot_data(outcome.expected, outcome.got, arguments) if outcome.expected is not None else None,
    )
    return shown, stored


def _stored(exercise: Exercise, outcome: Outcome, call: Call, sources: Sources) -> StoredCounterexample | None:
    try:
        arguments = pack(call.arguments)
    except UnsendableError:
        return None
    text, declared = sources.encode(), outcome.declared
    name = counterexample_id(exercise.name, call.function, declared.name, arguments, text)
    return StoredCounterexample(name, exercise.name, call.function, declared.name, arguments, text)


def _named(exercise: Exercise, call: Call) -> dict[str, Any]:
    names = list(exercise.function(call.function).parsed.parameters)
    names += [f"argument {index + 1}" for index in range(len(names), len(call.arguments))]
    return dict(zip(names, call.arguments, strict=False))


def property_result(
    exercise: Exercise, outcome: Outcome, sources: Sources
) -> tuple[PropertyResult, StoredCounterexample | None]:
    """The outcome as it is stored and shown, with its counterexample."""
    shown, stored = counterexample_of(exercise, outcome, sources)
    declared = outcome.declared
    result = PropertyResult(
        name=declared.name,
        public=declared.public,
        passed=outcome.passed,
        message=message_of(outcome, sources),
        counterexample=shown,
        sentence=declared.sentence,
        weight=declared.weight,
        gate=declared.gate,
        tried=outcome.kind is not Kind.NOT_TRIED,
    )
    return result, stored


def reason_of(
    verdict: Verdict,
    properties: Sequence[PropertyResult],
    broken_rules: Sequence[str],
    kinds: Mapping[str, Kind],
) -> str:
    """The verdict in one sentence. kinds: what became of each property that was run, by name."""
    if verdict is Verdict.RIGHT:
        return "Right: every property holds."
    if verdict is Verdict.RULE:
        return f"Breaks a rule of this exercise: {broken_rules[0]}."
    failed = [p for p in properties if not p.passed and p.tried]
    failed = [p for p in failed if verdict_of_kind(kinds[p.name]) is verdict] or failed
    first = min(failed, key=lambda p: (not p.gate, not p.public))
    lead = {
        Verdict.TIMEOUT: "Takes too long",
        Verdict.MEMORY: "Needs too much memory",
        Verdict.ERROR: "Stops with an error",
        Verdict.WRONG: "Not right yet",
    }[verdict]
    return f"{lead}: {first.message if first.public and first.message else first.sentence}."
