"""kill -9 of workers and of the zygote at random moments: an answer is right or a fault, never a student's failure."""

from __future__ import annotations

import gc
import os
import random
import select
import signal
import threading
from pathlib import Path

import pytest
import torch

from autograder.sandbox.callables import Reference
from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote
from autograder.testing.outcomes import Fault

SOURCE = {"submission.py": "import torch\ndef f(g, x):\n    for _ in range(20): x = torch.tanh(g(x) @ x)\n    return x"}
X = torch.tensor([[0.5, 0.25], [0.0, 0.5]])
LIMITS = Limits(call=60.0, load=60.0)


@pytest.fixture(scope="module")
def own_zygote():
    """One that a test may kill."""
    torch.set_num_threads(1)
    with Zygote(Level.FULL, quick=True) as zygote:
        yield zygote


def call(worker):
    return worker.call("f", [Reference(lambda x: x + 1), X], seed=0)


@pytest.fixture(scope="module")
def expected(own_zygote):
    with own_zygote.connect() as client:
        worker = Worker(client, SOURCE, "submission.py", LIMITS)
        answer = call(worker)
        worker.stop()
    assert answer.isfinite().all()
    return answer


def spin(turns):
    """Let a little time pass that is not a fixed number of seconds."""
    for _ in range(turns):
        os.getppid()


def killed_while_calling(worker, expected, find_pidfd, turns):
    """Call again and again until the killer has struck and a call has noticed. -> the number of right answers."""
    struck = threading.Event()

    def strike():
        spin(turns)
        while (pidfd := find_pidfd()) is None:
            spin(100)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
        struck.set()

    killer = threading.Thread(target=strike)
    killer.start()
    right = 0
    with pytest.raises(Fault):
        while right < 100_000:
            assert torch.equal(call(worker), expected)
            right += 1
    killer.join(60)  # it may not have come to say so yet
    assert struck.is_set()
    return right


def own_pidfd(worker):
    """A descriptor of the worker's process, also while it is being started or replaced; None where there is none."""
    try:
        return os.dup(worker._conversation._process.pidfd)
    except (AttributeError, OSError):
        return None


def kill_workers(zygote, expected, seed, rounds):
    chance = random.Random(seed)
    with zygote.connect() as client:
        worker = Worker(client, SOURCE, "submission.py", LIMITS)
        for _ in range(rounds):
            killed_while_calling(worker, expected, lambda: own_pidfd(worker), chance.randrange(300_000))
            assert torch.equal(call(worker), expected), "the next call starts another process"
        worker.stop()
        assert worker.starts == rounds + 1


def test_workers_killed_at_random_moments(own_zygote, expected):
    gc.collect()  # what earlier tests left behind would be closed meanwhile
    before = len(list(Path("/proc/self/fd").iterdir()))
    kill_workers(own_zygote, expected, seed=0, rounds=10)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_workers_killed_at_many_random_moments(own_zygote, expected, seed):
    kill_workers(own_zygote, expected, seed, rounds=100)


def test_a_worker_killed_before_it_is_confined(own_zygote, expected, monkeypatch):
    """It never runs a line of the student's, and it is not taken for one that cannot be confined for ever."""
    with own_zygote.connect() as client:
        spawn = client.spawn

        def spawn_and_kill(limits):
            process = spawn(limits)
            signal.pidfd_send_signal(process.pidfd, signal.SIGKILL)
            return process

        worker = Worker(client, SOURCE, "submission.py", LIMITS)
        with monkeypatch.context() as patched:
            patched.setattr(client, "spawn", spawn_and_kill)
            for _ in range(5):
                with pytest.raises(Fault):
                    call(worker)
        assert torch.equal(call(worker), expected)
        worker.stop()


@pytest.mark.parametrize("where", ["while loading", "in a callback"])
def test_a_worker_killed_in_the_middle(own_zygote, expected, where):
    with own_zygote.connect() as client:
        worker = Worker(client, SOURCE, "submission.py", LIMITS)

        def kill():
            signal.pidfd_send_signal(worker._conversation._process.pidfd, signal.SIGKILL)

        def kill_and_answer(x):
            kill()
            return x

        if where == "while loading":
            slow = {"submission.py": "while True: pass"}
            worker.sources = slow
            killer = threading.Thread(target=lambda: (spin(200_000), kill()))
            killer.start()
            with pytest.raises(Fault):
                worker.load()
            killer.join()
            worker.sources = SOURCE
        else:
            with pytest.raises(Fault):
                worker.call("f", [Reference(kill_and_answer), X], seed=0)
        assert torch.equal(call(worker), expected), "a worker killed from outside is not remembered against the student"
        worker.stop()


def kill_zygotes(zygote, expected, seed, rounds):
    chance = random.Random(seed)
    for _ in range(rounds):
        if not zygote.alive():
            zygote.restart()
        with zygote.connect() as client:
            worker = Worker(client, SOURCE, "submission.py", LIMITS)
            pidfd = os.pidfd_open(zygote.pid)
            killed_while_calling(worker, expected, lambda pidfd=pidfd: os.dup(pidfd), chance.randrange(300_000))
            assert select.select([pidfd], [], [], 30)[0]
            os.close(pidfd)
            with pytest.raises(Fault):
                call(worker)
            worker.stop()
    zygote.restart()
    with zygote.connect() as client:
        assert torch.equal(call(Worker(client, SOURCE, "submission.py", LIMITS)), expected)


def test_zygotes_killed_at_random_moments(own_zygote, expected):
    kill_zygotes(own_zygote, expected, seed=0, rounds=2)


@pytest.mark.slow
def test_zygotes_killed_at_many_random_moments(own_zygote, expected):
    kill_zygotes(own_zygote, expected, seed=1, rounds=20)


@pytest.mark.slow
def test_it_is_the_same_for_an_ordinary_user(as_ordinary_user):
    as_ordinary_user("-m", "not slow", "tests/autograder/sandbox/test_kill.py")
