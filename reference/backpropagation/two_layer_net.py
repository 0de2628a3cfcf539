"""Gradients of a network with one hidden layer, by hand."""

from __future__ import annotations

from torch import Tensor, outer, tanh


def two_layer_net_gradients(W: Tensor, b: Tensor, a: Tensor, x: Tensor, y: float) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of the squared error of one sample with respect to W, b and a.

        L = (y - ŷ)²,   ŷ = 1/N Σᵢ aᵢ tanh(zᵢ),   z = W x + b

        ∂L/∂ŷ = -2 (y - ŷ)
        ∂L/∂aᵢ = ∂L/∂ŷ tanh(zᵢ) / N
        ∂L/∂bᵢ = ∂L/∂zᵢ = ∂L/∂ŷ aᵢ (1 - tanh²(zᵢ)) / N
        ∂L/∂wᵢ = ∂L/∂zᵢ x

    There is no 1/2 in the loss, and the 1/N of the mean appears once in every gradient.

    Shapes: W [N, d], its rows the weights wᵢ of the N hidden units; b, a [N]; x [d]; y a number. The results have the
    shapes of W, b and a, in this order.
    Source: 000, problem 1, eq. 1.26-1.28; 001, problem 1, eq. 1.20-1.22; 000, section 6.2.1, without the 1/N (eq. 6.21
    prints ∂L/∂a with a factor a and tanh' too many).
    """
    N = len(a)
    hidden = tanh(W @ x + b)
    y_hat = a @ hidden / N
    dL_dy_hat = -2 * (y - y_hat)
    dL_da = dL_dy_hat * hidden / N
    dL_dz = dL_dy_hat * a * (1 - hidden**2) / N
    return outer(dL_dz, x), dL_dz, dL_da
