"""Your solutions. Derive a result, write it as a function, and run `autograder check` beside this file.

Conventions: float64 unless you are given something else; the result keeps the dtype and the device of the input;
arguments are never changed; data are [n, d], one sample per row; a bad input raises the error that the text names.
A function that still raises NotImplementedError counts as not begun.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def log_sum_exp(x: Tensor) -> Tensor:
    """log sum_j exp(x_j) for every row of x [n, k]; right for entries of size 10 000 as well.

    Entries are finite or -inf; a row of nothing but -inf gives -inf. No ready-made log-sum-exp or softmax.
    """
    raise NotImplementedError


def gradient_descent(grad: Callable[[Tensor], Tensor], theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The path [steps + 1, d] of theta <- theta - lr grad(theta), one point per row, theta0 [d] first.

    grad maps [d] to [d] and is called once in a step. No torch.optim. steps < 0 raises ValueError.
    """
    raise NotImplementedError


def sherman_morrison(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The inverse of A + u vᵀ, given A⁻¹ [n, n] and u, v [n], from matrix-vector and outer products alone.

    No inverse, no solve, no product of two n x n matrices. |1 + vᵀA⁻¹u| < 1e-12 raises ValueError.
    """
    raise NotImplementedError


def tweedie_posterior_mean(log_p: Callable[[Tensor], Tensor], y: Tensor, sigma: float) -> Tensor:
    """The best guess E[x | y] for every row of y = x + sigma z [n, d], z standard normal.

    log_p maps [n, d] to [n]: the log-density of y, known up to a constant, differentiable row by row.
    sigma < 0 raises ValueError; sigma = 0 gives y back.
    """
    raise NotImplementedError


def relu_gaussian_moments(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """E[relu(z)] and E[relu(z)²] for z ~ N(mu, s²), entry by entry; mu and s broadcast, s = 0 is allowed.

    In float64 the error stays below 1e-10 max(1, mu² + s²), and neither moment is ever negative.
    A negative s raises ValueError.
    """
    raise NotImplementedError


def init_weights(noise: Tensor, scheme: str, law: str) -> Tensor:
    """Initial weights [fan_out, fan_in] from noise of that shape.

    scheme: "lecun" (variance 1/fan_in), "glorot" (2/(fan_in + fan_out)) or "kaiming" (2/fan_in).
    law: "normal" (the noise is standard normal) or "uniform" (it is uniform on [0, 1); the weights then lie in a
    symmetric interval, increase with the noise, and have the same standard deviation). Another word raises ValueError.
    """
    raise NotImplementedError


def init_std(scheme: str, fan_in: int, fan_out: int) -> float:
    """The standard deviation (not the variance) of initial weights, for the schemes of init_weights.

    A fan below 1, used by the scheme or not, and an unknown scheme raise ValueError.
    """
    raise NotImplementedError


def map_linear_gaussian(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    """The most probable beta [p] of y = X beta + noise, X [n, p].

    The noise is N(0, noise_var), the prior N(0, 1/prior_precision), for every entry alone.

    No explicit inverse. A variance or precision that is not positive raises ValueError.
    """
    raise NotImplementedError


def generalized_least_squares(X: Tensor, Sigma: Tensor, y: Tensor) -> Tensor:
    """The maximum likelihood beta [p] of y = X beta + noise, noise ~ N(0, Sigma), Sigma [n, n] full, X [n, p], n >= p.

    No explicit inverse. n < p, or columns of X that depend on each other to rounding, raise ValueError.
    """
    raise NotImplementedError


def two_layer_net_gradients(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients [N, d], [N], [N] with respect to W, b, a of (y - yhat)², yhat = (1/N) sum_i a_i tanh(w_i·x + b_i).

    One sample x [d]; by hand, without autograd.
    """
    raise NotImplementedError


def adam_step(
    theta: Tensor,
    grad: Tensor,
    state: tuple[Tensor, Tensor, int],
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of Adam: the new (theta, m, v), all [d]. state is (m, v, t), t the number of this step from 1.

    m and v are returned without bias correction; eps is added outside the root. No torch.optim.
    t < 1 raises ValueError.
    """
    raise NotImplementedError


def circular_conv2d(phi: Tensor, k: Tensor) -> Tensor:
    """The true circular convolution [H, W] of an image [H, W] with a kernel [K1, K2]: sum_a k(a) phi(u - a mod (H, W)).

    No convolution of torch's. A kernel larger than the image raises ValueError.
    """
    raise NotImplementedError


def equivariance_error(f: Callable[[Tensor], Tensor], rho_in: Tensor, rho_out: Tensor, X: Tensor) -> Tensor:
    """The largest |rho_out(g) f(x) - f(rho_in(g) x)| over group elements g and samples x, a tensor without dimensions.

    f maps one vector [d] to one vector [k]; rho_in [G, d, d], rho_out [G, k, k], X [n, d].
    """
    raise NotImplementedError


def realnvp_forward(
    x: Tensor, s: Callable[[Tensor], Tensor], t: Callable[[Tensor], Tensor], d: int
) -> tuple[Tensor, Tensor]:
    """The affine coupling y [n, D] of x [n, D], and its log-determinant [n]: the first d coordinates stay.

    s and t map [n, d] to [n, D-d]; the rest becomes x exp(s) + t. d <= 0 or d >= D raises ValueError.
    """
    raise NotImplementedError


def realnvp_inverse(y: Tensor, s: Callable[[Tensor], Tensor], t: Callable[[Tensor], Tensor], d: int) -> Tensor:
    """The x [n, D] that realnvp_forward takes to y. s and t are evaluated once each; d as there."""
    raise NotImplementedError


def realnvp_log_prob(
    y: Tensor, layers: list[tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]], d: int
) -> Tensor:
    """The log-density [n] of y [n, D] made from z ~ N(0, I) by the layers (s, t) in turn.

    Each layer is a coupling with d untouched coordinates, then a flip of the order of all coordinates. d as above.
    """
    raise NotImplementedError
