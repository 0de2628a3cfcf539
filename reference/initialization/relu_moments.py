"""What a ReLU does to a Gaussian signal: the factor 2 of Kaiming initialization."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def relu_gaussian_moments(mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """E[relu(z)] and E[relu(z)²] for z ~ N(mu, s²), elementwise.

        E  = mu Φ(mu/s) + s φ(mu/s)
        E₂ = (mu² + s²) Φ(mu/s) + mu s φ(mu/s)

    Φ, φ: distribution function and density of the standard normal law. With z = mu + s x, both follow from
    ∫ φ = Φ and x φ(x) = -φ'(x), integrated over x > -mu/s. At mu = 0 half of s² is left.

    Shapes: mu and s broadcast; both results have the broadcast shape. s = 0 gives relu(mu) and relu(mu)².
    Raises ValueError for negative s.
    Source: 000, section 6.2.3, eq. 6.35-6.37.
    """
    if (s < 0).any():
        raise ValueError("s is a standard deviation and cannot be negative")
    noiseless = s == 0
    t = mu / torch.where(noiseless, 1, s)
    cdf = torch.special.erfc(-t / math.sqrt(2)) / 2
    pdf = torch.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
    first = mu * cdf + s * pdf
    second = (mu**2 + s**2) * cdf + mu * s * pdf
    relu = mu.clamp(min=0)
    # Where φ underflows the two terms cancel to the last bit: rounding must not leave a negative moment.
    return torch.where(noiseless, relu, first.clamp(min=0)), torch.where(noiseless, relu**2, second.clamp(min=0))
