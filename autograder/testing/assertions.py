"""What hand-written properties say. Each assertion raises WrongAnswer with a sentence for the student.

``got`` is a student's value, or was computed from one by trusted arithmetic; it may be anything that crosses the wall,
and never breaks an assertion. Before arithmetic on a student's value, let ``assert_tensor`` or ``assert_number`` vouch
for its form. ``because`` names what was computed: "(A + u vᵀ) X" makes "(A + u vᵀ) X: entry [0, 0] is 2 instead of 1".

Where the input is too ill-conditioned to decide, an assertion rejects it as Hypothesis's ``reject()`` does, and so it
counts neither for nor against the student.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NoReturn

import numpy as np
import torch
from hypothesis.errors import UnsatisfiedAssumption

from autograder.testing import compare
from autograder.testing.differences import (
    TENSORS,
    dtype_name,
    entry_difference,
    form_difference,
    in_words,
    kind_in_words,
    leaf_names,
)
from autograder.testing.outcomes import StudentError, Unsendable, WrongAnswer
from autograder.testing.student import Student
from autograder.testing.values import leaves, map_leaves

TORCH_ERRORS = ("LinAlgError", "OutOfMemoryError")


def decide(result: compare.Comparison, got: Any) -> None:
    """Turn a comparison into what a property does: return, raise WrongAnswer, or reject the input."""
    if result.verdict == "skip":
        raise UnsatisfiedAssumption(result.message)
    if result.verdict == "fail":
        raise WrongAnswer(result.message, where=result.where, expected=result.expected, got=got)


def assert_close(
    got: Any,
    expected: Any,
    *,
    condition: float = 1.0,
    scale: float | None = None,
    tails: bool = False,
    dtype: torch.dtype | None = None,
    because: str = "",
) -> None:
    """Values computed by trusted arithmetic from a student's values are what they must be.

    condition: how much the arithmetic and the problem amplify a roundoff.  scale: the size of the terms that cancel,
    where the expected value is 0 (normal equations).  tails: every entry must be right relative to itself.
    dtype: what the student worked in, if ``got`` does not show it.
    """
    got, expected, dtype = _as_numbers(got, expected, dtype)
    _same_form(got, expected, because)
    tolerances = [_tolerance(leaf, dtype, condition, scale, tails) for leaf in leaves(expected)]
    _within(got, expected, tolerances, because)


def assert_same(got: Any, expected: Any, message: str, *, scale: float = 0.0) -> None:
    """Two answers of the same student agree up to rounding; ``message`` is the sentence if they do not.

    scale: the size of the numbers they were computed from, where an answer may be a rounded zero.
    """
    problem = form_difference(got, expected)
    if problem is not None:
        raise WrongAnswer(message, where=problem.message, expected=expected, got=got)
    dtype = compare.working_dtype(got)
    size = max([scale, *compare.typical_sizes([expected])], default=scale)
    tolerances = [_tolerance(leaf, dtype, 1.0, size, False) for leaf in leaves(expected)]
    try:
        _within(got, expected, tolerances, "")
    except WrongAnswer as wrong:
        raise WrongAnswer(message, where=wrong.where, expected=expected, got=got) from None


def assert_equal(got: Any, expected: Any, *, because: str = "") -> None:
    """Exactly the same: type, dtype, shape and every value. nan equals nan."""
    _same_form(got, expected, because)
    _within(got, expected, [torch.zeros(()) for _ in leaves(expected)], because)


def assert_tensor(
    got: Any,
    *,
    shape: Sequence[int] | None = None,
    dtype: torch.dtype | None = None,
    finite: bool = False,
    name: str = "",
) -> torch.Tensor:
    """``got`` if it is a tensor of that shape and dtype, so that arithmetic on it cannot fail.

    finite: also without inf and nan, which the solvers of torch.linalg do not take.  name: of the output.
    """
    if type(got) not in TENSORS:
        _fail(name, f"returns {kind_in_words(got)} instead of a tensor", got)
    tensor: torch.Tensor = got.detach()
    if dtype is not None and tensor.dtype != dtype:
        _fail(name, f"returns dtype {dtype_name(tensor.dtype)} instead of {dtype_name(dtype)}", got)
    if shape is not None and tuple(tensor.shape) != tuple(shape):
        _fail(name, f"returns shape {tuple(tensor.shape)} instead of {tuple(shape)}", got)
    if finite and not bool(torch.isfinite(tensor).all()):
        index = int((~torch.isfinite(tensor)).reshape(-1).nonzero()[0])
        message, where = entry_difference("", tensor, torch.zeros_like(tensor), index)
        _fail(name, message, got, where=where.partition(" instead of ")[0])
    return tensor


def assert_shape(got: Any, shape: Sequence[int], *, name: str = "") -> torch.Tensor:
    """``got`` if it is a tensor of that shape."""
    return assert_tensor(got, shape=shape, name=name)


def assert_dtype(got: Any, dtype: torch.dtype, *, name: str = "") -> torch.Tensor:
    """``got`` if it is a tensor of that dtype."""
    return assert_tensor(got, dtype=dtype, name=name)


def assert_number(got: Any, *, name: str = "") -> float:
    """``got`` as a float if it is a finite int or float."""
    if type(got) not in (int, float):
        _fail(name, f"returns {kind_in_words(got)} instead of a number", got)
    value = float(compare.wide(got))
    if not math.isfinite(value):
        _fail(name, f"returns {value} where a number belongs", got)
    return value


def assert_parts(got: Any, count: int) -> tuple[Any, ...]:
    """The ``count`` outputs of a function that returns several."""
    if not isinstance(got, (tuple, list)):
        _fail("", f"returns {kind_in_words(got)} instead of a tuple", got)
    if len(got) != count:
        _fail("", f"returns {len(got)} outputs instead of {count}", got)
    return tuple(got)


def assert_less(
    lesser: Any,
    greater: Any,
    *,
    condition: float = 1.0,
    scale: float | None = None,
    because: str = "",
) -> None:
    """``lesser`` <= ``greater`` entry by entry, up to rounding; tensors of one shape, or numbers. nan fails.

    The allowance follows the smaller of the two, so that a huge value cannot buy itself room; scale: the size of the
    terms that cancel in either.
    """
    dtype = compare.working_dtype([lesser, greater])
    a, b = _real(lesser, because), _real(greater, because)
    if a.dim() and b.dim() and a.shape != b.shape:
        _fail(because, f"returns shape {tuple(a.shape)} where {tuple(b.shape)} belongs", lesser)
    a, b = (a.expand_as(b), b) if b.dim() else (a, b.expand_as(a))
    size = min((a, b), key=lambda t: compare.typical_sizes([t]))
    tolerance = _tolerance(size, dtype, condition, scale, False)
    wrong = ~(a <= b + tolerance)
    if bool(wrong.any()):
        index = int(wrong.reshape(-1).nonzero()[0])
        entry = [int(i) for i in np.unravel_index(index, tuple(a.shape))]
        small, large = in_words(a.reshape(-1)[index].item(), b.reshape(-1)[index].item())
        place = f"entry {entry}: " if entry else ""
        text = f"{place}{small} should be at most {large}"
        _fail(because, text, lesser, where=text, expected=greater)


def assert_mean(samples: Any, mean: Any, std: Any, *, because: str = "") -> None:
    """The mean of independent samples [n, ...] is ``mean`` [...]; each sample has standard deviation ``std`` [...].

    A two-sided z-test that rejects a right answer with probability 1e-9 over all entries together; take n so large that
    the sum is close to normal that far out (n >= 1000 for bounded or Gaussian samples).
    """
    mean, std = compare.wide(mean), compare.wide(std)
    values = compare.wide(assert_tensor(samples, name=because))
    if values.dim() != mean.dim() + 1 or values.shape[1:] != mean.shape or not len(values):
        _fail(because, f"returns shape {tuple(values.shape)} instead of {('n', *mean.shape)}", samples)
    if values.is_complex():
        _fail(because, "returns complex numbers instead of real ones", samples)
    tests = max(1, mean.numel())
    z = -NormalDist().inv_cdf(compare.FALSE_ALARM / (2 * tests))
    rounding = _tolerance(mean, compare.working_dtype(samples), 1.0, None, False)
    tolerance = z * std.expand_as(mean) / math.sqrt(len(values)) + rounding
    label = f"{because}: mean of {len(values)} samples" if because else f"mean of {len(values)} samples"
    _within(values.mean(0), mean, [tolerance], label)


def assert_raises(student: Student, function: str, arguments: Sequence[Any], error: type[Exception]) -> None:
    """The student's function raises ``error``, or a subclass of it, on these arguments.

    The classes are as the worker reported them: this can be forged, but only by raising.
    """
    try:
        answer = student.call(function, arguments)
    except Unsendable:
        answer = None
    except StudentError as raised:
        if error.__name__ in raised.kinds:
            return
        raise WrongAnswer(f"raises {known_kind(raised.kinds)} instead of {error.__name__}") from None
    raise WrongAnswer(f"returns an answer instead of raising {error.__name__}", got=answer)


def known_kind(kinds: Sequence[str]) -> str:
    """The nearest builtin or torch exception among reported class names, most special first.

    A student's own class names are never repeated: they could carry a hidden input out.
    """
    for kind in kinds:
        found = getattr(builtins, kind, None)
        if kind in TORCH_ERRORS or (isinstance(found, type) and issubclass(found, BaseException)):
            return kind
    return "Exception"


def _as_numbers(got: Any, expected: Any, dtype: torch.dtype | None) -> tuple[Any, Any, torch.dtype]:
    """Whole expected numbers as floats; a tensor of one number, where a number is expected, as that number."""
    dtype = dtype or compare.working_dtype(got)
    expected = map_leaves(expected, lambda leaf: compare.wide(leaf).item() if type(leaf) is int else leaf)
    if isinstance(expected, (float, complex)) and type(got) in TENSORS and got.dim() == 0:
        got = got.item()
    return got, expected, dtype


def _tolerance(expected: Any, dtype: torch.dtype, condition: float, scale: float | None, tails: bool) -> torch.Tensor:
    if not compare.is_inexact(expected):
        return torch.zeros(())
    tolerance = compare.identity_tolerance(expected, dtype, float(condition), scale, tails)
    if tolerance is None:
        raise UnsatisfiedAssumption("too ill-conditioned to decide")
    return tolerance


def _same_form(got: Any, expected: Any, because: str) -> None:
    problem = form_difference(got, expected)
    if problem is not None:
        _fail(because, problem.message, got, expected=expected)


def _within(got: Any, expected: Any, tolerances: Sequence[torch.Tensor], because: str) -> None:
    """Values of the same form, entry by entry."""
    got_leaves, wanted = leaves(got), leaves(expected)
    if all(map(compare.clearly_within, got_leaves, wanted, tolerances)):
        return
    errors = [compare.error(g, w) for g, w in zip(got_leaves, wanted, strict=True)]
    wrong = compare.first_wrong(errors, tolerances)
    if wrong is not None:
        n, index = wrong
        message, where = entry_difference(leaf_names(expected)[n], got_leaves[n], wanted[n], index)
        _fail(because, message, got, where=where, expected=expected)


def _real(value: Any, because: str) -> torch.Tensor:
    if type(value) not in (*TENSORS, int, float):
        _fail(because, f"returns {kind_in_words(value)} instead of a number", value)
    wide = compare.wide(value)
    if wide.is_complex():
        _fail(because, "returns a complex number instead of a real one", value)
    return wide


def _fail(because: str, message: str, got: Any, *, where: str = "", expected: Any = None) -> NoReturn:
    raise WrongAnswer(f"{because}: {message}" if because else message, where=where, expected=expected, got=got)
