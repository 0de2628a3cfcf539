"""The determinant of a matrix that changes by a little."""

from __future__ import annotations

import torch
from torch import Tensor


def matrix_determinant_lemma(det_A: Tensor, A_inv: Tensor, U: Tensor, V: Tensor) -> Tensor:
    """det(A + U Vᵀ) from det A and a k x k determinant.

        det(A + U Vᵀ) = det A det(I_n + A⁻¹U Vᵀ) = det A det(I_k + Vᵀ A⁻¹U)

    The last step is Sylvester's: XY and YX have the same eigenvalues but for zeros.

    Shapes: det_A []; A_inv [n, n], not necessarily symmetric; U, V [n, k]; result [].
    Source: 000, section 1.2.3, a step in the proof of Fact 2.
    """
    small = V.T @ (A_inv @ U)
    growth: Tensor = torch.linalg.det(torch.eye(len(small), dtype=small.dtype, device=small.device) + small)
    return det_A * growth
