"""Ends of the zygote, of its clients and of the grader: what a dead one takes with it, and what is replaced."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.sandbox import mounts
from autograder.sandbox.callables import Reference
from autograder.sandbox.levels import Level
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote, _outer_pid
from autograder.testing.outcomes import Fault, StudentError

SOURCES = {"submission.py": "def f(): return 1\ndef slow(apply): return apply()\ndef bad(): raise ValueError"}


@pytest.fixture
def own_zygote():
    """One that a test may kill."""
    with Zygote(Level.FULL) as zygote:
        yield zygote


def worker_of(client):
    return Worker(client, SOURCES, "submission.py")


def pidfd_of(worker):
    """A descriptor of the worker's process that stays valid after the worker has closed its own."""
    return os.dup(worker._conversation._process.pidfd)


def outer_pid(worker):
    return _outer_pid(worker._conversation._process.pidfd)


def has_ended(pidfd):
    return bool(select.select([pidfd], [], [], 30)[0])


def test_a_dead_zygote_is_a_fault_until_it_is_replaced(own_zygote):
    client = own_zygote.connect()
    worker = worker_of(client)
    assert worker.call("f", [], seed=0) == 1
    process = os.pidfd_open(own_zygote.pid)
    os.kill(own_zygote.pid, signal.SIGKILL)
    assert has_ended(process)
    assert not own_zygote.alive()
    with pytest.raises(Fault):
        worker.call("f", [], seed=0)
    with pytest.raises(Fault):
        worker_of(client).load()
    with pytest.raises(Fault):
        own_zygote.connect()
    own_zygote.restart()
    assert own_zygote.alive()
    with pytest.raises(Fault):
        worker_of(client).load()
    assert worker_of(own_zygote.connect()).call("f", [], seed=0) == 1


def test_a_sandbox_that_does_not_start_says_why(monkeypatch):
    monkeypatch.setattr(mounts, "bubblewrap_command", lambda profile: (["bwrap", "--no-such-option"], []))
    with Zygote(Level.FULL) as zygote:
        for _ in range(2):
            with pytest.raises(Fault, match=r"does not start.*no-such-option"):
                zygote.connect()
        assert not zygote.alive()


def test_a_zygote_that_dies_during_a_call_is_never_the_students_doing(own_zygote):
    worker = worker_of(own_zygote.connect())
    worker.load()
    process = pidfd_of(worker)

    def kill_both():
        os.kill(own_zygote.pid, signal.SIGKILL)
        assert has_ended(process)

    with pytest.raises(Fault):
        worker.call("slow", [Reference(kill_both)], seed=0)


def test_closing_a_client_ends_its_workers_and_no_others(zygote):
    first, second = zygote.connect(), zygote.connect()
    doomed, other = worker_of(first), worker_of(second)
    doomed.load()
    other.load()
    process = pidfd_of(doomed)
    first.close()
    assert has_ended(process)
    assert other.call("f", [], seed=0) == 1
    second.close()
    with pytest.raises(Fault):
        doomed.call("f", [], seed=0)


def test_a_forked_child_has_its_own_line_and_its_death_ends_its_workers(zygote):
    """As the grader does: a short-lived child per submission, killed at any moment."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            worker = worker_of(zygote.connect())
            assert worker.call("f", [], seed=0) == 1
            os.write(writing, str(outer_pid(worker)).encode())
            signal.pause()
        finally:
            os._exit(status)
    os.close(writing)
    pidfd = os.pidfd_open(int(os.read(reading, 20)))
    os.close(reading)
    assert zygote.alive()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert has_ended(pidfd)
    assert worker_of(zygote.connect()).call("f", [], seed=0) == 1


def test_a_forked_child_that_lets_go_leaves_the_zygote_running(zygote):
    child = os.fork()
    if child == 0:
        zygote.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert zygote.alive()
    assert worker_of(zygote.connect()).call("f", [], seed=0) == 1


GRADER = """
import os, signal, sys
from autograder.sandbox.levels import Level
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote, _outer_pid
zygote = Zygote(Level(sys.argv[1]))
worker = Worker(zygote.connect(), {"submission.py": "def f(): return 1"}, "submission.py")
worker.load()
print(zygote.pid, _outer_pid(worker._conversation._process.pidfd), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("level", [Level.FULL, Level.LANDLOCK], ids=str)
def test_when_the_grader_is_killed_nothing_stays_behind(level, tmp_path):
    grader = subprocess.Popen([sys.executable, "-c", GRADER, level.value], stdout=subprocess.PIPE, cwd=tmp_path)
    pidfds = [os.pidfd_open(int(pid)) for pid in grader.stdout.readline().split()]
    assert len(pidfds) == 2
    grader.kill()
    grader.wait()
    assert all(map(has_ended, pidfds))


def test_many_workers_come_and_go(client):
    for _ in range(30):
        worker = worker_of(client)
        with pytest.raises(StudentError):
            worker.call("bad", [], seed=0)
        worker.stop()
    assert len(list(Path("/proc/self/fd").iterdir())) < 100
