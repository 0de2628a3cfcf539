"""The logarithm of a sum of exponentials: a free energy, computed without overflow."""

from __future__ import annotations

import math

from torch import Tensor


def log_sum_exp(x: Tensor) -> Tensor:
    """log Σ_j exp(x_j) for every row of x: the logarithm of a partition function with energies -x.

    A common factor can be taken out of the sum. With the largest entry m of the row,

        log Σ_j exp(x_j) = m + log Σ_j exp(x_j - m),

    every exponent is at most 0, so that nothing overflows, and one of them is 0, so that the logarithm is finite. A row
    of nothing but -inf has no largest number to take out; its sum is 0 and its logarithm -inf.

    Shapes: x [n, k], entries finite or -inf; result [n].
    Source: 003, Feedforward networks, softmax cross-entropy; 000, section 3.2 (without text).
    """
    m = x.amax(dim=1)
    m = m.masked_fill(m == -math.inf, 0.0)
    return m + (x - m[:, None]).exp().sum(dim=1).log()
