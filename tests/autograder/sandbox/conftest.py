from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Client, Zygote

MakeWorker = Callable[..., Worker]
UID = 54321
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
            result = _run_pytest_as_user(*arguments)
            assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]

    return run


def _run_pytest_as_user(*arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest with these arguments, as an ordinary user. The caller must be root.

    The user sees the same paths: where a parent of the interpreter, of the packages or of the project is private (a
    home of root's), a private mount namespace puts an empty folder in its place and shows in it only what is needed.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as staging, tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chown(home, UID, UID)
        become = [
            "setpriv",
            f"--reuid={UID}",
            f"--regid={UID}",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={PROJECT}", *arguments]
        script = "\n".join(["set -e", *_show_to_everyone(Path(staging)), 'exec "$@"'])
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *become, *pytest],
            cwd=PROJECT,
            env={"HOME": home, "TMPDIR": home, "USER": "ordinary", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
            | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )


def _show_to_everyone(staging: Path) -> list[str]:
    """Shell commands after which the needed folders can be entered by anyone, under their own paths."""
    needed = {Path(path).resolve() for path in (sys.base_prefix, sys.prefix, PROJECT)}
    hidden = {path: blocked for path in needed if (blocked := _private_parent(path)) is not None}
    lines = []
    for number, path in enumerate(hidden):
        lines += [f"mkdir '{staging}/{number}'", f"mount --rbind '{path}' '{staging}/{number}'"]
    lines += [f"mount -t tmpfs -o mode=0755 tmpfs '{blocked}'" for blocked in sorted(set(hidden.values()))]
    for number, path in enumerate(hidden):
        lines += [f"mkdir -p '{path}'", f"mount --move '{staging}/{number}' '{path}'"]
    return lines


def _private_parent(path: Path) -> Path | None:
    """The topmost folder on the way to ``path`` that others may not enter."""
    for parent in [*reversed(path.parents), path]:
        if not parent.stat().st_mode & 0o001:
            return parent
    return None
