"""The scale of a network's first weights: signals neither die out nor blow up from layer to layer."""

from __future__ import annotations

import math

from torch import Tensor


def init_weights(noise: Tensor, scheme: str, law: str) -> Tensor:
    """An initial weight matrix made of supplied noise, with the variance sigma² that the scheme asks for.

        lecun: 1/fan_in      glorot: 2/(fan_in + fan_out)      kaiming: 2/fan_in
        normal:  W = sigma z,             z standard normal
        uniform: W = √3 sigma (2u - 1),   u uniform on [0, 1): the law on [-a, a] has variance a²/3

    Shapes: noise and result [m, n] = [fan_out, fan_in], as torch.nn.Linear stores its weight.
    Raises ValueError for another scheme ("lecun", "glorot", "kaiming") or law ("normal", "uniform").
    Source: 003, Tricks of the trade, Initialization; 000, eq. 6.34, 6.38; 004, section 1.2.6.
    """
    fan_out, fan_in = noise.shape
    variance = {"lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "kaiming": 2 / fan_in}
    if scheme not in variance:
        raise ValueError(f"unknown scheme: {scheme!r}")
    sigma = math.sqrt(variance[scheme])
    if law == "normal":
        return sigma * noise
    if law == "uniform":
        return math.sqrt(3) * sigma * (2 * noise - 1)
    raise ValueError(f"unknown law: {law!r}")
