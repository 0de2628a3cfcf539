"""The properties every exercise has, made from its record: nobody writes them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from autograder.testing import assertions
from autograder.testing.compare import compare, typical_sizes
from autograder.testing.outcomes import WrongAnswer
from autograder.testing.properties import Property
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.search import Source
from autograder.testing.student import Student
from autograder.testing.values import leaves, map_tensors, upcast

Reference = Callable[..., Any]
TRACES = {
    "default dtype": "changes torch's default dtype",
    "gradient mode": "leaves gradients switched on or off",
    "requires_grad": "changes requires_grad of its argument {argument}",
    "grad": "fills the .grad of its argument {argument}",
}
"""What a student reads about each of observe.traces."""
KEPT = 2000
"""Reference values kept per function."""
REPEAT_SEED = 0x5EED
"""Where the random generator of a repeated call starts: not where the first call's did."""


def generic_properties(
    exercise: Exercise,
    references: Mapping[str, Reference] | None,
    hidden: Mapping[str, Cases[Any]] | None = None,
    device: str = "cpu",
) -> list[Property]:
    """The generic properties of an exercise; those that need the reference only where it is at hand.

    hidden: further cases by function, whose inputs students never see.  device: where the answers must agree, too.
    """
    found: list[Property] = []
    for function in exercise.functions:
        suffix = f"_{function.name}" if len(exercise.functions) > 1 else ""
        reference = references.get(function.name) if references is not None else None
        if reference is not None:
            found += _value_properties(exercise, function, reference, (hidden or {}).get(function.name), suffix)
            if device != "cpu":
                found.append(_device_property(exercise, function, reference, device, suffix))
        found += _contract_properties(exercise, function, suffix)
    return found


def _value_properties(
    exercise: Exercise, function: Function, reference: Reference, hidden: Cases[Any] | None, suffix: str
) -> Iterator[Property]:
    cases = function.cases
    check = _Agreement(function, reference)
    ordinary = Cases(cases.dense, cases.drawn)
    name = f"{function.name}()"

    def make(label: str, sentence: str, body: Callable[..., None], sources: dict[str, Source], **more: Any) -> Property:
        return Property(
            exercise.name, label + suffix, sentence, body, sources, generic=True, needs_reference=True, **more
        )

    yield make(
        "agrees_with_the_reference",
        f"{name} gives the right values on ordinary inputs",
        check,
        {"case": ordinary},
        weight=3.0,
        gate=True,
    )
    if cases.edges:
        yield make(
            "agrees_on_edge_cases",
            f"{name} is right on its edge cases",
            check.on_an_edge,
            {"edge": tuple(cases.edges.items())},
        )
    if cases.extreme is not None:
        yield make(
            "agrees_at_extreme_scales",
            f"{name} is right for tiny and for huge inputs",
            check.without_typical,
            {"case": cases.extreme},
        )
    if hidden is not None:
        yield make(
            "agrees_on_hidden_inputs", f"{name} is right on further inputs", check, {"case": hidden}, public=False
        )
    if function.float32_values:
        yield make(
            "agrees_in_float32",
            f"{name} is right in single precision and keeps its dtype",
            check.in_float32,
            {"case": ordinary},
        )


def _device_property(
    exercise: Exercise, function: Function, reference: Reference, device: str, suffix: str
) -> Property:
    sentence = f"{function.name}() gives the same values on the GPU, and its result stays there"
    body = _Agreement(function, reference).on_device(device)
    return Property(
        exercise.name, f"agrees_on_{device}{suffix}", sentence, body, {}, generic=True, needs_reference=True
    )


class _Agreement:
    """The value property: the student's value against the reference's, by the rule of compare.py."""

    def __init__(self, function: Function, reference: Reference) -> None:
        self.function, self.reference = function, reference
        self._typical: list[float] | None = None
        self._answers: dict[tuple[int, torch.dtype], tuple[Case, tuple[Any, ...], Any]] = {}

    @property
    def typical(self) -> list[float] | None:
        """The usual size of each output, from the dense cases: tells a true zero from a rounded one."""
        if self._typical is None and self.function.compare_through is None:
            results = [self.reference(*upcast(self._arguments(case))) for case in self.function.cases.dense]
            self._typical = typical_sizes(results)
        return self._typical

    def _arguments(self, case: Case) -> tuple[Any, ...]:
        return case.arguments(self.function.parsed)

    def __call__(self, student: Student, case: Case) -> None:
        self._check(student, case, torch.float64, self.typical)

    def without_typical(self, student: Student, case: Case) -> None:
        """Where scales are far from usual, the usual size says nothing."""
        self._check(student, case, torch.float64, None)

    def in_float32(self, student: Student, case: Case) -> None:
        """The same case in single precision; the reference still runs in double, on exactly these inputs."""
        if not any(isinstance(leaf, torch.Tensor) for leaf in leaves(self._arguments(case))):
            return
        self._check(student, case, torch.float32, self.typical)

    def on_an_edge(self, student: Student, edge: tuple[str, Case]) -> None:
        """An edge case with its name; the message names it."""
        name, case = edge
        try:
            self._check(student, case, torch.float64, self.typical)
        except WrongAnswer as wrong:
            wrong.message = f"{name}: {wrong.message}"
            raise

    def on_device(self, device: str) -> Callable[[Student], None]:
        """Fixed cases only: what a device changes are kernels and the order of sums, not the formula."""

        def body(student: Student) -> None:
            for case in self.function.cases.fixed():
                arguments, expected = self._known(case, torch.float64)
                if not any(isinstance(leaf, torch.Tensor) for leaf in leaves(arguments)):
                    continue
                places, got = student.on_device(device, self.function.name, arguments)
                if any(place != device for place in places):
                    raise WrongAnswer(
                        "returns a tensor on the CPU for arguments on the GPU; make new tensors with device=x.device",
                        got=got,
                    )
                self._decide(got, arguments, expected, torch.float64, self.typical)

        return body

    def _known(self, case: Case, dtype: torch.dtype) -> tuple[tuple[Any, ...], Any]:
        """The arguments in ``dtype`` and the reference's value, kept for the other students of this run."""
        key = (id(case), dtype)
        if key not in self._answers:
            if len(self._answers) > KEPT:
                self._answers.clear()
            arguments = self._arguments(case.map(single) if dtype is torch.float32 else case)
            self._answers[key] = (case, arguments, self.reference(*upcast(arguments)))
        _, arguments, expected = self._answers[key]
        return arguments, expected

    def _check(self, student: Student, case: Case, dtype: torch.dtype, typical: list[float] | None) -> None:
        arguments, expected = self._known(case, dtype)
        self._decide(student.call(self.function.name, arguments), arguments, expected, dtype, typical)

    def _decide(
        self, got: Any, arguments: tuple[Any, ...], expected: Any, dtype: torch.dtype, typical: list[float] | None
    ) -> None:
        result = compare(
            got,
            arguments,
            self.reference,
            dtype=dtype,
            expected=expected,
            typical=typical,
            tails=self.function.tails,
            through=self.function.compare_through,
        )
        assertions.decide(result, got)


def _contract_properties(exercise: Exercise, function: Function, suffix: str) -> Iterator[Property]:
    ordinary = Cases(function.cases.dense, function.cases.drawn)
    check = _Contract(function)
    name = f"{function.name}()"

    def make(label: str, sentence: str, body: Callable[..., None], sources: dict[str, Source]) -> Property:
        return Property(exercise.name, label + suffix, sentence, body, sources, generic=True)

    yield make(
        "returns_what_is_promised",
        f"{name} returns the promised type, dtype and shape",
        check.types,
        {"case": Cases(ordinary.dense, ordinary.drawn, function.cases.edges)},
    )
    every: dict[str, Source] = {"arguments": tuple(check.fixed)}
    dense: dict[str, Source] = {"arguments": tuple(check.dense)}
    yield make("keeps_its_arguments", f"{name} leaves its arguments as they were", check.unchanged, every)
    yield make("leaves_no_traces", f"{name} leaves nothing behind but its answer", check.traces, dense)
    yield make("accepts_strided_tensors", f"{name} works on tensors that are not contiguous", check.strided, dense)
    yield make("is_repeatable", f"{name} gives the same answer to the same input", check.repeatable, {})
    for bad in function.bad_inputs:
        yield make(f"rejects_{bad.name}", bad.sentence, check.rejects(bad), {})


class _Contract:
    """What the signature promises, checked without a reference."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.fixed = [case.arguments(function.parsed) for case in function.cases.fixed()]
        self.dense = [case.arguments(function.parsed) for case in function.cases.dense]

    def types(self, student: Student, case: Case) -> None:
        """Exact types, dtypes and shapes, in double and in single precision."""
        for dtype, version in ((torch.float64, case), (torch.float32, case.map(single))):
            arguments = version.arguments(self.function.parsed)
            got = student.call(self.function.name, arguments)
            problem = self.function.parsed.check(got, arguments, dtype)
            if problem is not None:
                raise WrongAnswer(problem, got=got)

    def unchanged(self, student: Student, arguments: tuple[Any, ...]) -> None:
        """Bit by bit."""
        after = student.arguments_after(self.function.name, arguments)
        if len(after) == len(arguments) and all(map(_identical, leaves(after), leaves(arguments))):
            return
        names = list(self.function.parsed.parameters)
        changed = [
            name
            for name, new, old in zip(names, after, arguments, strict=False)
            if not all(map(_identical, leaves(new), leaves(old)))
        ]
        raise WrongAnswer(f"changes its argument {' and '.join(changed) or names[0]} in place; work on a copy")

    def traces(self, student: Student, arguments: tuple[Any, ...]) -> None:
        """Nothing that the next function would feel: torch's defaults, gradients switched on, collected or off."""
        names = list(self.function.parsed.parameters)
        for trace, index in student.traces(self.function.name, arguments):
            text = TRACES[trace].format(argument=names[index] if index >= 0 else "")
            raise WrongAnswer(f"{text}; the next function would feel it")

    def strided(self, student: Student, arguments: tuple[Any, ...]) -> None:
        """A transposed or strided view holds the same numbers, so the answer is the same."""
        message = "gives another answer for the same numbers in a non-contiguous tensor"
        plain = student.call(self.function.name, arguments)
        got = student.call(self.function.name, map_tensors(arguments, spread))
        assertions.assert_same(self._defining(got, arguments), self._defining(plain, arguments), message)

    def repeatable(self, student: Student) -> None:
        """The repeat runs in a fresh worker, with another seed and in another order."""
        first = [student.call(self.function.name, arguments) for arguments in self.dense]
        again = student.fresh(REPEAT_SEED)
        try:
            for arguments, expected in reversed(list(zip(self.dense, first, strict=True))):
                got = again.call(self.function.name, arguments)
                student.last, student.answer = again.last, again.answer
                message = "gives different answers for the same input"
                assertions.assert_same(self._defining(got, arguments), self._defining(expected, arguments), message)
        finally:
            again.close()

    def _defining(self, answer: Any, arguments: tuple[Any, ...]) -> Any:
        """What defines an answer that is not unique: two right ones may differ. The answer itself if it has none."""
        through = self.function.compare_through
        if through is None:
            return answer
        try:
            return through(upcast(answer), upcast(arguments))
        except Exception:  # not of the promised form: another property says so
            return answer

    def rejects(self, bad: BadInput) -> Callable[[Student], None]:
        """The bad input raises its error, not another one, and not an answer."""

        def body(student: Student) -> None:
            assertions.assert_raises(student, self.function.name, bad.make(), bad.raises)

        return body


def single(tensor: torch.Tensor) -> torch.Tensor:
    """A double tensor in single precision; others as they are."""
    lower = {torch.float64: torch.float32, torch.complex128: torch.complex64}
    return tensor.to(lower.get(tensor.dtype, tensor.dtype))


def spread(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers in another layout: columns first, or every second place of a longer tensor."""
    if tensor.dim() >= 2:
        return tensor.mT.contiguous().mT
    if tensor.dim() == 1:
        return torch.stack([tensor, tensor], dim=-1)[:, 0]
    return tensor


def _identical(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and bool(torch.equal(a.nan_to_num(), b.nan_to_num()))
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        return False
    return callable(b) or (type(a) is type(b) and bool(a == b))
