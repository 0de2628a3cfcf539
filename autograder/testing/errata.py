"""Errata of the course's sources, as data beside the exercise: where a document prints something that is not so.

    ERRATA = (
        Erratum("sherman_morrison", "000", "eq. 1.29", printed="A⁻¹ + ...", correct="A⁻¹ - ...", answers=(plus_sign,)),
    )

Where the printed formula can be evaluated, ``answers`` are the misconceptions that evaluate it. They are graded like a
student's, must be rejected, and their hints say where the formula is misprinted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

from autograder.testing.answers import Answer, KnownAnswer

DOCUMENTS = {
    "000": "the recitation notes of 5 March 2026",
    "001": "the recitation notes of 22 January 2026",
    "002": "the lecture notes from Beg Rohu 2025",
    "003": "the deep learning summary sheet",
    "004": "the deep neural networks course summary",
}
"""The sources as a student knows them. Another document is named as the erratum names it."""


@dataclasses.dataclass(frozen=True)
class Erratum:
    """One place where a source is wrong.

    document: a key of DOCUMENTS, or the document's name.  equation: where in it ("eq. 1.29", "Def. 2").
    kind: error; notation (right if read kindly); incomplete (a condition is missing); weaker (true, but says less).
    answers: the misconceptions that compute what is printed.  no_code: why there is none, for an error.
    """

    exercise: str
    document: str
    equation: str
    printed: str
    correct: str
    counterexample: str = ""
    kind: Literal["error", "notation", "incomplete", "weaker"] = "error"
    answers: tuple[Answer, ...] = ()
    no_code: str = ""

    @property
    def place(self) -> str:
        """ "the recitation notes of 5 March 2026, eq. 1.29" """
        return f"{DOCUMENTS.get(self.document, self.document)}, {self.equation}"

    def is_computed_by(self, known: KnownAnswer) -> bool:
        """Whether a known answer evaluates what is printed."""
        return not known.right and known.exercise == self.exercise and known.answer in self.answers


def errata_in(namespace: dict[str, Any], exercise: str) -> tuple[Erratum, ...]:
    """The errata a module declares for one exercise."""
    return tuple(erratum for erratum in namespace.get("ERRATA", ()) if erratum.exercise == exercise)


def naming_misprints(known: KnownAnswer, errata: Iterable[Erratum]) -> KnownAnswer:
    """The known answer; where a source prints it, its hint says so."""
    places = [f"in {erratum.place}" for erratum in errata if erratum.is_computed_by(known)]
    if not places:
        return known
    told = f"Your source may be to blame: this is misprinted {' and '.join(places)}."
    return dataclasses.replace(known, hint=f"{known.hint} {told}")
