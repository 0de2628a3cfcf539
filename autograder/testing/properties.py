"""Properties: what the mathematics says, as plain test functions.

    @properties_of("sherman_morrison", weight=2)
    @given(case=RANK_ONE_UPDATES)
    def test_inverts_the_updated_matrix(student, case):
        '''(A + u vᵀ) X = I'''
        ...

The docstring is the sentence a student reads when the property fails. The pytest plugin collects such functions, and
the grader calls them, both through ``search``.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autograder.testing.search import Options, Source, search
from autograder.testing.signature import Signature
from autograder.testing.student import Student

Body = Callable[..., None]


@dataclasses.dataclass(frozen=True)
class Property:
    """One property of one exercise.

    body(student, **drawn) raises where the property fails.  sources: what is drawn, by parameter name.
    gate: below it the score of the exercise is 0.  public: its inputs may be shown to students.
    promises: the signatures whose promise every answer must keep before the property calculates with it.
    """

    exercise: str
    name: str
    sentence: str
    body: Body
    sources: dict[str, Source]
    weight: float = 1.0
    gate: bool = False
    public: bool = True
    generic: bool = False
    needs_reference: bool = False
    promises: Mapping[str, Signature] = dataclasses.field(default_factory=dict)

    def run(self, student: Student, options: Options) -> None:
        """Try the property; raise the failure with the simplest counterexample that was found."""
        search(self.body, self.sources, student, options, self.exercise, self.name)


def given(**sources: Source) -> Callable[[Body], Body]:
    """Draw the arguments of a property from cases (fixed ones first, then random draws) and strategies."""

    def decorate(body: Body) -> Body:
        body.__dict__["sources"] = sources
        return body

    return decorate


def properties_of(exercise: str, *, weight: float = 1.0, gate: bool = False) -> Callable[[Body], Body]:
    """Declare a function a property of the exercise; its name less ``test_`` is the property's name."""

    def decorate(body: Body) -> Body:
        sentence = inspect.cleandoc(body.__doc__ or "")
        if not sentence:
            raise ValueError(f"{body.__name__}: a property needs a docstring, the sentence a student reads")
        declared = Property(
            exercise=exercise,
            name=body.__name__.removeprefix("test_"),
            sentence=sentence,
            body=body,
            sources=body.__dict__.get("sources", {}),
            weight=weight,
            gate=gate,
        )
        body.__dict__["declared"] = declared
        return body

    return decorate


def declared_in(namespace: dict[str, Any]) -> Iterator[Property]:
    """The properties a module declares, in the order of its text."""
    for value in namespace.values():
        declared = getattr(value, "__dict__", {}).get("declared")
        if isinstance(declared, Property):
            yield declared
