"""Known answers as submissions: the reference, right alternatives, misconceptions and mutants, each as plain text.

A known answer stands in a module of the bank that imports the testing kit. What the function itself needs is cut out
of it, so that it runs in the sandbox like any student's file.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

from autograder.grading.submission import Sources, Submission
from autograder.testing.answers import KnownAnswer
from autograder.testing.bank import BankError, Entry
from autograder.verify.excerpt import needed_statements
from autograder.verify.mutants import Mutant, mutants_of

MAIN = "submission.py"


@dataclasses.dataclass(frozen=True)
class Known:
    """A submission whose verdict is known. kind: reference, alternative, misconception or mutant."""

    exercise: str
    kind: str
    name: str
    submission: Submission
    mutant: Mutant | None = None


def known_answers(entry: Entry, reference_text: str) -> Iterator[Known]:
    """The reference, the alternatives and the misconceptions of an exercise."""
    yield _known(entry, "reference", entry.record.name, reference_text)
    for answer in entry.known:
        kind = "alternative" if answer.right else "misconception"
        yield _known(entry, kind, answer.name, _with_others(entry, answer, reference_text))


def mutants(entry: Entry, reference_text: str) -> Iterator[Known]:
    """The mechanical mutants of an exercise's reference."""
    names = [function.name for function in entry.record.functions]
    for mutant in mutants_of(reference_text, names):
        yield dataclasses.replace(_known(entry, "mutant", mutant.difference, mutant.text), mutant=mutant)


def reference_text(entry: Entry) -> str:
    """The text of the module that holds the exercise's references."""
    references = list((entry.references or {}).values())
    if not references:
        raise BankError(f"exercise {entry.record.name} has no reference")
    return Path(inspect.getfile(references[0])).read_text("utf-8")


def _known(entry: Entry, kind: str, name: str, text: str) -> Known:
    submission = Submission(f"{entry.record.name}: {kind} {name}", f"{kind} {name}", "", Sources({MAIN: text}, MAIN))
    return Known(entry.record.name, kind, name, submission)


def _with_others(entry: Entry, answer: KnownAnswer, reference: str) -> str:
    """The known answer under its function's name; the exercise's other functions are the reference's."""
    text = cut_out(Path(inspect.getfile(answer.answer)), answer.answer.__name__)
    renamed = "" if answer.answer.__name__ == answer.function else f"\n\n{answer.function} = {answer.answer.__name__}\n"
    others = len(entry.record.functions) > 1
    return (f"{reference}\n\n" if others else "") + text + renamed


def cut_out(path: Path, name: str) -> str:
    """The function ``name`` of a module with the helpers, constants and imports it needs, without decorators."""
    kept = needed_statements(path, ast.parse(path.read_text("utf-8")), name)
    future = "from __future__ import annotations\n\n"
    return future + "\n\n".join(ast.unparse(statement) for statement in kept) + "\n"
