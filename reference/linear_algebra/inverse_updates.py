"""Inverses of matrices that change by a little: nothing is inverted from scratch."""

from __future__ import annotations

from torch import Tensor, outer

SINGULAR_UPDATE = 1e-12
"""Below this size of 1 + vᵀA⁻¹u the updated matrix counts as singular."""


def sherman_morrison(A_inv: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The inverse of A + u vᵀ in O(n²), given the inverse of A.

        (A + u vᵀ)⁻¹ = A⁻¹ - A⁻¹u vᵀA⁻¹ / (1 + vᵀA⁻¹u)

    To solve (A + u vᵀ) x = y, the one unknown number is vᵀx: x = A⁻¹y - A⁻¹u (vᵀx), and projecting on v gives
    vᵀx = vᵀA⁻¹y / (1 + vᵀA⁻¹u).

    Shapes: A_inv [n, n], not necessarily symmetric; u, v [n]; result [n, n].
    Raises ValueError where |1 + vᵀA⁻¹u| < 1e-12: A + u vᵀ has no inverse.
    Source: 000, section 1.2.3, eq. 1.30-1.35 (eq. 1.29 prints the wrong sign).
    """
    A_inv_u = A_inv @ u
    v_A_inv = v @ A_inv
    denominator = 1 + v @ A_inv_u
    if denominator.abs() < SINGULAR_UPDATE:
        raise ValueError("A + u vᵀ is singular: 1 + vᵀA⁻¹u = 0")
    return A_inv - outer(A_inv_u, v_A_inv) / denominator
