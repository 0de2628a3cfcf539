"""Gets an interpreter ready for student code: what is slow the first time is done once, before."""

from __future__ import annotations

import importlib
from typing import Any

_COMMON = (
    "abc argparse bisect cmath collections contextlib copy csv dataclasses datetime decimal enum fractions functools "
    "glob heapq inspect io itertools json logging math numbers operator os pathlib pickle pprint random re statistics "
    "string sys tempfile textwrap time timeit traceback types typing uuid warnings "
    "concurrent.futures torch.nn.functional torch.utils.data torch.distributions torch.func torch.optim torch.linalg"
)


def warm(quick: bool = False) -> None:
    """Do once what is slow the first time: imports, autograd, linear algebra, the codec.

    The first step of an optimizer, the first torch.func and the first look at operators load torch's compiler, which
    takes a second: not when quick.
    """
    import torch

    torch.set_num_threads(1)  # before any operation: libgomp's threads do not survive a fork
    torch.compile = _as_it_is
    torch.nn.Module.compile = lambda *arguments, **options: None  # type: ignore[method-assign]
    from autograder.sandbox.inside import channel, observe, wire, worker  # noqa: F401

    for name in _COMMON.split():
        importlib.import_module(name)
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    model(torch.ones(2, 3)).sum().backward()
    rows = torch.eye(3, dtype=torch.float64)
    if not quick:
        torch.optim.Adam(model.parameters()).step()
        torch.func.vmap(torch.func.grad(lambda row: torch.linalg.solve(rows, row).sum()))(rows)
        with observe.recording():
            torch.linalg.inv(rows)
    observe.watch_numpy()
    torch.linalg.inv(rows)
    frame = wire.Encoder(wire.TO_WORKER).encode([rows, (1.0, "a", [None])])
    wire.Decoder(wire.TO_WORKER).decode(*frame)
    try:
        torch.ones(2) @ torch.ones(3)
    except RuntimeError as error:
        str(error)


def _as_it_is(model: Any = None, **options: Any) -> Any:
    """In place of torch.compile: there is no compiler inside, and nowhere to keep what it makes."""
    return (lambda function: function) if model is None else model
