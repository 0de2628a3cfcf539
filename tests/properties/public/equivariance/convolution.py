"""Convolution on a periodic grid: inputs and public properties."""

from __future__ import annotations

import dataclasses

import torch
from hypothesis import strategies as st
from torch import Tensor, outer
from torch.fft import fft2

from autograder.testing.assertions import assert_close, assert_tensor
from autograder.testing.properties import given, properties_of
from autograder.testing.record import BadInput, Case, Cases, Exercise, Function
from autograder.testing.rules import NO_CONV
from autograder.testing.strategies import (
    generator,
    generators,
    normal,
    powers_of_two,
    quarters,
    readable_first,
    sizes,
    tensor,
)
from autograder.testing.student import Student

Position = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Filtering(Case):
    """A periodic image phi [H, W] and a kernel k [K1, K2] that fits into it."""

    phi: Tensor
    k: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Of the image."""
        H, W = self.phi.shape
        return H, W

    @property
    def padded(self) -> Tensor:
        """The kernel as an image: zeros where it says nothing."""
        image = torch.zeros_like(self.phi)
        image[: self.k.shape[0], : self.k.shape[1]] = self.k
        return image

    @property
    def size(self) -> float:
        """Of the terms that are summed, together."""
        return float(self.phi.abs().max() * self.k.abs().sum())


def filtering(phi: list[list[float]], k: list[list[float]]) -> Filtering:
    """A case that is written down."""
    return Filtering(tensor(phi), tensor(k))


@st.composite
def readable_filterings(draw: st.DrawFn) -> Filtering:
    """An image of up to 3 x 4 pixels."""
    H, W = draw(sizes(1, 3)), draw(sizes(1, 4))
    K1, K2 = draw(sizes(1, min(H, 2))), draw(sizes(1, min(W, 3)))
    return Filtering(draw(quarters(H, W)), draw(quarters(K1, K2)))


def seeded_filtering(g: torch.Generator) -> Filtering:
    """An image of 4 to 8 rows and 5 to 9 columns, a kernel of any size up to that of the image."""
    H, W = 4 + whole(g, 5), 5 + whole(g, 5)
    return Filtering(normal(g, H, W), normal(g, 1 + whole(g, H), 1 + whole(g, W)))


def whole(g: torch.Generator, below: int) -> int:
    """A random whole number in [0, below)."""
    return int(torch.randint(below, (), generator=g))


@st.composite
def rescaled_filterings(draw: st.DrawFn) -> Filtering:
    """Image and kernel in other units; in general position, so that nothing cancels to zero."""
    case = draw(generators().map(seeded_filtering))
    return Filtering(case.phi * draw(powers_of_two(-60, 60)), case.k * draw(powers_of_two(-60, 60)))


IMAGE = [[1, -2, 0.5], [0.25, 3, -1]]
FILTERINGS = Cases(
    dense=(
        filtering([[1, 2, -1, 0.5], [0, -3, 2, 1], [4, 0.25, -2, 1.5]], k=[[1, -2, 0.5], [3, 0.25, -1]]),
        filtering([[2, -1], [0.5, 3], [-4, 1], [1, 0.75], [-0.5, 2]], k=[[1, 0.5], [-3, 2], [0.25, -1]]),
        seeded_filtering(generator(1)),
        seeded_filtering(generator(2)),
    ),
    drawn=readable_first(readable_filterings(), large=generators().map(seeded_filtering)),
    edges={
        "K1 = K2 = 1": filtering(IMAGE, k=[[-0.5]]),
        "H = W = 1": filtering([[3]], k=[[-2]]),
        "a kernel as large as the image": filtering(IMAGE, k=[[0.5, 1, -2], [4, 0.25, 3]]),
        "a row of a kernel": filtering(IMAGE, k=[[1, -2, 0.5]]),
        "a column of a kernel": filtering(IMAGE, k=[[1], [-2]]),
        "an image of one row": filtering([[1, -2, 0.5, 4]], k=[[2, -0.25]]),
        "an image of one column": filtering([[1], [-2], [0.5], [4]], k=[[2], [-0.25], [1]]),
        "a single pixel": filtering([[0, 0, 0], [0, 0, 1], [0, 0, 0]], k=[[1, 2], [3, 4]]),
        "a kernel of zeros": filtering(IMAGE, k=[[0, 0]]),
        "a constant image, a kernel without a mean": filtering([[2, 2, 2], [2, 2, 2]], k=[[1, -2.5], [0.5, 1]]),
    },
    extreme=rescaled_filterings(),
)

CIRCULAR_CONV2D = Exercise(
    name="circular_conv2d",
    title="Translation-equivariant convolution in two dimensions",
    source="000, section 7.2.1, eq. 7.11-7.12 and problem 3; 003, Convolutional networks",
    functions=(
        Function(
            "circular_conv2d(phi: Tensor[H, W], k: Tensor[K1, K2]) -> Tensor[H, W]",
            cases=FILTERINGS,
            bad_inputs=(
                BadInput(
                    "too_many_rows",
                    lambda: (tensor([[1, 2, 3, 4], [5, 6, 7, 8]]), tensor([[1, 2], [3, 4], [5, 6]])),
                    "a kernel with more rows than the image raises ValueError",
                ),
                BadInput(
                    "too_many_columns",
                    lambda: (tensor([[1, 2], [3, 4], [5, 6], [7, 8]]), tensor([[1, 2, 3], [4, 5, 6]])),
                    "a kernel with more columns than the image raises ValueError",
                ),
                BadInput(
                    "larger_kernel",
                    lambda: (tensor([[1, 2], [3, 4]]), torch.ones(3, 3, dtype=torch.float64)),
                    "a kernel that is larger than the image raises ValueError",
                ),
            ),
        ),
    ),
    rules=(NO_CONV,),
)


def convolved(student: Student, phi: Tensor, k: Tensor) -> Tensor:
    """The student's answer, with which one can calculate."""
    return assert_tensor(student.circular_conv2d(phi, k), shape=phi.shape, dtype=phi.dtype)


def moved(image: Tensor, by: Position) -> Tensor:
    """The content of a periodic image, moved by so many rows and columns."""
    return image.roll(by, dims=(0, 1))


def spike(like: Tensor, at: Position) -> Tensor:
    """1 at one position, 0 elsewhere."""
    image = torch.zeros_like(like)
    image[at] = 1
    return image


def far_corners(image: Tensor) -> list[Position]:
    """The last position along each axis alone, and along both."""
    H, W = image.shape
    return [(0, W - 1), (H - 1, 0), (H - 1, W - 1)]


@properties_of("circular_conv2d", weight=2)
@given(case=FILTERINGS, s=st.tuples(st.integers(-5, 5), st.integers(-5, 5)))
def test_commutes_with_every_translation(student: Student, case: Filtering, s: Position) -> None:
    """A translated image is convolved to the translated result, also across the border"""
    expected = moved(convolved(student, case.phi, case.k), s)
    got = student.circular_conv2d(moved(case.phi, s), case.k)
    assert_close(got, expected, scale=case.size, because=f"the image moved by {s}")


@properties_of("circular_conv2d", weight=2)
@given(case=FILTERINGS)
def test_moves_the_image_to_where_the_kernel_is(student: Student, case: Filtering) -> None:
    """A kernel that is 1 at a and 0 elsewhere moves the image by +a; at a = (0, 0) it changes nothing"""
    for a in [(0, 0), *far_corners(case.k)]:
        got = student.circular_conv2d(case.phi, spike(case.k, a))
        assert_close(got, moved(case.phi, a), scale=float(case.phi.abs().max()), because=f"k = 1 at {a}")


@properties_of("circular_conv2d", weight=2)
@given(case=FILTERINGS)
def test_multiplies_in_fourier_space(student: Student, case: Filtering) -> None:
    """The Fourier transform of φ * k is the product of the transforms of φ and of k"""
    got = fft2(convolved(student, case.phi, case.k))
    expected = fft2(case.phi) * fft2(case.padded)
    assert_close(got, expected, scale=case.size * case.phi.numel(), because="Fourier transform")


@properties_of("circular_conv2d")
@given(case=FILTERINGS, generator=generators())
def test_is_linear_in_the_image(student: Student, case: Filtering, generator: torch.Generator) -> None:
    """(2 φ - ψ) * k = 2 (φ * k) - ψ * k"""
    psi = normal(generator, *case.shape)
    expected = 2 * convolved(student, case.phi, case.k) - convolved(student, psi, case.k)
    got = student.circular_conv2d(2 * case.phi - psi, case.k)
    assert_close(got, expected, scale=case.size + Filtering(psi, case.k).size, because="(2 φ - ψ) * k")


@properties_of("circular_conv2d")
@given(case=FILTERINGS)
def test_convolves_axis_by_axis_with_a_separable_kernel(student: Student, case: Filtering) -> None:
    """With k = a bᵀ it is a convolution with a along the columns, then with b along the rows"""
    a, b = case.k[:, 0], case.k[0]
    along_columns = convolved(student, case.phi, a[:, None])
    expected = convolved(student, along_columns, b[None, :])
    got = student.circular_conv2d(case.phi, outer(a, b))
    assert_close(got, expected, scale=Filtering(case.phi, outer(a, b)).size, because="φ * (a bᵀ)")
