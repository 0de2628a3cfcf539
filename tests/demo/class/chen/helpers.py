import torch


def gate(mu, s):
    """Moments of max(z, 0): the Gaussian is cut at t = -mu / s."""
    mu, s = mu + torch.zeros_like(s), s + torch.zeros_like(mu)
    t = mu / s.clamp(min=torch.finfo(s.dtype).tiny)
    t = torch.where(s > 0, t, torch.zeros_like(t))
    upper = torch.special.ndtr(t)
    density = torch.exp(-t.square() / 2) * 0.3989422804014327
    mean = torch.where(s > 0, mu * upper + s * density, mu.relu())
    square = torch.where(s > 0, mu * (mu * upper + s * density) + s * s * upper, mu.relu() ** 2)
    return mean.relu(), square.relu()


def spread(u):
    return (u - 0.5) * 12**0.5
