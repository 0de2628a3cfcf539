"""Chen: right, in a style of his own, with a helper module."""

import torch
from helpers import gate, spread


def sherman_morrison(A_inv, u, v):
    column = torch.einsum("ij,j->i", A_inv, u)
    row = torch.einsum("i,ij->j", v, A_inv)
    metric = 1 + (v * column).sum()
    if metric.abs() < 1e-12:
        raise ValueError("singular update")
    return A_inv - column[:, None] * row[None, :] / metric


def tweedie_posterior_mean(log_p, y, sigma):
    if sigma < 0:
        raise ValueError("sigma is a standard deviation")
    score = torch.func.vmap(torch.func.grad(lambda row: log_p(row[None, :])[0]))
    return torch.add(y, score(y), alpha=float(sigma) ** 2)


def relu_gaussian_moments(mu, s):
    if torch.any(s < 0):
        raise ValueError("negative spread")
    return gate(mu, s)


class Scheme:
    table = {"lecun": lambda i, o: i, "glorot": lambda i, o: (i + o) / 2, "kaiming": lambda i, o: i / 2}

    def __init__(self, name):
        try:
            self.count = self.table[name]
        except KeyError:
            raise ValueError(f"scheme {name!r} is unknown") from None


def init_weights(noise, scheme, law):
    if law not in ("normal", "uniform"):
        raise ValueError(f"law {law!r} is unknown")
    out, inp = noise.shape
    unit = noise if law == "normal" else spread(noise)
    return unit / Scheme(scheme).count(inp, out) ** 0.5
