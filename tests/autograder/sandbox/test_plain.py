"""Workers that are plain processes: deadlines, deaths, callbacks and output as behind the wall; no confinement."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading

import pytest
import torch

from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.pipes import PipeChannel
from autograder.sandbox.inside.wire import Bounds
from autograder.sandbox.limits import Limits
from autograder.sandbox.plain import PlainProcesses
from autograder.sandbox.worker import Worker
from autograder.testing.outcomes import Died, Fault, StudentError, TimedOut

SOURCE = """
import os, subprocess, sys

import helper

COUNT = 0

def twice(x):
    print("twice")
    os.write(1, b"not for the channel")
    return helper.two() * x

def count(x):
    global COUNT
    COUNT += 1
    return COUNT

def fails(x):
    raise KeyError("no")

def ends(x):
    os._exit(3)

def hangs(x):
    while True:
        pass

def leaves_a_process(x):
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid

def evaluates(f):
    return f(2.0) + f(3.0)

def makes(x):
    return lambda y: y + x
"""
FILES = {"submission.py": SOURCE, "helper.py": "def two():\n    return 2\n"}
LIMITS = Limits(call=1.0, reply=16 << 20)


@pytest.fixture(scope="module")
def processes():
    with PlainProcesses(quick=True, spares=1) as processes:
        yield processes


@pytest.fixture
def worker(processes):
    with processes.connect() as client:
        worker = Worker(client, FILES, "submission.py", LIMITS)
        yield worker
        worker.stop()


def test_values_output_errors_functions_and_handles_cross(worker):
    large = torch.rand(700, 700, dtype=torch.float64)
    assert "twice" in worker.load().names
    assert torch.equal(worker.call("twice", (large,), 1), 2 * large)
    assert worker.output == "twice\n"
    with pytest.raises(StudentError) as caught:
        worker.call("fails", (large,), 1)
    assert caught.value.kinds[0] == "KeyError"
    square = Reference(lambda x: x * x)
    assert worker.call("evaluates", (square,), 1) == 13.0
    assert square.points == [(2.0,), (3.0,)]
    assert worker.call("makes", (1.0,), 1)(2.0) == 3.0
    assert worker.starts == 1


def test_a_call_that_hangs_or_dies_ends_alone_and_the_next_one_gets_a_fresh_process(worker):
    assert worker.call("count", (1,), 1) == 1
    assert worker.call("count", (1,), 1) == 2
    with pytest.raises(TimedOut):
        worker.call("hangs", (1,), 1)
    assert worker.call("count", (1,), 1) == 1
    with pytest.raises(Died, match="exit status 3"):
        worker.call("ends", (1,), 1)
    assert worker.call("count", (1,), 1) == 1


@pytest.mark.slow
def test_a_process_left_behind_does_not_hold_the_worker(worker):
    child = worker.call("leaves_a_process", (1,), 1)
    try:
        worker.stop()
    finally:
        os.kill(child, 9)


def test_closing_the_line_ends_a_call_in_another_thread(processes):
    client = processes.connect()
    worker = Worker(client, FILES, "submission.py", Limits(call=600.0))
    worker.load()
    ended: list[BaseException] = []

    def call():
        try:
            worker.call("hangs", (1,), 1)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    client.close()
    thread.join(60)
    assert not thread.is_alive()
    assert isinstance(ended[0], (Died, Fault))
    with pytest.raises(Fault):
        client.spawn(Limits())


@pytest.mark.slow
def test_nothing_is_left_running_when_the_grader_is_killed():
    program = """
import os
from autograder.sandbox.plain import PlainProcesses
from autograder.sandbox.worker import Worker
processes = PlainProcesses(quick=True, spares=0)
worker = Worker(processes.connect(), {"submission.py": "import os\\ndef pid(): return os.getpid()\\n"
    "def hangs():\\n    while True: pass\\n"}, "submission.py")
print(worker.call("pid", (), 1), flush=True)
worker.call("hangs", (), 1)
"""
    grader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid = int(grader.stdout.readline())
    worker = os.pidfd_open(pid)
    grader.kill()
    grader.wait()
    try:
        assert select.select([worker], [], [], 60)[0]
    finally:
        os.close(worker)


def test_a_worker_that_does_not_start_is_a_fault_with_its_last_words(monkeypatch):
    monkeypatch.setattr("autograder.sandbox.mounts.package_folders", lambda bubblewrap: [])
    with PlainProcesses(spares=0) as processes, processes.connect() as client, pytest.raises(Fault, match="torch"):
        client.spawn(Limits())


@pytest.fixture
def pipes():
    descriptors = [os.pipe(), os.pipe()]
    yield descriptors
    for descriptor in {end for pair in descriptors for end in pair}:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_frames_of_every_size_arrive_whole_and_in_order(pipes):
    (a_in, a_out), (b_in, b_out) = pipes
    one, other = PipeChannel(a_in, b_out, Bounds(1 << 24)), PipeChannel(b_in, a_out, Bounds(1 << 24))
    sizes = [0, 1, 4096, 1 << 16, 5 << 20]
    sender = threading.Thread(target=lambda: [one.send((b"s", b"x" * size)) for size in sizes])
    sender.start()
    assert [len(other.receive()[1]) for _ in sizes] == sizes
    sender.join()
    assert other.idle()
    one.send((b"s", b""))
    assert other.exactly(1, None) == (1).to_bytes(1, "little")
    assert not other.idle()


def test_a_deadline_holds_for_what_does_not_come_and_for_what_is_not_taken(pipes):
    (a_in, a_out), (b_in, b_out) = pipes
    channel = PipeChannel(a_in, b_out, Bounds(1 << 24))
    with pytest.raises(TimeoutError):
        channel.receive(0.0)
    with pytest.raises(TimeoutError):
        channel.send((b"", bytes(8 << 20)), deadline=0.0)
    os.close(a_out)
    with pytest.raises(EOFError):
        channel.receive(float("inf"))
    assert not channel.idle()
    assert not channel.has_written()
    os.close(b_in)
