"""The comparison of a student's result with the reference: pass, fail, or skip (this input cannot decide).

For entry i of an output, with M = max |reference| on this input and T = the largest M over inputs of the same scale:

    |got_i - ref_i| <= FLOOR (|ref_i| + PHI M) + ZERO u T     stage 1: cheap, decides almost every call
                       + C (shake_i + noise_i)                stage 2: only when stage 1 is exceeded

u is the roundoff of the dtype the student worked in; the reference runs in float64 on the exactly upcast input. shake
is the largest change of the reference when every inexact input moves by u (the conditioning of the problem), noise the
largest change when every rounded result inside the reference moves by u (what the algorithm amplifies). The student's
function never enters. Every tolerance of the project lives in this file; the numbers were measured on 240,000 results.

A skip says nothing about the student: draw another input. Many skips mean a bad generator.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import torch

from autograder.testing.differences import TENSORS, entry_difference, form_difference, leaf_names
from autograder.testing.perturb import perturbed
from autograder.testing.values import leaves, upcast

FLOOR = {torch.float64: 1e-8, torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}
ROUNDOFF = {dtype: torch.finfo(dtype).eps for dtype in FLOOR}
PHI = 0.1  # share of the largest entry that every entry is allowed
ZERO = 16.0  # roundoffs of the typical size: tells a true zero from a rounded one
C = 64.0  # right algorithms differ from the reference by this many times its own sensitivity
SHAKES, NOISES = 8, 4
CAP = 1e-2  # a tolerance above this share of the output could hide a wrong answer
FALSE_ALARM = 1e-9  # of a statistical property in a graded run

Reference = Callable[..., Any]
Through = Callable[[Any, tuple[Any, ...]], Any]


class Comparison(NamedTuple):
    """What came out.

    message: one sentence for the student, "" on a pass.  where: the first entry beyond its tolerance, in words.
    ratio: the largest error / tolerance over all entries; inf for a wrong form.  expected: the reference's value.
    """

    verdict: Literal["pass", "fail", "skip"]
    message: str
    where: str
    ratio: float
    expected: Any


def compare(
    got: Any,
    arguments: Sequence[Any],
    reference: Reference,
    *,
    dtype: torch.dtype | None = None,
    expected: Any = None,
    typical: Sequence[float] | None = None,
    tails: bool = False,
    through: Through | None = None,
) -> Comparison:
    """Whether ``got``, the student's result, is what the reference says.

    arguments: the grader's own, not the copies the student may have changed.  dtype: what the student worked in, read
    off the arguments if None.  expected: ``reference(*upcast(arguments))`` if at hand.  typical: ``typical_sizes`` of
    the exercise (of the values after ``through``, if given).  tails: every entry must be right relative to itself.
    through: (value, arguments) -> the values that define the answer, for answers that are not unique.

    An exception of the reference on the arguments themselves is not caught: the input or the reference is broken.
    """
    dtype = dtype or working_dtype(arguments)
    phi, typical = (0.0, None) if tails else (PHI, typical)
    if through is None and expected is not None:
        ratio = _quick_ratio(got, expected, dtype, typical, phi)
        if ratio <= 1.0:
            return Comparison("pass", "", "", ratio, expected)

    inputs = upcast(tuple(arguments))

    def answer(moved: tuple[Any, ...]) -> Any:
        value = reference(*moved)
        return value if through is None else through(value, moved)

    if expected is None:
        expected = reference(*upcast(inputs))
    form, got_values, values = form_difference(got, expected, dtype), got, expected
    if form is None and through is not None:
        values = through(expected, inputs)
        try:
            got_values = through(upcast(got), inputs)
        except Exception:
            message = "returns values from which what they must satisfy cannot be computed"
            return Comparison("fail", message, "", math.inf, expected)
        form = form_difference(got_values, values)
    if form is not None:
        undecided = form.counted and _form_flips(reference, inputs, expected, ROUNDOFF[dtype])
        message = UNDECIDED if undecided else form.message
        return Comparison("skip" if undecided else "fail", message, "", math.inf, expected)
    return _compare_values(got_values, values, answer, inputs, dtype, typical, phi)._replace(expected=expected)


UNDECIDED = "decided by the last bit of the input"
ILL_CONDITIONED = "too ill-conditioned to decide"


def _compare_values(
    got: Any,
    expected: Any,
    answer: Callable[[Any], Any],
    inputs: Any,
    dtype: torch.dtype,
    typical: Sequence[float] | None,
    phi: float,
) -> Comparison:
    """The rule, for values of the same form."""
    got_leaves, wanted = leaves(got), leaves(expected)
    allowed = itertools.chain(typical or (), itertools.repeat(0.0))
    errors = [error(g, w) for g, w in zip(got_leaves, wanted, strict=True)]
    floors = [_floor(w, dtype, phi, t) for w, t in zip(wanted, allowed, strict=False)]
    ratio = largest_ratio(errors, floors)
    if ratio <= 1.0:
        return Comparison("pass", "", "", ratio, expected)

    sensitivity, flips = _sensitivity(answer, inputs, expected, ROUNDOFF[dtype])
    tolerances = [floor + C * moved for floor, moved in zip(floors, sensitivity, strict=True)]
    ratio = largest_ratio(errors, tolerances)
    wrong = first_wrong(errors, tolerances)
    if wrong is not None:
        if flips:
            return Comparison("skip", UNDECIDED, "", ratio, expected)
        n, index = wrong
        message, where = entry_difference(leaf_names(expected)[n], got_leaves[n], wanted[n], index)
        return Comparison("fail", message, where, ratio, expected)
    for e, floor, moved, w in zip(errors, floors, sensitivity, wanted, strict=True):
        if bool(((e > floor) & (C * moved > CAP * _largest(w))).any()):
            return Comparison("skip", ILL_CONDITIONED, "", ratio, expected)
    return Comparison("pass", "", "", ratio, expected)


def _sensitivity(
    answer: Callable[[Any], Any], inputs: Any, expected: Any, roundoff: float
) -> tuple[list[torch.Tensor], bool]:
    """(shake + noise per output, whether anything discrete or a pattern of inf and nan flipped)."""
    wanted, flips = leaves(expected), False
    largest = [[torch.zeros_like(error(w, w)) for w in wanted] for _ in range(2)]
    for is_noise, moved in perturbed(answer, inputs, roundoff=roundoff, shakes=SHAKES, noises=NOISES):
        if form_difference(moved, expected) is not None:
            flips = True
            continue
        for n, (m, w) in enumerate(zip(leaves(moved), wanted, strict=True)):
            change = error(m, w)
            flipped = torch.isinf(change)
            flips = flips or bool(flipped.any())
            largest[is_noise][n] = torch.maximum(largest[is_noise][n], change.masked_fill(flipped, 0.0))
    return [shaken + noisy for shaken, noisy in zip(*largest, strict=True)], flips


def _form_flips(reference: Reference, inputs: Any, expected: Any, roundoff: float) -> bool:
    moved = perturbed(lambda x: reference(*x), inputs, roundoff=roundoff, shakes=SHAKES, noises=NOISES)
    return any(form_difference(value, expected) is not None for _, value in moved)


def working_dtype(arguments: Any) -> torch.dtype:
    """The coarsest floating dtype among the arguments; float64 if there is none."""
    tensors = (leaf for leaf in leaves(arguments) if isinstance(leaf, torch.Tensor))
    found = {t.dtype.to_real() if t.is_complex() else t.dtype for t in tensors} & FLOOR.keys()
    return max(found, key=ROUNDOFF.__getitem__, default=torch.float64)


def typical_sizes(results: Iterable[Any]) -> list[float]:
    """T of each output: its largest finite magnitude over a handful of reference results of the same scale."""
    columns = itertools.zip_longest(*(map(_largest, leaves(result)) for result in results), fillvalue=0.0)
    return [max(column) for column in columns]


def identity_tolerance(
    expected: Any, dtype: torch.dtype, condition: float = 1.0, scale: float | None = None, tails: bool = False
) -> torch.Tensor | None:
    """The tolerance of an identity: FLOOR (|e| + PHI M) + C u condition M, entry by entry; None if this input cannot
    decide.

    scale: M where the expected value vanishes by cancellation.  tails: every entry relative to itself.
    """
    amplified = C * ROUNDOFF[dtype] * max(condition, 1.0)  # in this order nan stays nan
    if not amplified <= CAP:
        return None
    size = _size(expected)
    if tails:
        return (FLOOR[dtype] + amplified) * size
    M = _largest(expected) if scale is None else abs(scale)
    return FLOOR[dtype] * size + FLOOR[dtype] * PHI * M + amplified * M


def error(got: Any, expected: Any) -> torch.Tensor:
    """|got - expected| entry by entry, for leaves of the same form. inf where discrete values differ or inf and nan are
    not in the same places."""
    if not is_inexact(expected):
        if isinstance(expected, torch.Tensor):
            return torch.where(got.detach() != expected, math.inf, 0.0).double()
        return torch.tensor(0.0 if callable(expected) or got == expected else math.inf, dtype=torch.float64)
    g, e = wide(got), wide(expected)
    same = (g == e) | (torch.isnan(g) & torch.isnan(e))
    return torch.where(torch.isfinite(g) & torch.isfinite(e), (g - e).abs(), torch.where(same, 0.0, math.inf))


def is_inexact(leaf: Any) -> bool:
    """Whether a leaf is compared with a tolerance; ints, bools and text are compared exactly."""
    if isinstance(leaf, torch.Tensor):
        return leaf.is_floating_point() or leaf.is_complex()
    return isinstance(leaf, (float, complex))


def wide(number: Any) -> torch.Tensor:
    """As a float64 or complex128 tensor. A whole number beyond the range of floats becomes inf."""
    if isinstance(number, torch.Tensor):
        return number.detach().to(torch.complex128 if number.is_complex() else torch.float64)
    if isinstance(number, complex):
        return torch.tensor(number, dtype=torch.complex128)
    try:
        return torch.tensor(float(number), dtype=torch.float64)
    except OverflowError:
        return torch.tensor(math.inf if number > 0 else -math.inf, dtype=torch.float64)


def first_wrong(errors: Sequence[torch.Tensor], tolerances: Sequence[torch.Tensor]) -> tuple[int, int] | None:
    """(output, flat index in row-major order) of the first entry beyond its tolerance.

    An infinite error is beyond any tolerance; a tolerance that is nan, or infinite, covers none but equal values.
    """
    for n, (e, tolerance) in enumerate(zip(errors, tolerances, strict=True)):
        wrong = ~((e == 0) | ((e <= tolerance) & torch.isfinite(e) & torch.isfinite(tolerance))).reshape(-1)
        wrong = wrong.nonzero()
        if len(wrong):
            return n, int(wrong[0])
    return None


def clearly_within(got: Any, expected: Any, tolerance: torch.Tensor) -> bool:
    """What first_wrong would find of two leaves of the same form, fast, for finite doubles; False: look closely."""
    if type(got) is not torch.Tensor or type(expected) is not torch.Tensor:
        return False
    if got.dtype is not torch.float64 or expected.dtype is not torch.float64 or not got.numel():
        return False
    within = (got.detach() - expected.detach()).abs_().le(tolerance)
    return bool(within.all()) and tolerance.max().item() < math.inf


def largest_ratio(errors: Sequence[torch.Tensor], tolerances: Sequence[torch.Tensor]) -> float:
    """The largest error / tolerance; an error of 0 is within any tolerance."""
    ratios = (torch.where(e == 0, 0.0, e / t) for e, t in zip(errors, tolerances, strict=True))
    return max((float(ratio.max()) for ratio in ratios if ratio.numel()), default=0.0)


def _quick_ratio(got: Any, expected: Any, dtype: torch.dtype, typical: Sequence[float] | None, phi: float) -> float:
    """Stage 1 without ceremony, for finite floating tensors of the right form. Above 1 or nan: look closely."""
    if isinstance(expected, torch.Tensor):
        got, expected = (got,), (expected,)
    elif type(expected) is not tuple or type(got) not in (tuple, list) or len(got) != len(expected):
        return math.inf
    floor, largest = FLOOR[dtype], 0.0
    for n, (g, e) in enumerate(zip(got, expected, strict=True)):
        if not isinstance(e, torch.Tensor) or not e.is_floating_point() or not e.numel():
            return math.inf
        if type(g) not in TENSORS or g.dtype != dtype or g.shape != e.shape:
            return math.inf
        e = e.detach()
        size = e.abs()
        top = size.max().item()
        if not top < math.inf:
            return math.inf
        zero = ZERO * ROUNDOFF[dtype] * typical[n] if typical and n < len(typical) else 0.0
        tolerance = size.mul_(floor).add_(floor * phi * top + zero)
        ratio = (g.detach() - e).abs_().div_(tolerance).max().item()
        if not ratio <= 1.0:  # nan too
            return math.inf
        largest = max(largest, ratio)
    return largest


def _floor(expected: Any, dtype: torch.dtype, phi: float, typical: float) -> torch.Tensor:
    if not is_inexact(expected):
        return torch.zeros((), dtype=torch.float64)
    floor = FLOOR[dtype]  # multiplied first: sizes near the end of the range must not overflow
    return floor * _size(expected) + floor * phi * _largest(expected) + ZERO * ROUNDOFF[dtype] * typical


def _size(leaf: Any) -> torch.Tensor:
    """|leaf|, 0 where it is not finite."""
    return wide(leaf).abs().nan_to_num(0.0, 0.0, 0.0)


def _largest(leaf: Any) -> float:
    """The largest finite magnitude of a leaf; 0 for discrete ones and empty ones."""
    if not is_inexact(leaf):
        return 0.0
    size = _size(leaf)
    return float(size.max()) if size.numel() else 0.0
