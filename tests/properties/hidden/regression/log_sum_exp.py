"""The logarithm of a sum of exponentials: hidden properties and known answers."""

from __future__ import annotations

import functools
import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_equal, assert_less
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators
from autograder.testing.student import Student
from tests.properties.public.regression.log_sum_exp import EXPONENTS, NOTHING, Exponents, log_of_sums


@properties_of("log_sum_exp", weight=2)
@given(case=EXPONENTS, offset=st.sampled_from([0.0, 1e4, -1e4]))
def test_agrees_with_torch(student: Student, case: Exponents, offset: float) -> None:
    """The answer is that of torch.logsumexp, also 10 000 away from 0 and with terms that are 0"""
    x = case.x + offset
    assert_close(log_of_sums(student, x), torch.logsumexp(x, 1), scale=case.size + abs(offset))


@properties_of("log_sum_exp")
@given(case=EXPONENTS)
def test_adds_up_in_two_stages(student: Student, case: Exponents) -> None:
    """The sum of two parts is the sum of their sums: merge the answers for the parts, and the answer is the whole's"""
    parts = (case.x, case.x.flip(0) / 2 - 1)
    together = log_of_sums(student, torch.cat(parts, dim=1))
    merged = log_of_sums(student, torch.stack([log_of_sums(student, part) for part in parts], dim=1))
    assert_close(merged, together, scale=2 * case.size + 1, because="the answer for two partial answers")


@properties_of("log_sum_exp")
@given(case=EXPONENTS)
def test_adds_for_independent_systems(student: Student, case: Exponents) -> None:
    """Two systems that ignore each other: energies add for every pair of states, and so do the logarithms of Z"""
    first, second = case.x, case.x.flip(0).flip(1) * 0.75 + 1
    pairs = (first[:, :, None] + second[:, None, :]).reshape(len(first), -1)
    expected = log_of_sums(student, first) + log_of_sums(student, second)
    assert_close(log_of_sums(student, pairs), expected, scale=3 * case.size + 1, because="for all pairs of states")


@properties_of("log_sum_exp")
@given(case=EXPONENTS, rise=st.sampled_from([0.5, 1.0, -1.0, 3.0]))
def test_feels_every_term_by_its_share(student: Student, case: Exponents, rise: float) -> None:
    """An entry with the share p of the sum that rises by h makes the answer larger by log(1 + p (exp h - 1))"""
    j = case.k - 1
    raised = case.x.clone()
    raised[:, j] += rise
    before, after = log_of_sums(student, case.x), log_of_sums(student, raised)
    some = case.largest > NOTHING
    share = torch.softmax(case.x[some], 1)[:, j]
    expected = torch.log1p(share * math.expm1(rise))
    assert_close(after[some] - before[some], expected, scale=case.size + 3, because="change of the answer")


@properties_of("log_sum_exp")
@given(case=EXPONENTS, generator=generators())
def test_ignores_the_order_and_what_is_zero(student: Student, case: Exponents, generator: torch.Generator) -> None:
    """Terms may come in any order, and a further entry -inf, a term that is 0, changes nothing"""
    expected = log_of_sums(student, case.x)
    order = torch.randperm(case.k, generator=generator)
    wider = torch.cat([torch.full_like(case.x[:, :1], NOTHING), case.x[:, order]], dim=1)
    assert_close(log_of_sums(student, wider), expected, scale=case.size, because="with -inf in front, reordered")


@properties_of("log_sum_exp")
@given(case=EXPONENTS)
def test_treats_every_row_alone(student: Student, case: Exponents) -> None:
    """A row's answer does not depend on the rows around it, even if one is 20 000 larger and one is all -inf"""
    alone = log_of_sums(student, case.x)
    crowd = torch.cat([case.x + 2e4, case.x, torch.full_like(case.x[:1], NOTHING)])
    n = len(case.x)
    got = log_of_sums(student, crowd)
    assert_close(got[n : 2 * n], alone, scale=case.size, because="beside much larger rows")
    assert_equal(got[-1:], torch.full_like(got[-1:], NOTHING), because="for a row of -inf")


@properties_of("log_sum_exp")
@given(case=EXPONENTS)
def test_rises_with_every_entry(student: Student, case: Exponents) -> None:
    """A larger entry never makes the answer smaller"""
    raised = case.x.clone()
    raised[:, 0] += 0.5
    some = case.largest > NOTHING
    before, after = log_of_sums(student, case.x)[some], log_of_sums(student, raised)[some]
    assert_less(before, after, scale=case.size, because="the answer before the first entry rose")


@misconception_of(
    "log_sum_exp",
    hint="On paper this is right; in a computer exp(710) is already too large for a float64 and exp(-750) is 0. Take "
    "the largest term of each row out of the sum before you exponentiate.",
)
def naive(x: Tensor) -> Tensor:
    return x.exp().sum(-1).log()


@misconception_of(
    "log_sum_exp",
    hint="This is the logarithm of the mean. A partition function counts its states: k equal terms are k times one of "
    "them, so the answer is log k above the largest entry. No 1/k.",
)
def mean(x: Tensor) -> Tensor:
    m = _finite(x.amax(-1, keepdim=True))
    return m[:, 0] + (x - m).exp().mean(-1).log()


@misconception_of(
    "log_sum_exp",
    hint="You take the largest entry of the whole tensor out of every row. A row that lies far below it then "
    "underflows to log 0 = -inf: each row needs its own largest entry.",
)
def global_max(x: Tensor) -> Tensor:
    m = _finite(x.max())
    return m + (x - m).exp().sum(-1).log()


@misconception_of(
    "log_sum_exp",
    hint="In a row of -inf the largest entry is -inf as well, and -inf - (-inf) is not a number. The sum of such a row "
    "is 0, its logarithm -inf: subtract something finite there.",
)
def nan_for_an_empty_sum(x: Tensor) -> Tensor:
    m = x.amax(-1, keepdim=True)
    return m[:, 0] + (x - m).exp().sum(-1).log()


@misconception_of(
    "log_sum_exp",
    hint="You took exp(m) out of the sum, but did not put it back: the logarithm turns that factor into a term m to be "
    "added.",
)
def factor_not_put_back(x: Tensor) -> Tensor:
    m = _finite(x.amax(-1, keepdim=True))
    return (x - m).exp().sum(-1).log()


@misconception_of(
    "log_sum_exp",
    hint="The largest term alone is what is left at temperature zero. The others count as well: with k equal entries "
    "the answer is log k larger.",
)
def the_largest_alone(x: Tensor) -> Tensor:
    return x.amax(-1)


@misconception_of(
    "log_sum_exp",
    hint="The 1 in log(1 + sum) is the largest term, so it must not be in that sum once more.",
)
def largest_counted_twice(x: Tensor) -> Tensor:
    m = _finite(x.amax(-1, keepdim=True))
    return m[:, 0] + (x - m).exp().sum(-1).log1p()


@misconception_of(
    "log_sum_exp",
    hint="Take the largest entry out, not the mean: one entry far above the mean still overflows.",
)
def mean_taken_out(x: Tensor) -> Tensor:
    m = x.masked_fill(x.isinf(), 0.0).mean(-1, keepdim=True)
    return m[:, 0] + (x - m).exp().sum(-1).log()


@misconception_of(
    "log_sum_exp",
    hint="Clipping the exponent hides the overflow and answers another question. Nothing needs to be clipped once the "
    "largest entry is taken out.",
)
def clipped(x: Tensor) -> Tensor:
    return x.clamp(-700, 700).exp().sum(-1).log()


@misconception_of(
    "log_sum_exp",
    hint="A small number added to the sum replaces the true logarithm where the sum is small, and a row of -inf "
    "becomes finite. With the largest entry taken out the sum is at least 1 and needs no help.",
)
def padded_logarithm(x: Tensor) -> Tensor:
    return (x.exp().sum(-1) + 1e-6).log()


def _finite(m: Tensor) -> Tensor:
    return m.masked_fill(m.isinf(), 0.0)


# Alternatives: built differently from the reference.


@alternative_of("log_sum_exp")
def term_by_term(x: Tensor) -> Tensor:
    return functools.reduce(torch.logaddexp, x.unbind(-1))


@alternative_of("log_sum_exp")
def sorted_terms(x: Tensor) -> Tensor:
    terms = torch.sort(x, dim=1, descending=True).values
    top = terms[:, 0]
    below = torch.where(terms[:, 1:].isinf(), terms[:, 1:], terms[:, 1:] - top[:, None])
    return top + torch.log1p(torch.exp(below).sum(1))


@alternative_of("log_sum_exp")
def row_by_row_with_exact_sums(x: Tensor) -> Tensor:
    found = []
    for row in x.tolist():
        top = max(row)
        found.append(top if math.isinf(top) else top + math.log(math.fsum(math.exp(e - top) for e in row)))
    return torch.tensor(found, dtype=x.dtype, device=x.device)


EQUIVALENT_MUTANTS = {
    "log_sum_exp": {
        "m = x.amax(dim=1) => m = x.amax(dim=-1)": "the last of two axes",
        "return m + (x - m[:, None]).exp().sum(dim=1).log() => return m + (x - m[:, None]).exp().sum(dim=-1).log()": (
            "the last of two axes"
        ),
    }
}
# What students get wrong, and what notices
# log(sum(exp)) as it stands -> rises_with_a_common_shift, agrees_at_extreme_scales
# the largest entry of the whole tensor taken out -> treats_every_row_alone
# the mean or the first entry taken out -> rises_with_a_common_shift passes, agrees_with_torch does not
# the smallest entry taken out -> agrees_on_edge_cases: entries far apart
# m subtracted but not added -> is_the_logarithm_of_the_sum
# m added twice, or subtracted at the end -> rises_with_a_common_shift
# log of the mean -> counts_equal_terms, is_the_logarithm_of_the_sum
# the largest entry alone -> counts_equal_terms
# the largest term counted twice -> is_the_logarithm_of_the_sum; k = 1
# nan for a row of -inf -> agrees_on_edge_cases, treats_every_row_alone
# -inf replaced by 0, a term of 1 -> ignores_the_order_and_what_is_zero
# -inf replaced by -1e9 -> treats_every_row_alone
# 1e-6 inside the logarithm -> is_the_logarithm_of_the_sum
# exponents clipped at ±700 -> rises_with_a_common_shift
# logarithm to base 2 or 10 -> is_the_logarithm_of_the_sum
# sum of the logarithms -> is_the_logarithm_of_the_sum
# columns instead of rows -> returns_what_is_promised, treats_every_row_alone
# one number for the whole tensor -> returns_what_is_promised
# a column [n, 1] -> returns_what_is_promised
# x -= m on the argument itself -> keeps_its_arguments
# float64 made of float32, or the other way round -> returns_what_is_promised
# torch.logsumexp, softmax and so on -> the rules
# the sign of statistical physics: exp(-x) -> rises_with_every_entry
