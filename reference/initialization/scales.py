"""How large the first weights of a layer are, from the numbers of its neurons."""

from __future__ import annotations

import math


def init_std(scheme: str, fan_in: int, fan_out: int) -> float:
    """The standard deviation sigma of a layer's first weights; sigma² is the variance of one of them.

        lecun:   sigma² = 1/fan_in                 an input of variance 1 leaves a linear neuron with variance 1
        glorot:  sigma² = 2/(fan_in + fan_out)     the compromise between signals forwards and gradients backwards
        kaiming: sigma² = 2/fan_in                 forward mode: a ReLU keeps half of the mean square

    A neuron sums fan_in independent terms w x, so the mean square of its sum is fan_in sigma² E[x²]. Gradients sum over
    the fan_out neurons of the next layer.

    Raises ValueError for another scheme, and where fan_in or fan_out is below 1, whichever of them the scheme uses.
    Source: 000, section 6.2.2-6.2.3, eq. 6.34, 6.38; 003, Tricks of the trade, Initialization; 004, section 1.2.6
    (which prints these standard deviations as variances, and fan_out in kaiming).
    """
    if fan_in < 1 or fan_out < 1:
        raise ValueError(f"a layer has at least one input and one output, not {fan_in} and {fan_out}")
    variance = {"lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "kaiming": 2 / fan_in}
    if scheme not in variance:
        raise ValueError(f"unknown scheme: {scheme!r}")
    return math.sqrt(variance[scheme])
