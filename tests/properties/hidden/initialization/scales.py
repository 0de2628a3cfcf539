"""How large the first weights of a layer are: hidden properties and known answers."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close, assert_raises
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import assume, generators
from autograder.testing.student import Student
from tests.properties.public.initialization.scales import LAYERS, SCHEMES, SMALL_LAYERS, Layer, std, variance


@properties_of("init_std", weight=2)
@given(layer=SMALL_LAYERS, generator=generators())
def test_is_what_torch_draws_with(student: Student, layer: Layer, generator: torch.Generator) -> None:
    """torch.nn.init draws with the same standard deviation: kaiming_normal_ (linear for lecun), xavier_normal_"""
    noise = torch.empty(layer.fan_out, layer.fan_in, dtype=torch.float64)
    start, drawn = generator.get_state(), noise.clone()
    noise.normal_(generator=generator)
    generator.set_state(start)
    if layer.scheme == "glorot":
        torch.nn.init.xavier_normal_(drawn, generator=generator)
    else:
        gain = "linear" if layer.scheme == "lecun" else "relu"
        torch.nn.init.kaiming_normal_(drawn, nonlinearity=gain, generator=generator)
    sigma = std(student, layer.scheme, layer.fan_in, layer.fan_out)
    assert_close(sigma * noise, drawn, because="weights from the same noise")


@properties_of("init_std")
@given(layer=LAYERS)
def test_glorot_averages_the_fans(student: Student, layer: Layer) -> None:
    """1/sigma² of glorot is the mean of what lecun asks for forwards and backwards"""
    forwards = variance(student, "lecun", layer.fan_in, layer.fan_out)
    backwards = variance(student, "lecun", layer.fan_out, layer.fan_in)
    glorot = variance(student, "glorot", layer.fan_in, layer.fan_out)
    # the harmonic mean, multiplied out: no answer makes it divide by zero
    assert_close(glorot * (forwards + backwards), 2 * forwards * backwards, because="glorot² (lecun² + lecun'²)")


@properties_of("init_std")
@given(layer=LAYERS, factor=st.integers(2, 9))
def test_counts_the_inputs_alone_where_signals_go_forwards(student: Student, layer: Layer, factor: int) -> None:
    """lecun and kaiming do not depend on fan_out: the sum of a neuron runs over its inputs"""
    for scheme in ("lecun", "kaiming"):
        expected = std(student, scheme, layer.fan_in, layer.fan_out)
        got = student.init_std(scheme, layer.fan_in, factor * layer.fan_out)
        assert_close(got, expected, because=f"{scheme} for {factor} fan_out")


@properties_of("init_std")
@given(layer=LAYERS, too_few=st.integers(-9, 0))
def test_refuses_layers_without_neurons(student: Student, layer: Layer, too_few: int) -> None:
    """fan_in < 1 and fan_out < 1 raise ValueError, each of them for every scheme"""
    for scheme in SCHEMES:
        assert_raises(student, "init_std", (scheme, too_few, layer.fan_out), ValueError)
        assert_raises(student, "init_std", (scheme, layer.fan_in, too_few), ValueError)
    assert_raises(student, "init_std", (layer.scheme, too_few, too_few), ValueError)


@properties_of("init_std")
@given(layer=LAYERS, cut=st.integers(1, 6), more=st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=9))
def test_knows_schemes_by_their_full_names(student: Student, layer: Layer, cut: int, more: str) -> None:
    """Any other text raises ValueError: a part of a name, a name with more behind it, or something else"""
    for text in (layer.scheme[:-cut], layer.scheme[cut:], layer.scheme + more, more + more):
        assume(text not in SCHEMES)
        assert_raises(student, "init_std", (text, layer.fan_in, layer.fan_out), ValueError)


@properties_of("init_std")
@given(layer=LAYERS)
def test_takes_a_layer_with_a_single_neuron(student: Student, layer: Layer) -> None:
    """A single input carries the whole signal: sigma = 1 for lecun and √2 for kaiming; one output is no mistake"""
    assert_close(student.init_std("lecun", 1, layer.fan_out), 1.0, because="lecun for one input")
    assert_close(student.init_std("kaiming", 1, layer.fan_out), math.sqrt(2), because="kaiming for one input")
    glorot = variance(student, "glorot", 1, layer.fan_out)
    assert_close(glorot * (1 + layer.fan_out), 2.0, because="glorot² (1 + fan_out) for one input")


@misconception_of(
    "init_std",
    hint="You return a variance. Asked for is its root, the standard deviation: it has the units of a weight, and is "
    "what multiplies standard normal noise. One of the texts calls it Var(W), too.",
)
def variance_returned(scheme: str, fan_in: int, fan_out: int) -> float:
    return _variance(scheme, fan_in, fan_out)


@misconception_of(
    "init_std",
    hint="In the forward pass a neuron sums over its inputs, so kaiming divides by fan_in. fan_out belongs to the "
    "gradients on their way back: the other mode, which one of the texts prints.",
)
def fan_out_used(scheme: str, fan_in: int, fan_out: int) -> float:
    variance = _variance(scheme, fan_in, fan_out)
    return math.sqrt(2 / fan_out if scheme == "kaiming" else variance)


@misconception_of(
    "init_std",
    hint="One root too many: 1/fan_in is the variance itself, not its square, so one root leads to the standard "
    "deviation. Try fan_in = 100: the weights should be of size 0.1.",
)
def double_root(scheme: str, fan_in: int, fan_out: int) -> float:
    return _variance(scheme, fan_in, fan_out) ** 0.25


@misconception_of(
    "init_std",
    hint="For kaiming the factor 2 is missing: a ReLU cuts off half of a symmetric signal, so without it every layer "
    "halves the mean square, and after twenty layers a millionth is left.",
)
def relu_forgotten(scheme: str, fan_in: int, fan_out: int) -> float:
    return math.sqrt(_variance("lecun" if scheme == "kaiming" else scheme, fan_in, fan_out))


@misconception_of(
    "init_std",
    hint="The gain multiplies the weights, its square the variance: kaiming's 2 stands under the root. 2/√fan_in "
    "doubles the mean square in every layer.",
)
def two_outside_the_root(scheme: str, fan_in: int, fan_out: int) -> float:
    return math.sqrt(_variance(scheme, fan_in, fan_out) * (2 if scheme == "kaiming" else 1))


@misconception_of(
    "init_std",
    hint="glorot divides by the mean of the two fans, (fan_in + fan_out)/2: for fan_in = fan_out it must agree with "
    "lecun.",
)
def sum_of_the_fans(scheme: str, fan_in: int, fan_out: int) -> float:
    return math.sqrt(_variance(scheme, fan_in, fan_out) / (2 if scheme == "glorot" else 1))


@misconception_of(
    "init_std",
    hint="√(3 sigma²), like √6/√(fan_in + fan_out), is where the uniform law of that variance ends. Its standard "
    "deviation is smaller by √3, and that is asked for.",
)
def bound_of_the_uniform_law(scheme: str, fan_in: int, fan_out: int) -> float:
    return math.sqrt(3 * _variance(scheme, fan_in, fan_out))


@misconception_of(
    "init_std",
    hint="fan_in counts the inputs of a neuron. You divide by fan_out in the forward schemes: a layer with many inputs "
    "and few outputs then blows its signal up.",
)
def fans_exchanged(scheme: str, fan_in: int, fan_out: int) -> float:
    return math.sqrt(_variance(scheme, fan_out, fan_in))


@misconception_of(
    "init_std",
    hint="Your number is right to seven digits only: torch.tensor makes single precision of a Python number unless a "
    "dtype is given. math.sqrt, or dtype=torch.float64, keeps sixteen.",
)
def single_precision(scheme: str, fan_in: int, fan_out: int) -> float:
    return torch.tensor(_variance(scheme, fan_in, fan_out), dtype=torch.float32).sqrt().item()


@misconception_of(
    "init_std",
    hint="A fan below 1 describes no layer. Check both fans for every scheme, also fan_out where the formula does not "
    "use it.",
)
def only_the_used_fan_checked(scheme: str, fan_in: int, fan_out: int) -> float:
    used = fan_in + fan_out if scheme == "glorot" else fan_in
    if used < 1:
        raise ValueError("no neurons")
    return math.sqrt(_unchecked(scheme, fan_in, fan_out))


def _variance(scheme: str, fan_in: int, fan_out: int) -> float:
    if fan_in < 1 or fan_out < 1:
        raise ValueError("no neurons")
    return _unchecked(scheme, fan_in, fan_out)


def _unchecked(scheme: str, fan_in: int, fan_out: int) -> float:
    if scheme == "lecun":
        return 1 / fan_in
    if scheme == "glorot":
        return 2 / (fan_in + fan_out)
    if scheme == "kaiming":
        return 2 / fan_in
    raise ValueError("unknown scheme")


# Alternatives: written without looking at the reference.


@alternative_of("init_std")
def length_of_the_roots(scheme: str, fan_in: int, fan_out: int) -> float:
    for fan in (fan_in, fan_out):
        if fan < 1:
            raise ValueError("fan < 1")
    match scheme:
        case "lecun":
            return 1.0 / math.sqrt(fan_in)
        case "glorot":
            return math.sqrt(2) / math.hypot(math.sqrt(fan_in), math.sqrt(fan_out))
        case "kaiming":
            return math.sqrt(2) / math.sqrt(fan_in)
    raise ValueError("scheme must be lecun, glorot or kaiming")


@alternative_of("init_std")
def gain_over_the_root_of_the_mean_fan(scheme: str, fan_in: int, fan_out: int) -> float:
    gains = {"lecun": "linear", "glorot": "linear", "kaiming": "relu"}
    if scheme not in gains or fan_in < 1 or fan_out < 1:
        raise ValueError("bad scheme or fan")
    fan = (fan_in + fan_out) / 2 if scheme == "glorot" else fan_in
    return float(torch.nn.init.calculate_gain(gains[scheme]) / math.sqrt(fan))


@alternative_of("init_std")
def exponential_of_logarithms(scheme: str, fan_in: int, fan_out: int) -> float:
    if fan_in < 1 or fan_out < 1:
        raise ValueError("fans start at 1")
    if scheme == "lecun":
        log_variance = -math.log(fan_in)
    elif scheme == "kaiming":
        log_variance = math.log(2) - math.log(fan_in)
    elif scheme == "glorot":
        log_variance = math.log(2) - math.log(fan_in + fan_out)
    else:
        raise ValueError(scheme)
    return math.exp(0.5 * log_variance)


# What students get wrong, and what notices
# the variance instead of its root -> keeps_signals_alive, halves_for_four_times_the_neurons
# the fourth root -> halves_for_four_times_the_neurons
# a root forgotten in one scheme -> halves_for_four_times_the_neurons
# 1/n or 1/n² by a misplaced power -> halves_for_four_times_the_neurons
# kaiming with fan_out -> counts_the_inputs_alone_where_signals_go_forwards
# lecun with fan_out -> keeps_signals_alive
# lecun or kaiming with the mean of the fans -> counts_the_inputs_alone_where_signals_go_forwards
# kaiming without the 2 -> kaiming_is_lecun_times_the_root_of_two
# kaiming with 2/√fan_in -> kaiming_is_lecun_times_the_root_of_two
# lecun with the 2 of kaiming -> keeps_signals_alive
# glorot with 1/(fan_in + fan_out) -> glorot_treats_both_directions_alike
# glorot with 6/(fan_in + fan_out), or all bounds of uniform laws -> keeps_signals_alive
# glorot with √(fan_in fan_out) or max(fan_in, fan_out) -> glorot_averages_the_fans
# glorot as the mean of the two variances or of the two roots -> glorot_averages_the_fans
# the leaky slope √5 of torch.nn.Linear's default -> is_what_torch_draws_with
# the mean of fan_in and fan_out by //: wrong for odd sums -> glorot_averages_the_fans
# a sampled standard deviation, torch.randn(...).std() -> is_repeatable, keeps_signals_alive
# a 0-d tensor instead of a float -> returns_what_is_promised
# float32 inside -> agrees_with_the_reference
# fan_in = 1 refused (<= 1) -> takes_a_layer_with_a_single_neuron
# fan_out = 0 accepted where it is not used -> refuses_layers_without_neurons
# ZeroDivisionError instead of ValueError for fan_in = 0 -> rejects_a_layer_without_inputs
# None, 1.0 or KeyError for an unknown scheme -> rejects_an_unknown_scheme
# `scheme in "lecun glorot kaiming"`, startswith -> knows_schemes_by_their_full_names
