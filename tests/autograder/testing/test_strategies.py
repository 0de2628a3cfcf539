import math
import random

import hypothesis
import pytest
import torch
from hypothesis import given

from autograder.testing.profile import under_profile
from autograder.testing.strategies import (
    conditioned,
    eighths,
    fractions,
    generator,
    generators,
    integers,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    rotation,
    sizes,
    tensor,
    uniform,
)


def draws(strategy, seed=0, examples=200):
    found = []

    def keep(value):
        found.append(value)

    under_profile(given(strategy)(keep), seed, examples)()
    return found


@pytest.mark.parametrize(
    ("strategy", "parts", "least", "most"),
    [
        (quarters(2, 3), 4, -4, 4),
        (quarters(2, 3, least=0.3, most=1), 4, 0.5, 1),
        (eighths(2, 3), 8, 0, 7 / 8),
        (integers(2, 3), 1, -4, 4),
        (fractions(3, 2, 3, least=-1, most=1), 3, -1, 1),
    ],
)
def test_fractions_fill_their_range_with_short_numbers(strategy, parts, least, most):
    values = torch.stack(draws(strategy))
    assert values.shape[1:] == (2, 3) and values.dtype == torch.float64
    assert torch.equal((values * parts).round() / parts, values)
    assert values.min() == least and values.max() == most


def test_fractions_of_no_or_no_known_shape():
    assert draws(quarters())[0].shape == ()
    assert draws(quarters(0, 3))[0].shape == (0, 3)


@pytest.mark.parametrize("strategy", [quarters(2), eighths(2), integers(2)])
def test_entries_shrink_towards_zero(strategy):
    smallest = hypothesis.find(strategy, lambda t: t.abs().max() > 0)
    assert sorted(smallest.tolist())[0] == 0
    assert smallest.abs().sum() in (1, 1 / 4, 1 / 8)


def test_sizes_and_units_shrink_towards_the_simplest():
    assert hypothesis.find(sizes(2, 5), lambda n: True) == 2
    assert hypothesis.find(powers_of_two(-9, 9), lambda c: True) == 1
    assert {math.log2(c) for c in draws(powers_of_two(-3, 3))} == {-3, -2, -1, 0, 1, 2, 3}


def test_what_fails_on_large_cases_is_shown_on_a_small_one():
    cases = readable_first(quarters(4), large=generators().map(lambda g: normal(g, 7)))
    assert {len(case) for case in draws(cases)} == {4, 7}

    def fails(case):
        met.append(len(case))
        return case.prod() != 0

    for seed in range(20):
        met = []
        smallest = hypothesis.find(cases, fails, random=random.Random(seed))
        assert 7 in met and smallest.tolist() == [0.25] * 4


def test_a_seed_stands_for_its_tensors():
    for make in (normal, uniform):
        assert torch.equal(make(generator(7), 3, 2), make(generator(7), 3, 2))
        assert not torch.equal(make(generator(7), 3, 2), make(generator(8), 3, 2))
    values = uniform(generator(0), 1000)
    assert 0 <= values.min() < 0.1 and 0.9 < values.max() < 1 and values.dtype == torch.float64


def test_two_draws_differ_and_a_replay_does_not():
    cases = readable_first(quarters(4), large=generators().map(lambda g: normal(g, 7)))
    for strategy in (generators().map(lambda g: normal(g, 7)), cases):
        first, again = ([case.tolist() for case in draws(strategy, examples=60)] for _ in range(2))
        assert first == again and len({tuple(case) for case in first}) >= 58


def test_global_random_state_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    normal(generator(1), 5), uniform(generator(1), 5), rotation(generator(1), 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_rotations_are_orthogonal():
    Q = rotation(generator(3), 5)
    torch.testing.assert_close(Q.T @ Q, torch.eye(5, dtype=torch.float64))


def test_conditioned_matrices_have_their_condition_number_and_are_not_symmetric():
    A = conditioned(generator(3), 6, 50)
    assert float(torch.linalg.cond(A)) == pytest.approx(50)
    assert float(torch.linalg.matrix_norm(A, 2)) == pytest.approx(1)
    assert not torch.allclose(A, A.T)


def test_written_down_tensors_are_double():
    assert tensor([[1, 2], [3, 4]]).dtype == torch.float64
    assert tensor(0.1).item() == 0.1
