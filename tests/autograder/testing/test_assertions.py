"""The assertions of hand-written properties: plain words, no crash on anything a student returns, rejected inputs."""

import math

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from autograder.testing import assertions as a
from autograder.testing.compare import compare
from autograder.testing.outcomes import StudentError, TimedOut, Unsendable, WrongAnswer
from autograder.testing.student import Student

SEEDS = st.integers(0, 2**32 - 1)
I2 = torch.eye(2, dtype=torch.float64)


class Pretender(Student):
    """A student of one function."""

    def __init__(self, function):
        self.function = function

    def _call(self, function, arguments):
        return self.function(*arguments)

    def has(self, function):
        return True

    def arguments_after(self, function, arguments):
        return tuple(arguments)

    def operators(self, function, arguments):
        return []

    def traces(self, function, arguments):
        return []

    def call_on(self, device, function, arguments):
        return [], self.function(*arguments)

    def fresh(self, seed):
        return self


def raising(error):
    def function(*arguments):
        raise error

    return Pretender(function)


def words(call):
    """The sentence of the WrongAnswer that ``call`` raises."""
    with pytest.raises(WrongAnswer) as caught:
        call()
    return caught.value.message


@settings(deadline=None)
@given(seed=SEEDS, scale=st.sampled_from([1.0, 1e-2, 1e2]), wrong=st.sampled_from([1e-4, -1e-4]))
def test_an_identity_holds_up_to_rounding_and_no_further(seed, scale, wrong):
    A = scale * torch.randn(4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    condition = torch.linalg.cond(A).item()
    assume(condition < 1e6)
    X, eye = torch.linalg.inv(A), torch.eye(4, dtype=torch.float64)
    a.assert_close(A @ X, eye, condition=condition)
    with pytest.raises(WrongAnswer):
        a.assert_close(A @ X * (1 + wrong), eye, condition=condition)


def test_the_first_wrong_entry_is_named():
    X = I2.clone()
    X[1, 0] = 2
    with pytest.raises(WrongAnswer) as caught:
        a.assert_close(X, I2, because="(A + u vᵀ) X")
    assert caught.value.message == "(A + u vᵀ) X: entry [1, 0] is 2 instead of 0"
    assert caught.value.where == "entry [1, 0]: 2 instead of 0"
    assert torch.equal(caught.value.expected, I2) and torch.equal(caught.value.got, X)


@pytest.mark.parametrize("condition", [1e13, math.inf, math.nan])
def test_what_is_too_ill_conditioned_is_rejected_not_counted(condition):
    with pytest.raises(UnsatisfiedAssumption):
        a.assert_close(I2 + 1, I2, condition=condition)
    assert words(lambda: a.assert_close([1.0], I2, condition=condition)) == "returns a list instead of a tensor"


def test_each_dtype_has_its_own_tolerance():
    off = 1 + 1e-6
    a.assert_close(I2.float() * (1 + 1e-4), I2.float())
    assert "instead of 1" in words(lambda: a.assert_close(I2 * off, I2))
    assert "float32 instead of float64" in words(lambda: a.assert_close(I2.float(), I2))
    a.assert_close(off, 1.0, dtype=torch.float32)
    with pytest.raises(WrongAnswer):
        a.assert_close(off, 1.0)


def test_a_residual_is_measured_against_what_cancels():
    zero = torch.zeros(2, dtype=torch.float64)
    residual = torch.tensor([3e-10, -2e-10], dtype=torch.float64)
    with pytest.raises(WrongAnswer):
        a.assert_close(residual, zero)
    a.assert_close(residual, zero, scale=1.0)
    with pytest.raises(WrongAnswer):
        a.assert_close(residual, zero, scale=1e-3)


def test_tails_are_relative_to_themselves():
    expected = torch.tensor([1.0, 1e-30], dtype=torch.float64)
    off = torch.tensor([1.0, 2e-30], dtype=torch.float64)
    a.assert_close(off, expected)
    assert words(lambda: a.assert_close(off, expected, tails=True)) == "entry [1] is 2e-30 instead of 1e-30"


def test_numbers_and_tensors_of_one_number_stand_for_each_other_where_a_number_is_expected():
    a.assert_close(torch.tensor(1.0, dtype=torch.float64), 1)
    a.assert_close(1, 1.0)
    a.assert_close((1.0, I2), (1, I2))
    assert words(lambda: a.assert_close(I2, 1.0)) == "returns a tensor instead of a float"
    assert words(lambda: a.assert_close(1.0, I2[0, 0])) == "returns a float instead of a tensor"
    assert words(lambda: a.assert_close(1j, 1.0)) == "returns a complex number instead of a float"
    assert words(lambda: a.assert_close(torch.tensor(1j), 1.0)) == "returns a complex number instead of a float"


def test_equal_is_exact():
    a.assert_equal({"a": [1, math.nan, "b"]}, {"a": [1, math.nan, "b"]})
    a.assert_equal(I2, I2.clone())
    assert "entry [0, 0] is 1.00000000000000" in words(lambda: a.assert_equal(I2 * (1 + 2**-52), I2))
    assert words(lambda: a.assert_equal(2, 2.5)) == "returns 2 instead of 2.5"
    assert words(lambda: a.assert_equal(I2, I2.long())) == "returns dtype float64 instead of int64"


def test_forms_are_vouched_for():
    assert a.assert_tensor(I2, shape=(2, 2), dtype=torch.float64, finite=True) is not None
    assert words(lambda: a.assert_tensor("X")) == "returns a string instead of a tensor"
    assert words(lambda: a.assert_shape(I2, (2, 3), name="mean")) == "mean: returns shape (2, 2) instead of (2, 3)"
    assert words(lambda: a.assert_dtype(I2, torch.float32)) == "returns dtype float64 instead of float32"
    assert words(lambda: a.assert_tensor(I2 / 0, finite=True)) == "entry [0, 0] is inf where a number belongs"
    assert a.assert_number(3) == 3.0
    assert words(lambda: a.assert_number(I2)) == "returns a tensor instead of a number"
    assert words(lambda: a.assert_number(math.nan)) == "returns nan where a number belongs"
    assert words(lambda: a.assert_number(10**400)) == "returns inf where a number belongs"
    assert a.assert_parts([1, 2], 2) == (1, 2)
    assert words(lambda: a.assert_parts((1, 2, 3), 2)) == "returns 3 outputs instead of 2"
    assert words(lambda: a.assert_parts(I2, 2)) == "returns a tensor instead of a tuple"


def test_inequalities_allow_for_rounding_only():
    a.assert_less(1.0, 2.0)
    a.assert_less(1.0 + 1e-12, 1.0)
    a.assert_less(I2, I2)
    a.assert_less(I2, 1.0)
    a.assert_less(1.0, math.inf)
    assert words(lambda: a.assert_less(1.0 + 1e-6, 1.0)) == "1.000001 should be at most 1"
    assert words(lambda: a.assert_less(I2, 0.5, because="its error")) == (
        "its error: entry [0, 0]: 1 should be at most 0.5"
    )
    assert words(lambda: a.assert_less(1.0, math.nan)) == "1 should be at most nan"
    assert words(lambda: a.assert_less(None, 1.0)) == "returns None instead of a number"
    assert words(lambda: a.assert_less(I2, I2[0])) == "returns shape (2, 2) where (2,) belongs"
    assert words(lambda: a.assert_less(1j * I2, 1.0)) == "returns a complex number instead of a real one"
    with pytest.raises(WrongAnswer):
        a.assert_less(torch.tensor([-1e40, 0.1]), torch.zeros(2))  # a huge value buys no room
    a.assert_less(1e-10, 0.0, scale=1.0)
    with pytest.raises(UnsatisfiedAssumption):
        a.assert_less(1.0, 0.5, condition=1e13)


def test_same_is_up_to_rounding():
    a.assert_same((I2, 1), (I2 * (1 + 1e-14), 1), "gives different answers")
    a.assert_same(1e-17 * I2, 3e-17 * I2, "gives different answers", scale=1.0)
    with pytest.raises(WrongAnswer) as caught:
        a.assert_same((I2, 1), (I2, 2), "gives different answers")
    assert (caught.value.message, caught.value.where) == ("gives different answers", "second output: 1 instead of 2")
    with pytest.raises(WrongAnswer) as caught:
        a.assert_same(I2, "text", "gives different answers")
    assert caught.value.message == "gives different answers"


def test_a_bad_input_must_raise_its_own_error():
    a.assert_raises(raising(StudentError(("ValueError", "Exception"), "singular")), "f", (), ValueError)
    a.assert_raises(raising(StudentError(("Mine", "ValueError", "Exception"), "")), "f", (), ValueError)
    a.assert_raises(raising(StudentError(("KeyError", "LookupError", "Exception"), "")), "f", (), LookupError)

    def said(student):
        return words(lambda: a.assert_raises(student, "f", (), ValueError))

    lin_alg = StudentError(("LinAlgError", "RuntimeError", "Exception"), "secret")
    assert said(raising(lin_alg)) == "raises LinAlgError instead of ValueError"
    own = StudentError(("Secret_0_25", "KeyError", "LookupError"), "secret")
    assert said(raising(own)) == "raises KeyError instead of ValueError"
    assert said(raising(StudentError(("print", "<b>", "Secret"), ""))) == "raises Exception instead of ValueError"
    assert said(raising(StudentError((), ""))) == "raises Exception instead of ValueError"
    assert said(Pretender(lambda: 3)) == "returns an answer instead of raising ValueError"
    assert said(raising(Unsendable("a generator"))) == "returns an answer instead of raising ValueError"
    sneaky = raising(Unsendable("a generator"))
    assert (
        words(lambda: a.assert_raises(sneaky, "f", (), TypeError)) == "returns an answer instead of raising TypeError"
    )


def test_a_timeout_is_not_an_answer():
    with pytest.raises(TimedOut):
        a.assert_raises(raising(TimedOut("5 s")), "f", (), ValueError)


def test_a_comparison_becomes_what_a_property_does():
    x = torch.tensor([0.1, 0.3], dtype=torch.float64)
    a.decide(compare(x.exp(), (x,), torch.exp), x.exp())
    with pytest.raises(WrongAnswer) as caught:
        a.decide(compare(x, (x,), torch.exp), x)
    assert caught.value.where == "entry [0]: 0.1 instead of 1.10517" and torch.equal(caught.value.expected, x.exp())
    with pytest.raises(UnsatisfiedAssumption):
        a.decide(compare((3 * x[:1] > x[1:]) ^ True, (x,), lambda x: 3 * x[:1] > x[1:]), x)


@settings(deadline=None)
@given(seed=SEEDS)
def test_right_samples_pass_and_shifted_ones_fail(seed):
    generator = torch.Generator().manual_seed(seed)
    mean, std = torch.tensor([1.0, -20.0]), torch.tensor([1.0, 3.0])
    samples = mean + std * torch.randn(4000, 2, generator=generator)
    a.assert_mean(samples, mean, std)
    said = words(lambda: a.assert_mean(samples + 0.5, mean, std, because="x_t"))
    assert said.startswith("x_t: mean of 4000 samples: entry [0] is 1.")


def test_the_false_alarm_level_is_the_stated_one():
    """10^4 samples whose mean is off by 6.1 standard errors are seen, by 6.0 not: 1e-9 lies between."""
    x = torch.zeros(10_000, dtype=torch.float64)
    a.assert_mean(x + 0.060, 0.0, 1.0)
    with pytest.raises(WrongAnswer):
        a.assert_mean(x + 0.062, 0.0, 1.0)
    assert words(lambda: a.assert_mean(x[:0], 0.0, 1.0)) == "returns shape (0,) instead of ('n',)"
    assert words(lambda: a.assert_mean("x", 0.0, 1.0)) == "returns a string instead of a tensor"
    assert words(lambda: a.assert_mean(x / 0, 0.0, 1.0)).endswith("returns nan where a number belongs")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.lists(st.floats(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.floats(), max_size=2),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.complex128, torch.int64, torch.bool]).flatmap(
        lambda dtype: st.sampled_from([(), (0,), (2,), (2, 2), (1, 2)]).map(
            lambda shape: torch.ones(shape, dtype=dtype)
        )
    ),
    st.sampled_from([math.nan, math.inf, -math.inf]).map(lambda value: torch.full((2, 2), value, dtype=torch.float64)),
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(got=VALUES, expected=VALUES)
def test_no_value_breaks_an_assertion(got, expected):
    for check in (
        lambda: a.assert_close(got, I2),
        lambda: a.assert_close(got, expected, tails=True),
        lambda: a.assert_close(got, 0, scale=1.0),
        lambda: a.assert_equal(got, expected),
        lambda: a.assert_same(got, expected, "differs"),
        lambda: a.assert_tensor(got, shape=(2, 2), finite=True),
        lambda: a.assert_number(got),
        lambda: a.assert_parts(got, 2),
        lambda: a.assert_less(got, expected),
        lambda: a.assert_less(expected, got, scale=1.0),
        lambda: a.assert_mean(got, torch.ones(2), torch.ones(2)),
    ):
        try:
            check()
        except WrongAnswer as wrong:
            assert wrong.message


@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_a_scale_that_is_no_number_excuses_nothing(scale):
    one, two = torch.ones(2).double(), torch.tensor([1.0, 2.0]).double()
    a.assert_close(one, one, scale=scale)
    for got in (two, one * math.nan, one * math.inf):
        with pytest.raises(WrongAnswer):
            a.assert_close(got, one, scale=scale)
