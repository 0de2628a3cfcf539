"""A submission's results as its author may see them. Every student-facing text and page is made from this view only.

Hidden inputs cannot appear: of a hidden property only the sentence and the outcome remain, even where the result
carries more. All text is cleaned and cut, so that no page can be flooded and no terminal be written to.
"""

from __future__ import annotations

import re

import msgspec

from autograder.feedback.cleaning import clean
from autograder.feedback.words import WORDS, failing
from autograder.grading.verdict import (
    Counterexample,
    ExerciseResult,
    Misconception,
    PropertyResult,
    SubmissionResult,
    Verdict,
)

_TELLING = 6  # characters from which a fragment of a hidden example is looked for in a reason
_ARGUMENTS = 12
_NOTES = 40


def student_view(result: SubmissionResult) -> SubmissionResult:
    """``result`` without hidden details, all text cleaned and of bounded length."""
    return msgspec.structs.replace(
        result,
        path=clean(result.path, 300),
        student=clean(result.student, 100),
        exercises=[exercise_view(exercise) for exercise in result.exercises],
        notes=[clean(note, 300) for note in result.notes[:_NOTES]],
    )


def exercise_view(exercise: ExerciseResult) -> ExerciseResult:
    """One exercise, as ``student_view`` shows it."""
    misconception = exercise.misconception
    return msgspec.structs.replace(
        exercise,
        name=clean(exercise.name, 100),
        title=clean(exercise.title, 200),
        properties=[_property(p) for p in exercise.properties],
        misconception=misconception
        and Misconception(name=clean(misconception.name, 100), hint=clean(misconception.hint, 800)),
        reason=_reason(exercise),
        student_line=clean(exercise.student_line, 300),
    )


def _property(result: PropertyResult) -> PropertyResult:
    message = _sentence(clean(result.message, 600)) if result.public else ""
    example = _counterexample(result.counterexample, message) if result.public and result.counterexample else None
    return msgspec.structs.replace(
        result,
        name=clean(result.name, 100),
        sentence=clean(result.sentence, 400) or clean(result.name.replace("_", " "), 100),
        message=message,
        counterexample=example,
    )


def _counterexample(example: Counterexample, message: str) -> Counterexample:
    """The example, without the first differing entry where the message has named it already."""
    arguments = list(example.arguments.items())[:_ARGUMENTS]
    named = example.where.partition(":")[0].casefold() in message.casefold()
    return msgspec.structs.replace(
        example,
        id=clean(example.id, 80),
        function=clean(example.function, 100),
        arguments={clean(name, 80): clean(text, 400) for name, text in arguments},
        expected=None if example.expected is None else clean(example.expected, 400),
        got=None if example.got is None else clean(example.got, 400),
        where="" if named else clean(example.where, 200),
    )


def _reason(exercise: ExerciseResult) -> str:
    """The verdict's sentence; one of our own for a fault, and wherever the runner's might stem from hidden details."""
    own = WORDS[exercise.verdict].sentence
    if exercise.verdict is Verdict.FAULT or not exercise.reason:
        return own
    failed = failing(exercise)
    safe = [p.sentence for p in failed] + [p.message for p in failed if p.public]
    unsure = any(not p.public for p in failed) and not any(text and text in exercise.reason for text in safe)
    if (exercise.verdict is not Verdict.RULE and unsure) or any(t in exercise.reason for t in _hidden_texts(exercise)):
        return clean(failed[0].sentence, 400) if failed else own
    label = f"{WORDS[exercise.verdict].label}: "
    reason = clean(exercise.reason.removeprefix(label), 400)
    return _sentence(reason) or own


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name, and one full stop, unless it ends in another sign."""
    text = text.strip()
    if not text:
        return ""
    if text.split()[0].isalpha():
        text = text[0].upper() + text[1:]
    if text.endswith("..") or text[-1].isalnum() or text[-1] in ")]}":
        text = f"{text.rstrip('.')}."
    return text


def _hidden_texts(exercise: ExerciseResult) -> list[str]:
    """Messages and values of hidden examples, and the longer numbers and words in the values."""
    texts: list[str] = []
    for result in exercise.properties:
        if result.public:
            continue
        texts.append(result.message)
        if result.counterexample is not None:
            example = result.counterexample
            values = [*example.arguments.values(), example.expected or "", example.got or "", example.where]
            texts += values + re.findall(r"[\w.+-]+", " ".join(values))
    return [text for text in texts if len(text) >= _TELLING]
