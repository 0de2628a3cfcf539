"""The inverse of a matrix that changes by an update of rank k."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDOFFS = 10
"""I + C V A⁻¹U counts as singular below this many roundoffs per row."""


def woodbury(A_inv: Tensor, U: Tensor, C: Tensor, V: Tensor) -> Tensor:
    """The inverse of A + U C V, given the inverse of A, by solving one k x k system.

        (A + U C V)⁻¹ = A⁻¹ - A⁻¹U (I + C V A⁻¹U)⁻¹ C V A⁻¹

    To solve (A + U C V) x = y, the k unknown numbers are w = C V x: x = A⁻¹y - A⁻¹U w, and applying C V gives
    (I + C V A⁻¹U) w = C V A⁻¹y. C is not inverted, so it may be singular.

    Shapes: A_inv [n, n], not necessarily symmetric; U [n, k]; C [k, k]; V [k, n]; result [n, n].
    Raises ValueError where the smallest singular value of I + C V A⁻¹U is at most 10 k eps max(1, the largest).
    Source: 000, section 1.2.3, Fact 3 (eq. 1.36 prints the wrong sign).
    """
    C_V_A_inv = C @ V @ A_inv
    capacitance = torch.eye(len(C), dtype=A_inv.dtype, device=A_inv.device) + C_V_A_inv @ U
    singular_values = torch.linalg.svdvals(capacitance)
    eps = torch.finfo(A_inv.dtype).eps
    if singular_values[-1] <= ROUNDOFFS * len(C) * eps * singular_values[0].clamp(min=1):
        raise ValueError("A + U C V is singular: so is I + C V A⁻¹U")
    response: Tensor = torch.linalg.solve(capacitance, C_V_A_inv)
    return A_inv - A_inv @ U @ response
