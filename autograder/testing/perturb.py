"""What the last bit of an input, and the rounding inside an algorithm, do to a result.

Only trusted functions run here. Both movements keep what is exact: equal numbers move together, so ties, repeated rows
and symmetry survive, and numbers of at most 16 significant bits (0, 1, -3, 0.5: chosen or counted, not rounded) stay.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from autograder.testing.values import leaves, map_leaves, upcast

# The torch functions that round their result. Views, sorting, masks and in-place writes are left alone.
_ROUNDED_NAMES = """
    add sub rsub mul div truediv rtruediv true_divide rdiv reciprocal pow rpow square sqrt rsqrt exp exp2 expm1 log
    log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh sigmoid softmax log_softmax softplus logsigmoid
    logsumexp logcumsumexp logaddexp xlogy erf erfc erfinv lgamma digamma ndtri ndtr log_ndtr lerp hypot sum mean prod
    cumsum cumprod var std norm vector_norm matrix_norm dist cdist cov corrcoef matmul rmatmul mm bmm mv dot vdot inner
    outer einsum tensordot kron addmm addmv addr addcmul addcdiv baddbmm chain_matmul multi_dot trace trapezoid linear
    conv1d conv2d conv3d layer_norm batch_norm gelu silu elu cross_entropy nll_loss mse_loss inv inverse det logdet
    slogdet solve solve_triangular cholesky cholesky_ex cholesky_solve cholesky_inverse qr eigh eigvalsh eig eigvals svd
    svdvals pinv lstsq matrix_exp matrix_power lu lu_solve ldl_factor fft ifft rfft irfft fft2 ifft2 fftn ifftn i0 i0e
    i1 i1e bessel_j0 multigammaln polygamma entr nanmean nansum grad
"""
ROUNDED = frozenset(_ROUNDED_NAMES.split())


def stream(arguments: Any) -> random.Random:
    """Random numbers that depend on the arguments alone: the same input gets the same verdict, whatever ran before."""
    digest = hashlib.blake2b()
    for leaf in leaves(arguments):
        if isinstance(leaf, torch.Tensor):
            digest.update(f"{leaf.dtype}{tuple(leaf.shape)}".encode())
            digest.update(leaf.detach().cpu().resolve_conj().resolve_neg().contiguous().numpy().tobytes())
        elif isinstance(leaf, (int, float, complex, str, bytes, type(None))):
            digest.update(repr(leaf).encode())
        else:  # a callable: its repr holds an address
            digest.update(type(leaf).__qualname__.encode())
        digest.update(b"|")
    return random.Random(digest.digest())


def perturbed(
    answer: Callable[[Any], Any], arguments: Any, *, roundoff: float, shakes: int, noises: int
) -> Iterator[tuple[bool, Any]]:
    """(is noise, ``answer(moved arguments)``) for every shake, then for every noise.

    A moved input on which ``answer`` raises has left the domain and is passed over.
    """
    numbers = stream(arguments)
    for k in range(shakes + noises):
        is_noise = k >= shakes
        try:
            if is_noise:
                with Noise(roundoff, numbers):
                    moved = answer(upcast(arguments))
            else:
                moved = answer(shake(arguments, roundoff, numbers))
        except Exception:
            continue
        yield is_noise, moved


def shake(arguments: Any, roundoff: float, numbers: random.Random) -> Any:
    """Every inexact number one roundoff up or down, by a hash of its magnitude: the conditioning of the problem."""
    odd = 2 * numbers.randrange(-(2**62), 2**62) + 1

    def move(leaf: Any) -> Any:
        if isinstance(leaf, float):
            return float(move(torch.tensor(leaf, dtype=torch.float64)))
        if (
            not isinstance(leaf, torch.Tensor)
            or leaf.dtype not in (torch.float64, torch.complex128)
            or not leaf.numel()
        ):
            return leaf
        size = leaf.abs()
        up = (size.contiguous().view(torch.int64) * odd < 0).to(torch.float64)
        return torch.where(short(size) | ~torch.isfinite(size), leaf, leaf * (1 + roundoff * (2 * up - 1)))

    return map_leaves(arguments, move)


def short(magnitude: torch.Tensor) -> torch.Tensor:
    """Where a number has at most 16 significant bits (Veltkamp's splitting of the 53 bits of a float64)."""
    t = magnitude.double()
    scaled = t * (2.0**37 + 1)
    return scaled - (scaled - t) == t


class Noise(TorchFunctionMode):
    """Every rounded torch result moves by up to one roundoff: what the algorithm amplifies.

    The only source that sees cancellation, zeros and whole-number inputs.
    """

    def __init__(self, roundoff: float, numbers: random.Random) -> None:
        super().__init__()
        self.roundoff, self.hash = roundoff, numbers.uniform(2.0**36, 2.0**37)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result of ``func``, each rounded tensor in it moved."""
        out = func(*args, **(kwargs or {}))
        if _plain_name(func) not in ROUNDED or (kwargs or {}).get("out") is not None:
            return out
        if type(out).__module__ == "torch.return_types":
            return type(out)(tuple(self._move(t) for t in out))
        return tuple(self._move(t) for t in out) if isinstance(out, tuple) else self._move(out)

    def _move(self, result: Any) -> Any:
        if not isinstance(result, torch.Tensor) or not (result.is_floating_point() or result.is_complex()):
            return result
        size = result.detach().abs()
        hashed = torch.log2(size.double()) * self.hash
        factor = 1 + self.roundoff * (2 * (hashed - hashed.floor()) - 1)
        return (result * torch.where(short(size) | ~torch.isfinite(factor), 1.0, factor)).to(result.dtype)


def _plain_name(func: Any) -> str:
    name: str = getattr(func, "__name__", "")
    if name.startswith("__"):
        return name.strip("_")
    return name.removeprefix("linalg_").removeprefix("special_").removeprefix("fft_")
