"""Derivatives of quadratic and bilinear forms."""

from __future__ import annotations

from torch import Tensor, outer


def quadratic_form_derivatives(M: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient, as a row, and Hessian of f(x) = xᵀM x; M need not be symmetric.

        f(x + h) = f(x) + (hᵀM x + xᵀM h) + hᵀM h = f(x) + xᵀ(M + Mᵀ) h + ½ hᵀ(M + Mᵀ) h

    The part linear in h is the gradient times h; the quadratic part is ½ hᵀ(Hessian) h with a symmetric Hessian.

    Shapes: M [d, d]; x [d]; results [1, d] and [d, d].
    Source: 000, section 1.2.1, eq. 1.20-1.21; 003, gradient of xᵀA x.
    """
    hessian = M + M.T
    return (x @ hessian)[None, :], hessian


def grad_bilinear(a: Tensor, b: Tensor) -> Tensor:
    """The derivative of aᵀM b with respect to M, in the layout of M.

        ∂/∂M_ij Σ_kl a_k M_kl b_l = a_i b_j

    Shapes: a [m]; b [n]; result [m, n].
    Source: 000, section 1.2.1, eq. 1.22.
    """
    return outer(a, b)


def grad_bilinear_transposed(a: Tensor, b: Tensor) -> Tensor:
    """The derivative of aᵀMᵀb = bᵀM a with respect to M, in the layout of M.

        ∂/∂M_ij Σ_kl a_k M_lk b_l = b_i a_j

    Shapes: a [n]; b [m]; result [m, n].
    Source: 000, section 1.2.1, eq. 1.23 (printed "b a"; the outer product b aᵀ is meant).
    """
    return outer(b, a)
