"""The singular value decomposition, built from the eigendecomposition of AᵀA."""

from __future__ import annotations

import torch
from torch import Tensor

RANK = 1e-6
"""Singular values up to this share of the largest count as zero."""


def svd_from_eigh(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Orthogonal U, singular values s in descending order, and orthogonal V with A = U Σ Vᵀ.

        AᵀA v_i = σ_i² v_i,    u_i = A v_i / σ_i  (i ≤ r)

    The u_i are orthonormal because u_iᵀu_j = v_iᵀAᵀA v_j / (σ_i σ_j). The rank r is the number of σ_i > 1e-6 σ_1;
    the other σ_i are set to 0, and U is completed by any orthonormal basis of what A does not reach.

    Shapes: A [m, n]; results [m, m], [min(m, n)], [n, n] (V itself, not Vᵀ). Computed in float64, cast back to A's
    dtype.
    Source: 000, section 1.1.1, Def. 2, eq. 1.3-1.5 (r is the number of non-zero singular values).
    """
    B = A.double()
    eigenvalues, V = torch.linalg.eigh(B.T @ B)
    V = V.flip(1)
    s = eigenvalues.flip(0)[: min(A.shape)].clamp(min=0).sqrt()
    s = torch.where(s > RANK * s[0], s, 0.0)
    r = int(s.count_nonzero())
    reached = B @ V[:, :r] / s[:r]
    basis = torch.linalg.qr(reached, mode="complete").Q
    U = torch.cat([reached, basis[:, r:]], dim=1)
    return U.to(A.dtype), s.to(A.dtype), V.to(A.dtype)
