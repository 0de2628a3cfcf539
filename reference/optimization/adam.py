"""Adam: steps of a length that does not depend on the scale of the gradient."""

from __future__ import annotations

from torch import Tensor


def adam_step(
    theta: Tensor,
    grad: Tensor,
    state: tuple[Tensor, Tensor, int],
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """One update of Adam, the t-th (counted from 1): the new parameters and the new moments.

        m ← β₁ m + (1 - β₁) g            m̂ = m / (1 - β₁ᵗ)
        v ← β₂ v + (1 - β₂) g²           v̂ = v / (1 - β₂ᵗ)
        θ ← θ - lr m̂ / (√v̂ + ε)

    The moments are averages of g and g² over about 1/(1 - β) steps. As they start at zero, the weights in them add up
    to 1 - βᵗ only, which m̂ and v̂ make up for; m and v themselves go on without that correction.

    Shapes: theta, grad [d]; state = (m, v, t) with m, v [d] before this step; result (theta, m, v), each [d].
    Domain: 0 ≤ β < 1, ε > 0.  Raises ValueError where t < 1.
    Source: 000, section 6.3.2, algorithm 1; 004, section 1.2.5 (its update prints √(v̂ + ε)); 003, Acceleration,
    adaptivity, and momentum (prints no bias correction).
    """
    m, v, t = state
    beta_1, beta_2 = betas
    if t < 1:
        raise ValueError(f"steps are counted from 1: t = {t}")
    m = beta_1 * m + (1 - beta_1) * grad
    v = beta_2 * v + (1 - beta_2) * grad**2
    m_hat = m / (1 - beta_1**t)
    v_hat = v / (1 - beta_2**t)
    return theta - lr * m_hat / (v_hat.sqrt() + eps), m, v
