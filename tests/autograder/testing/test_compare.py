"""The comparison rule: right answers pass, mistakes fail, undecidable inputs are skipped, students read plain words."""

import dataclasses
import math
import random
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from autograder.sandbox.inside.functions import Affine
from autograder.testing import compare as rule
from autograder.testing.compare import compare, typical_sizes
from autograder.testing.values import upcast

SCALES = st.sampled_from([1.0, 1e-2, 1e2])
SEEDS = st.integers(0, 2**32 - 1)
lenient = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A reference, a right answer by another algorithm, and valid inputs from a seed and a scale."""

    reference: Callable
    other: Callable
    draw: Callable[[int, float], tuple]


def sherman_morrison(B, u, v):
    w = B @ u
    return B - torch.outer(w, v @ B) / (1 + v @ w)


PROBLEMS = {
    "rank one update": Problem(
        sherman_morrison,
        lambda B, u, v: torch.linalg.inv(torch.linalg.inv(B) + torch.outer(u, v)),
        lambda seed, scale: (
            torch.linalg.inv(scale * (3 * torch.eye(4, dtype=torch.float64) + 0.3 * normal(seed, 4, 4))),
            scale * normal(seed + 1, 4) * 0.3,
            normal(seed + 2, 4) * 0.3,
        ),
    ),
    "logsumexp": Problem(
        lambda x: torch.logsumexp(x, -1),
        lambda x: x.max(-1).values + torch.log(torch.exp(x - x.max(-1, keepdim=True).values).sum(-1)),
        lambda seed, scale: (scale * normal(seed, 3, 5),),
    ),
    "variance": Problem(
        lambda x: ((x - x.mean()) ** 2).mean(),
        lambda x: (x * x).mean() - x.mean() ** 2,
        lambda seed, scale: (scale * (normal(seed, 20) + 30),),
    ),
    "least squares": Problem(
        lambda A, b: torch.linalg.lstsq(A, b[:, None]).solution[:, 0],
        lambda A, b: torch.linalg.solve(A.T @ A, A.T @ b),
        lambda seed, scale: (scale * normal(seed, 6, 3), normal(seed + 1, 6)),
    ),
    "eigenvalues and determinant": Problem(
        lambda A: (torch.linalg.eigvalsh(A + A.T), torch.linalg.det(A)),
        lambda A: (
            torch.linalg.eigh(A + A.T)[0],
            torch.diagonal(torch.linalg.lu(A)[2]).prod() * torch.linalg.det(torch.linalg.lu(A)[0]),
        ),
        lambda seed, scale: (scale * normal(seed, 4, 4),),
    ),
    "centered rows": Problem(
        lambda X: (X - X.mean(0)).sum(0),
        lambda X: X.sum(0) - len(X) * X.mean(0),
        lambda seed, scale: (scale * normal(seed, 7, 3),),
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
@lenient
@given(seed=SEEDS, scale=SCALES)
def test_two_right_algorithms_are_never_told_apart(name, seed, scale):
    problem = PROBLEMS[name]
    arguments = problem.draw(seed, scale)
    result = compare(problem.other(*arguments), arguments, problem.reference)
    assert result.verdict != "fail", result


@pytest.mark.parametrize("name", PROBLEMS)
def test_right_answers_are_mostly_decided(name):
    problem = PROBLEMS[name]
    draws = [problem.draw(seed, 1.0) for seed in range(40)]
    typical = [1.0] if name == "centered rows" else None  # there the answer is a rounded zero
    passed = [compare(problem.other(*a), a, problem.reference, typical=typical).verdict == "pass" for a in draws]
    assert sum(passed) >= 36


@pytest.mark.parametrize("name", sorted(PROBLEMS.keys() - {"centered rows"}))
@lenient
@given(seed=SEEDS, scale=SCALES, sign=st.sampled_from([-1, 1]))
def test_an_error_of_one_in_ten_thousand_never_passes(name, seed, scale, sign):
    problem = PROBLEMS[name]
    arguments = problem.draw(seed, scale)
    wrong = problem.reference(*arguments)
    wrong = tuple(w * (1 + sign * 1e-4) for w in wrong) if isinstance(wrong, tuple) else wrong * (1 + sign * 1e-4)
    assert compare(wrong, arguments, problem.reference).verdict != "pass"


@lenient
@given(seed=SEEDS, scale=SCALES)
def test_well_conditioned_mistakes_are_decided(seed, scale):
    arguments = PROBLEMS["logsumexp"].draw(seed, scale)
    result = compare(torch.logsumexp(arguments[0], -1) * (1 + 1e-4), arguments, PROBLEMS["logsumexp"].reference)
    assert result.verdict == "fail" and result.ratio > 100


@lenient
@given(seed=SEEDS, scale=SCALES)
def test_flipped_signs_and_orders_fail(seed, scale):
    x = scale * normal(seed, 6)
    assert compare(-torch.sort(x).values, (x,), lambda x: torch.sort(x).values).verdict == "fail"
    assert compare(torch.sort(x, descending=True).values, (x,), lambda x: torch.sort(x).values).verdict == "fail"


@lenient
@given(seed=SEEDS)
def test_float32_is_judged_by_its_own_roundoff(seed):
    x = normal(seed, 3, 5, dtype=torch.float32)
    reference = PROBLEMS["logsumexp"].reference
    assert compare(PROBLEMS["logsumexp"].other(x), (x,), reference).verdict == "pass"
    assert compare(torch.logsumexp(x, -1) + 0.1, (x,), reference).verdict == "fail"
    assert (
        compare(torch.logsumexp(x.double(), -1), (x,), reference).message == "returns dtype float64 instead of float32"
    )


def test_an_ill_conditioned_input_is_skipped():
    hilbert = 1 / (torch.arange(12.0, dtype=torch.float64)[:, None] + torch.arange(12.0, dtype=torch.float64) + 1)
    inverse = torch.linalg.inv(hilbert)
    result = compare(inverse * 1.001, (hilbert,), torch.linalg.inv)
    assert result.verdict == "skip" and result.message == "too ill-conditioned to decide"


def test_a_decision_on_the_last_bit_is_skipped():
    def reference(x):
        return torch.argmax(torch.stack([x.sum(), x[0] * len(x)]))

    x = torch.full((7,), 0.1, dtype=torch.float64)
    other = 1 - reference(x)
    assert compare(other, (x,), reference).verdict == "skip"
    clear = torch.tensor([0.1, 0.7], dtype=torch.float64)
    assert compare(1 - reference(clear), (clear,), reference).verdict == "fail"


def test_a_shape_that_hangs_on_the_last_bit_is_skipped():
    def kept(x):
        return x[x > x.mean()]

    x = torch.tensor([0.1, 0.1, 0.1], dtype=torch.float64)  # the mean is 0.1 or its neighbour
    assert compare(x[: 3 - len(kept(x))], (x,), kept).verdict == "skip"
    x = torch.tensor([0.1, 0.7, 0.9], dtype=torch.float64)
    assert compare(x, (x,), kept).message == "returns shape (3,) instead of (2,)"


def test_short_numbers_and_ties_survive_the_shake():
    labels = torch.tensor([0.5, 0.5, -2.0], dtype=torch.float64)
    assert compare(torch.tensor(0), (labels,), lambda x: (x > 0.5).sum()).verdict == "pass"
    assert compare(torch.tensor(2), (labels,), lambda x: (x > 0.5).sum()).verdict == "fail"
    tied = torch.tensor([0.1, 0.1, 0.3], dtype=torch.float64)
    assert compare(torch.tensor(3), (tied,), lambda x: torch.unique(x).numel() * torch.tensor(1)).verdict == "fail"


def test_infinities_and_nans_must_be_in_place():
    x = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64)
    right = torch.log(x)
    assert compare(right, (x,), torch.log).verdict == "pass"
    for n, wrong in enumerate((0.0, math.inf, math.nan)):
        for place in range(3):
            got = right.clone()
            got[place] = wrong
            expected = "pass" if (place, n) in {(1, 0), (2, 2)} else "fail"
            assert compare(got, (x,), torch.log).verdict == expected, (place, wrong)
    result = compare(torch.full((3,), math.nan, dtype=torch.float64), (x,), torch.exp)
    assert result.message == "entry [0] is nan where a number belongs"
    assert result.where == "entry [0]: nan instead of 1"


def test_finite_numbers_whose_difference_overflows_differ():
    x = torch.tensor([-1.7e308], dtype=torch.float64)
    assert compare(-x, (x,), lambda x: x * 1).verdict == "fail"
    assert compare(x * 1, (x,), lambda x: x * 1).verdict == "pass"


def test_tails_demand_each_entry_relative_to_itself():
    x = torch.tensor([0.5, 20.0], dtype=torch.float64)
    careless = 1 - torch.erf(x)
    assert compare(careless, (x,), torch.erfc).verdict == "pass"
    result = compare(careless, (x,), torch.erfc, tails=True)
    assert result.verdict == "fail" and result.where == "entry [1]: 0 instead of 5.39587e-176"


def test_the_typical_size_tells_a_true_zero_from_a_rounded_one():
    x = torch.tensor([3.0, 4.0], dtype=torch.float64)

    def reference(x):
        return (x - x).sum()

    rounded = torch.tensor(1e-15, dtype=torch.float64)
    assert compare(rounded, (x,), reference).verdict == "fail"
    assert compare(rounded, (x,), reference, typical=[1.0]).verdict == "pass"
    assert compare(rounded, (x,), reference, typical=[1.0], tails=True).verdict == "fail"


def test_typical_sizes_are_the_largest_finite_magnitudes():
    results = [(torch.tensor([1.0, -3.0]), 2.0, True), (torch.tensor([math.inf, math.nan]), -5.0, False)]
    assert typical_sizes(results) == [3.0, 5.0, 0.0]


def test_answers_that_are_not_unique_are_compared_through_what_defines_them():
    A = normal(3, 4, 3)

    def svd(A):
        return tuple(torch.linalg.svd(A, full_matrices=False))

    def defines(value, arguments):
        U, s, Vt = value
        return U @ torch.diag(s) @ Vt, s, U.T @ U, Vt @ Vt.T

    U, s, Vt = svd(A)
    flip = torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64)
    flipped = (U * flip, s, Vt * flip[:, None])
    assert compare(flipped, (A,), svd).verdict == "fail"
    assert compare(flipped, (A,), svd, through=defines).verdict == "pass"
    assert compare((U * flip, s, Vt), (A,), svd, through=defines).verdict == "fail"
    assert (
        compare((U, s, Vt[:2]), (A,), svd, through=defines).message == "third output has shape (2, 3) instead of (3, 3)"
    )
    assert (
        compare(("U", None, Vt), (A,), svd, through=defines).message == "first output is a string instead of a tensor"
    )


def test_an_answer_that_breaks_the_defining_arithmetic_is_wrong():
    A = torch.eye(2, dtype=torch.float64)
    result = compare(0 * A, (A,), lambda A: A, through=lambda value, a: torch.linalg.inv(value))
    assert result.verdict == "fail" and "cannot be computed" in result.message


def test_described_functions_are_upcast_and_shaken():
    field = Affine(0.1 * torch.ones(1, 2), torch.tensor([0.3]))
    seen = []

    def reference(field, x):
        seen.append(field.W.clone())
        return field(x)

    x = torch.tensor([0.7, 0.9])
    assert compare(field(x) + 1, (field, x), reference).verdict == "fail"
    assert all(W.dtype == torch.float64 for W in seen)
    assert len({W[0, 0].item() for W in seen}) == 3  # itself, one up, one down


def test_an_input_that_leaves_the_domain_under_shake_is_passed_over():
    def reference(p):
        if abs(p.sum() - 1) > 1e-17:
            raise ValueError("not a distribution")
        return -(p * p.log()).sum()

    p = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    p[2] = 1 - (p[0] + p[1])
    assert compare(reference(p) * 1.01, (p,), reference).verdict == "fail"


def test_a_broken_reference_is_not_blamed_on_the_student():
    with pytest.raises(ZeroDivisionError):
        compare(1.0, (1.0,), lambda x: 1 / 0)


def test_arguments_are_left_alone_and_the_students_function_is_not_needed():
    x = torch.tensor([0.1, 0.2], dtype=torch.float64)
    before = x.clone()

    def careless(x):
        return x.mul_(2)

    assert compare(x * 2 + 1, (x,), careless).verdict == "fail"
    assert torch.equal(x, before)


@lenient
@given(seed=SEEDS, history=st.integers(0, 5))
def test_the_verdict_depends_on_the_input_alone(seed, history):
    problem = PROBLEMS["least squares"]
    arguments = problem.draw(seed, 1.0)
    wrong = problem.reference(*arguments) + 1e-7
    first = compare(wrong, arguments, problem.reference)
    for n in range(history):
        random.random()
        torch.rand(3)
        compare(wrong, problem.draw(n, 1.0), problem.reference)
    again = compare(wrong, arguments, problem.reference)
    assert (first.verdict, first.message) == (again.verdict, again.message)
    assert first.ratio == pytest.approx(again.ratio, rel=1e-3)  # LAPACK itself rounds by where its memory lies


def test_the_callers_random_state_is_untouched():
    x = normal(0, 3)
    random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), torch.get_rng_state()
    compare(x + 1, (x,), torch.exp)
    assert random.getstate() == before[0] and torch.equal(torch.get_rng_state(), before[1])


def test_a_cheap_stage_and_the_whole_rule_give_the_same_verdict(monkeypatch):
    """The short way for plain tensors is only short."""
    cases = []
    for seed in range(30):
        x = normal(seed, 3)
        for wrong in (0.0, 1e-12, 1e-10, 3e-9, 1e-8, 1e-7):
            cases.append((torch.exp(x) + wrong, (x,), torch.exp))
    expected = [torch.exp(*upcast(a)) for _, a, _ in cases]
    short = [compare(*case, expected=e, typical=[1.0]) for case, e in zip(cases, expected, strict=True)]
    monkeypatch.setattr(rule, "_quick_ratio", lambda *arguments: math.inf)
    whole = [compare(*case, expected=e, typical=[1.0]) for case, e in zip(cases, expected, strict=True)]
    assert [s.verdict for s in short] == [w.verdict for w in whole]
    assert [s.ratio for s in short] == pytest.approx([w.ratio for w in whole])
    assert {s.verdict for s in short} == {"pass", "fail"}


@pytest.mark.parametrize("got", [1.0, 1.0 + 2e-8, 1.0 - 2e-8, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("expected", [1.0, math.nan, math.inf])
@pytest.mark.parametrize("tolerance", [0.0, 1e-8, math.nan, math.inf])
def test_the_fast_look_never_lets_through_what_the_close_one_does_not(got, expected, tolerance):
    got, expected, tolerance = (torch.tensor([2.0, x], dtype=torch.float64) for x in (got, expected, tolerance))
    if rule.clearly_within(got, expected, tolerance):
        assert rule.first_wrong([rule.error(got, expected)], [tolerance]) is None
    elif bool(torch.isfinite(torch.stack([got, expected, tolerance])).all()):
        assert rule.first_wrong([rule.error(got, expected)], [tolerance]) is not None
