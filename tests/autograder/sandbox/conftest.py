from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from ordinary_user import run_as_ordinary_user

from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Client, Zygote

MakeWorker = Callable[..., Worker]
PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The full level: a machine that cannot do it fails here."""
    torch.set_num_threads(1)
    with Zygote(Level.FULL) as zygote:
        assert zygote.pid  # waits until it is ready, so that tests may fork
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


@pytest.fixture
def as_ordinary_user() -> Callable[..., None]:
    """as_ordinary_user("tests/...", ...): run these tests again as an ordinary user, when this suite is run by root."""

    def run(*arguments: str) -> None:
        if os.geteuid() == 0:
            pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={PROJECT}"]
            result = run_as_ordinary_user([*pytest, *arguments])
            assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]

    return run
