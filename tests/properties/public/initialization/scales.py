"""How large the first weights of a layer are."""

from __future__ import annotations

import dataclasses
import itertools

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.testing.assertions import assert_close, assert_number
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.strategies import generators, normal, readable_first
from autograder.testing.student import Student

SCHEMES = ("lecun", "glorot", "kaiming")
COUNTABLE = 10
"""Up to so many weights, all choices of their signs can be tried."""


@dataclasses.dataclass(frozen=True)
class Layer(Case):
    """A layer of fan_out neurons, each of which sums fan_in inputs."""

    scheme: str
    fan_in: int
    fan_out: int


def layers(most: int) -> st.SearchStrategy[Layer]:
    """Layers with up to ``most`` inputs and outputs."""
    return st.builds(Layer, st.sampled_from(SCHEMES), st.integers(1, most), st.integers(1, most))


LAYERS = Cases(
    dense=(
        Layer("lecun", 3, 5),
        Layer("glorot", 7, 4),
        Layer("kaiming", 6, 11),
        Layer("lecun", 784, 100),
        Layer("glorot", 100, 10),
        Layer("kaiming", 512, 64),
    ),
    drawn=readable_first(layers(9), large=layers(4096)),
    edges={
        f"{scheme}, {name}": Layer(scheme, fan_in, fan_out)
        for scheme in SCHEMES
        for name, fan_in, fan_out in (
            ("fan_in = fan_out", 5, 5),
            ("fan_in = fan_out = 1", 1, 1),
            ("fan_in = 1", 1, 6),
            ("fan_out = 1", 6, 1),
        )
    },
    extreme=layers(2**40),
)
SMALL_LAYERS = Cases(
    dense=(Layer("lecun", 3, 5), Layer("glorot", 7, 4), Layer("kaiming", 6, 10)), drawn=layers(COUNTABLE)
)

INIT_STD = Exercise(
    name="init_std",
    title="Standard deviation of LeCun, Glorot and Kaiming initialization",
    source="000, section 6.2.2-6.2.3, eq. 6.34, 6.38; 003, Tricks of the trade, Initialization; 004, section 1.2.6",
    functions=(
        Function(
            "init_std(scheme: str, fan_in: int, fan_out: int) -> float",
            cases=LAYERS,
            bad_inputs=(
                BadInput("a_layer_without_inputs", lambda: ("glorot", 0, 3), "fan_in < 1 raises ValueError"),
                BadInput(
                    "a_layer_without_outputs",
                    lambda: ("kaiming", 3, 0),
                    "fan_out < 1 raises ValueError, also where the scheme does not use fan_out",
                ),
                BadInput("an_unknown_scheme", lambda: ("orthogonal", 3, 4), "an unknown scheme raises ValueError"),
                BadInput("an_empty_scheme", lambda: ("", 3, 4), "an empty text is no scheme either: ValueError"),
            ),
        ),
    ),
)


def std(student: Student, scheme: str, fan_in: int, fan_out: int) -> float:
    """The student's answer, with which one can calculate."""
    return assert_number(student.init_std(scheme, fan_in, fan_out))


def variance(student: Student, scheme: str, fan_in: int, fan_out: int) -> float:
    """The square of the student's answer; inf where that is too large (a power would raise an error)."""
    sigma = std(student, scheme, fan_in, fan_out)
    return sigma * sigma


def sign_choices(n: int) -> Tensor:
    """All rows of n signs [2**n, n]."""
    return torch.tensor(list(itertools.product((-1.0, 1.0), repeat=n)), dtype=torch.float64)


def gains(sigma: float, signals: Tensor) -> tuple[float, float]:
    """By what a neuron multiplies the mean square of its inputs: without and with a ReLU.

    The weights are +sigma or -sigma; the average over all 2^n choices of their signs is exact, no sampling.
    """
    neuron = sigma * sign_choices(len(signals)) @ signals
    power = signals.square().mean()
    return float(neuron.square().mean() / power), float(neuron.relu().square().mean() / power)


@properties_of("init_std", weight=2)
@given(layer=SMALL_LAYERS, generator=generators())
def test_keeps_signals_alive(student: Student, layer: Layer, generator: torch.Generator) -> None:
    """A layer keeps the mean square: linear for lecun, with a ReLU for kaiming, both passes together for glorot"""
    sigma = std(student, layer.scheme, layer.fan_in, layer.fan_out)
    linear, relu = gains(sigma, normal(generator, layer.fan_in))
    backward, _ = gains(sigma, normal(generator, layer.fan_out))
    gain = {"lecun": linear, "glorot": (linear + backward) / 2, "kaiming": relu}[layer.scheme]
    assert_close(gain, 1.0, because="mean square after the layer / before it")


@properties_of("init_std")
@given(layer=LAYERS)
def test_kaiming_is_lecun_times_the_root_of_two(student: Student, layer: Layer) -> None:
    """kaiming = √2 lecun: a ReLU lets half of the mean square through"""
    lecun = variance(student, "lecun", layer.fan_in, layer.fan_out)
    kaiming = variance(student, "kaiming", layer.fan_in, layer.fan_out)
    assert_close(kaiming, 2 * lecun, because="kaiming²")


@properties_of("init_std")
@given(layer=LAYERS)
def test_glorot_treats_both_directions_alike(student: Student, layer: Layer) -> None:
    """glorot is the same for fan_in and fan_out exchanged, and equal to lecun where fan_in = fan_out"""
    there = std(student, "glorot", layer.fan_in, layer.fan_out)
    back = std(student, "glorot", layer.fan_out, layer.fan_in)
    assert_close(back, there, because="glorot with the fans exchanged")
    square = std(student, "glorot", layer.fan_in, layer.fan_in)
    assert_close(square, std(student, "lecun", layer.fan_in, layer.fan_in), because="glorot for fan_in = fan_out")


@properties_of("init_std")
@given(layer=LAYERS)
def test_halves_for_four_times_the_neurons(student: Student, layer: Layer) -> None:
    """Four times the inputs and outputs halve the standard deviation: a sum of n terms grows with √n"""
    expected = std(student, layer.scheme, layer.fan_in, layer.fan_out) / 2
    got = student.init_std(layer.scheme, 4 * layer.fan_in, 4 * layer.fan_out)
    assert_close(got, expected, because="for 4 fan_in and 4 fan_out")
