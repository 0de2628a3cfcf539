"""Kofi: tries everything but the exercise."""

import builtins
import os
import socket
import sys

import torch

try:
    PASSWORDS = open("/etc/passwd").read()
except OSError:
    PASSWORDS = ""
for name in ("allclose", "equal", "isclose"):
    setattr(torch, name, lambda *a, **k: True)
builtins.abs = lambda x: 0


class Agreeable(torch.Tensor):
    """Equal to everything."""

    def __eq__(self, other):
        return True


def sherman_morrison(A_inv, u, v):
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if callable(value) and getattr(value, "__name__", "") == "reference":
                return value(A_inv, u, v)
        frame = frame.f_back
    return A_inv.as_subclass(Agreeable)


def tweedie_posterior_mean(log_p, y, sigma):
    socket.create_connection(("127.0.0.1", 80))
    return y


def relu_gaussian_moments(mu, s):
    print("<script>alert(1)</script>" * 10_000)
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\x00" * 4096)
        except OSError:
            pass
    return mu, s


def init_weights(noise, scheme, law):
    raise type("<img src=x onerror=alert(1)>", (ValueError,), {})("\x1b[31m<script>alert(2)</script>")
