"""Linear systems whose matrix changes by a little, where only a solver of the old system is at hand."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

SINGULAR_UPDATE = 1e-12
"""Up to this size of 1 + vᵀA⁻¹u the updated matrix counts as singular."""


def rank_one_update_solve(solve: Callable[[Tensor], Tensor], u: Tensor, v: Tensor, y: Tensor) -> Tensor:
    """Solve (A + u vᵀ) x = y with two solves of A; ``solve`` maps r [n] to A⁻¹r [n].

        x = z - w vᵀz / (1 + vᵀw),   z = A⁻¹y,   w = A⁻¹u

    A x = y - u (vᵀx), so x = z - w (vᵀx) as soon as the number vᵀx is known; projecting this on v gives
    vᵀx = vᵀz / (1 + vᵀw).

    Shapes: u, v, y [n]; result [n]. ``solve`` is called exactly twice, also for u = 0.
    Raises ValueError where |1 + vᵀA⁻¹u| <= 1e-12: A + u vᵀ has no inverse.
    Source: 000, section 1.2.3, eq. 1.30-1.35; 001, section 1.2.1, eq. 1.24-1.29.
    """
    z = solve(y)
    w = solve(u)
    denominator = 1 + v @ w
    if denominator.abs() <= SINGULAR_UPDATE:
        raise ValueError("A + u vᵀ is singular: 1 + vᵀA⁻¹u = 0")
    v_x = v @ z / denominator
    return z - w * v_x
