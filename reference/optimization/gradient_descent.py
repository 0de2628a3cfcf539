"""Gradient descent: a walk that always takes the steepest way down."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_descent(grad: Callable[[Tensor], Tensor], theta0: Tensor, lr: float, steps: int) -> Tensor:
    """The whole path of gradient descent, one point per row, from theta0 on.

        θᵗ⁺¹ = θᵗ - lr ∇L(θᵗ)

    To first order L changes by -lr |∇L|² in a step: of all steps of this length none lowers L more. It is the motion of
    a particle so damped that its velocity, not its acceleration, follows the force -∇L.

    Shapes: grad [d] → [d], theta0 [d]; result [steps + 1, d]. grad is evaluated once in a step.
    Raises ValueError where steps < 0.
    Source: 004, section 1.2 (the formula; its text says "in the gradient direction"); 003, Gradient descent.
    """
    if steps < 0:
        raise ValueError(f"the number of steps is negative: {steps}")
    path = [theta0]
    for _ in range(steps):
        path.append(path[-1] - lr * grad(path[-1]))
    return torch.stack(path)
