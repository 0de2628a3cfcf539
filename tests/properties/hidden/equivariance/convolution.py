"""Convolution on a periodic grid: hidden properties and known answers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from autograder.testing.answers import alternative_of, misconception_of
from autograder.testing.assertions import assert_close
from autograder.testing.properties import given, properties_of
from autograder.testing.strategies import generators, normal
from autograder.testing.student import Student
from tests.properties.public.equivariance.convolution import (
    FILTERINGS,
    Filtering,
    convolved,
    far_corners,
    moved,
    spike,
)


@properties_of("circular_conv2d")
@given(case=FILTERINGS)
def test_adds_positions(student: Student, case: Filtering) -> None:
    """A single bright pixel at u turns into the kernel with its corner at u: pixel u + a holds k(a)"""
    for u in far_corners(case.phi):
        got = student.circular_conv2d(spike(case.phi, u), case.k)
        assert_close(got, moved(case.padded, u), scale=float(case.k.abs().max()), because=f"φ = 1 at {u}")


@properties_of("circular_conv2d")
@given(case=FILTERINGS)
def test_does_not_tell_image_from_kernel(student: Student, case: Filtering) -> None:
    """φ * k = k * φ, with k filled up with zeros to the size of φ"""
    expected = convolved(student, case.phi, case.k)
    got = student.circular_conv2d(case.padded, case.phi)
    size = float(case.phi.abs().sum() * case.k.abs().sum())
    assert_close(got, expected, scale=size, because="k * φ")


@properties_of("circular_conv2d")
@given(case=FILTERINGS, generator=generators())
def test_is_associative(student: Student, case: Filtering, generator: torch.Generator) -> None:
    """(φ * k) * l = φ * (k * l): two filters one after the other are one filter"""
    other = normal(generator, *case.shape)
    expected = convolved(student, convolved(student, case.phi, case.k), other)
    got = student.circular_conv2d(case.phi, convolved(student, case.padded, other))
    assert_close(got, expected, scale=case.size * float(other.abs().sum()), because="φ * (k * l)")


@properties_of("circular_conv2d")
@given(case=FILTERINGS, generator=generators())
def test_is_linear_in_the_kernel(student: Student, case: Filtering, generator: torch.Generator) -> None:
    """φ * (k - 3 l) = φ * k - 3 (φ * l)"""
    other = Filtering(case.phi, normal(generator, *case.k.shape))
    expected = convolved(student, case.phi, case.k) - 3 * convolved(student, other.phi, other.k)
    got = student.circular_conv2d(case.phi, case.k - 3 * other.k)
    assert_close(got, expected, scale=case.size + 3 * other.size, because="φ * (k - 3 l)")


@properties_of("circular_conv2d")
@given(case=FILTERINGS)
def test_exchanges_the_axes_together(student: Student, case: Filtering) -> None:
    """Transposing image and kernel transposes the result"""
    expected = convolved(student, case.phi, case.k).T
    got = student.circular_conv2d(case.phi.T.contiguous(), case.k.T.contiguous())
    assert_close(got, expected, scale=case.size, because="φᵀ * kᵀ")


@properties_of("circular_conv2d")
@given(case=FILTERINGS)
def test_is_a_correlation_with_the_kernel_turned_around(student: Student, case: Filtering) -> None:
    """What deep learning calls convolution, on the periodic image and with the kernel turned around, gives the same"""
    K1, K2 = case.k.shape
    wrapped = pad(case.phi[None, None], (K2 - 1, 0, K1 - 1, 0), mode="circular")
    expected = conv2d(wrapped, case.k.flip(0, 1)[None, None])[0, 0]
    got = student.circular_conv2d(case.phi, case.k)
    assert_close(got, expected, scale=case.size, because="φ * k")


@misconception_of(
    "circular_conv2d",
    hint="You look at φ(u + a): that is cross-correlation, what deep-learning libraries call convolution. It commutes "
    "with translations, too, but is another map. Try a kernel that is 1 at (0, 1): the image must move to the right.",
)
def correlation(phi: Tensor, k: Tensor) -> Tensor:
    _check(phi, k)
    return sum(k[a, b] * phi.roll((-a, -b), (0, 1)) for a in range(k.shape[0]) for b in range(k.shape[1]))


@misconception_of(
    "circular_conv2d",
    hint="The axes of the kernel are exchanged: its first index counts rows and goes with the first axis of the image. "
    "A kernel that is 1 at (0, 1) must move the image by one column, not by one row.",
)
def transposed_kernel(phi: Tensor, k: Tensor) -> Tensor:
    _check(phi, k)
    return sum(k[a, b] * phi.roll((b, a), (0, 1)) for a in range(k.shape[0]) for b in range(k.shape[1]))


@misconception_of(
    "circular_conv2d",
    hint="With zeros outside the image what leaves on one side does not come back on the other, so convolving and "
    "translating do not commute near the border. The image lives on a torus: take u - a modulo (H, W).",
)
def same_padding(phi: Tensor, k: Tensor) -> Tensor:
    _check(phi, k)
    H, W = phi.shape
    out = torch.zeros_like(phi)
    for a in range(k.shape[0]):
        for b in range(k.shape[1]):
            out[a:, b:] += k[a, b] * phi[: H - a, : W - b]
    return out


@misconception_of(
    "circular_conv2d",
    hint="You centred the kernel on the pixel. Its index starts at (0, 0), so the entry in its corner, not the one in "
    "its middle, leaves the image in place.",
)
def centred_kernel(phi: Tensor, k: Tensor) -> Tensor:
    _check(phi, k)
    K1, K2 = k.shape
    return sum(k[a, b] * phi.roll((a - K1 // 2, b - K2 // 2), (0, 1)) for a in range(K1) for b in range(K2))


@misconception_of(
    "circular_conv2d",
    hint="Turning the kernel around makes a convolution of a correlation, but it also moves the kernel's origin to the "
    "other end: your result is displaced by (K1 - 1, K2 - 1).",
)
def displaced_by_the_flip(phi: Tensor, k: Tensor) -> Tensor:
    _check(phi, k)
    K1, K2 = k.shape
    return sum(k[a, b] * phi.roll((a - K1 + 1, b - K2 + 1), (0, 1)) for a in range(K1) for b in range(K2))


@misconception_of(
    "circular_conv2d",
    hint="Only one of the two indices has its minus sign: φ(u1 - a1, u2 + a2). Turn the kernel around along both axes.",
)
def flipped_along_one_axis(phi: Tensor, k: Tensor) -> Tensor:
    _check(phi, k)
    return sum(k[a, b] * phi.roll((a, -b), (0, 1)) for a in range(k.shape[0]) for b in range(k.shape[1]))


@misconception_of(
    "circular_conv2d",
    hint="The result is the weighted sum, not the weighted mean: nothing in the formula divides. A kernel of ones must "
    "add up the pixels.",
)
def weighted_mean(phi: Tensor, k: Tensor) -> Tensor:
    _check(phi, k)
    terms = [k[a, b] * phi.roll((a, b), (0, 1)) for a in range(k.shape[0]) for b in range(k.shape[1])]
    return sum(terms) / len(terms)


@misconception_of(
    "circular_conv2d",
    hint="The values are right, but a kernel that is larger than the image along either axis must raise ValueError: it "
    "would wrap around and overlap with itself.",
)
def wraps_a_large_kernel(phi: Tensor, k: Tensor) -> Tensor:
    return sum(k[a, b] * phi.roll((a, b), (0, 1)) for a in range(k.shape[0]) for b in range(k.shape[1]))


def _check(phi: Tensor, k: Tensor) -> None:
    if k.shape[0] > phi.shape[0] or k.shape[1] > phi.shape[1]:
        raise ValueError("the kernel is larger than the image")


# Alternatives: written without looking at the reference.


@alternative_of("circular_conv2d")
def by_the_convolution_theorem(phi: Tensor, k: Tensor) -> Tensor:
    H, W = phi.shape
    if k.size(0) > H or k.size(1) > W:
        raise ValueError("kernel does not fit")
    spectrum = torch.fft.rfft2(phi) * torch.fft.rfft2(k, s=(H, W))
    return torch.fft.irfft2(spectrum, s=(H, W))


@alternative_of("circular_conv2d")
def by_separable_pieces_of_the_kernel(phi: Tensor, k: Tensor) -> Tensor:
    H, W = phi.shape
    K1, K2 = k.shape
    if K1 > H or K2 > W:
        raise ValueError("K too large")
    U, S, Vh = torch.linalg.svd(k, full_matrices=False)

    def circulant(vec: Tensor, n: int) -> Tensor:
        col = vec.new_zeros(n)
        col[: vec.numel()] = vec
        return torch.stack([torch.roll(col, s) for s in range(n)], dim=1)

    out = torch.zeros_like(phi)
    for r in range(S.numel()):
        out = out + S[r] * (circulant(U[:, r], H) @ phi @ circulant(Vh[r], W).T)
    return out


# What students get wrong, and what notices
# φ(u + a), cross-correlation -> moves_the_image_to_where_the_kernel_is, adds_positions
# k(a2, a1) -> moves_the_image_to_where_the_kernel_is, multiplies_in_fourier_space
# the kernel indexed [b, a]: an IndexError unless it is square -> every property
# zeros outside -> commutes_with_every_translation
# reflected or replicated border -> commutes_with_every_translation
# kernel centred on the pixel -> moves_the_image_to_where_the_kernel_is, adds_positions
# kernel turned around, origin forgotten -> moves_the_image_to_where_the_kernel_is
# kernel turned around along one axis -> does_not_tell_image_from_kernel, multiplies_in_fourier_space
# only the part where the kernel fits ("valid"): another shape -> returns_what_is_promised
# the full linear convolution: another shape -> returns_what_is_promised
# modulo H on both axes -> an IndexError or wrong pixels: commutes_with_every_translation
# modulo the kernel's size -> multiplies_in_fourier_space
# kernel transformed without being filled up to (H, W) -> an error: every property
# fft2(φ) conj(fft2(k)) -> moves_the_image_to_where_the_kernel_is
# ifft2 without .real: complex -> returns_what_is_promised
# rfft2 with the inverse at the default size: odd W lose a column -> returns_what_is_promised
# ifft2 normalised once more, or a mean over the kernel -> moves_the_image_to_where_the_kernel_is
# fftshift of the result -> moves_the_image_to_where_the_kernel_is
# φ k entry by entry -> commutes_with_every_translation
# sum over rows only, or the last row of the kernel left out -> moves_the_image_to_where_the_kernel_is
# out[...] = ... instead of += -> is_linear_in_the_kernel
# no error for a kernel that is too large, or only if both axes are -> rejects_too_many_rows, ..._columns
# K1 K2 compared with H W -> rejects_too_many_rows
# an error for a kernel of the image's size -> does_not_tell_image_from_kernel
# conv2d -> the rules
# φ changed by roll in place, out = φ and then += -> keeps_its_arguments
# zeros in float32 -> returns_what_is_promised
