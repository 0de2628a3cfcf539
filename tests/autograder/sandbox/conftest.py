from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Client, Zygote

MakeWorker = Callable[..., Worker]


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The full level: a machine that cannot do it fails here."""
    torch.set_num_threads(1)
    with Zygote(Level.FULL) as zygote:
        yield zygote


@pytest.fixture
def client(zygote: Zygote) -> Iterator[Client]:
    if not zygote.alive():
        zygote.restart()
    with zygote.connect() as client:
        yield client


@pytest.fixture
def make_worker(client: Client) -> Iterator[MakeWorker]:
    """make_worker(source, limits=..., **further_files): a worker of that submission, stopped after the test."""
    workers = []

    def make(source: str, limits: Limits | None = None, files: dict[str, str] | None = None) -> Worker:
        worker = Worker(client, {"submission.py": source, **(files or {})}, "submission.py", limits)
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.stop()
