"""Threads: a few are honest; as many as one likes are not, and a neighbour never notices."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from autograder.sandbox.inside.threads import THREADS, Watch
from autograder.sandbox.levels import Level
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote

SOURCE = """
import concurrent.futures, ctypes, threading
stop = threading.Event()
def hold():
    threading.stack_size(1 << 16)
    started = []
    try:
        while len(started) < 2000:
            started.append(threading.Thread(target=stop.wait, daemon=True))
            started[-1].start()
    except RuntimeError:
        started.pop()
    globals()["started"] = started
    return len(started)
def release():
    stop.set()
    for thread in started:
        thread.join()
    stop.clear()
    return hold()
def pool(size):
    barrier = threading.Barrier(size)
    with concurrent.futures.ThreadPoolExecutor(size) as executor:
        return sorted(executor.map(lambda n: (barrier.wait(), n)[1], range(size)))
def often():
    return sum(len(pool(4)) for _ in range(2 * 64))
"""


@pytest.fixture(scope="module", params=[level for level in Level if level.seccomp], ids=str)
def zygote(request):
    with Zygote(request.param, quick=True) as zygote:
        yield zygote


@pytest.fixture
def make(zygote):
    with zygote.connect() as client:
        workers = []

        def make():
            workers.append(Worker(client, {"submission.py": SOURCE}, "submission.py"))
            return workers[-1]

        yield make
        for worker in workers:
            worker.stop()


def test_who_holds_all_the_threads_he_can_get_starves_no_neighbour(make):
    greedy, neighbour = [make() for _ in range(6)], make()
    assert neighbour.call("pool", [4], seed=0) == list(range(4)), "while nobody is greedy"
    assert [worker.call("hold", [], seed=0) for worker in greedy] == [THREADS - 1] * 6
    for worker in (neighbour, make()):
        assert worker.call("pool", [32], seed=0) == list(range(32))


def test_threads_that_have_ended_do_not_count(make):
    worker = make()
    assert worker.call("often", [], seed=0) == 4 * 2 * 64
    assert worker.call("hold", [], seed=0) == THREADS - 1
    assert worker.call("release", [], seed=0) == THREADS - 1


def test_what_was_seen_of_a_closed_descriptor_is_not_taken_for_that_of_its_successor():
    watch = Watch()
    with socket.socketpair()[0] as first, socket.socketpair()[0] as second:
        ends = {first.fileno(), second.fileno()}  # both hung up
        for fd in ends:
            watch.add(fd)
        events = watch.events()
        seen, _ = next(events)
        (other,) = ends - {seen}
        watch.remove(other)
        assert next(events)[0] == seen, "not what was seen of the other in the same round"
        watch.remove(seen)


SCRIPT = """
import resource
resource.setrlimit(resource.RLIMIT_NPROC, (3000, 3000))
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
from autograder.sandbox.levels import Level
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote
with Zygote(Level.LANDLOCK, quick=True) as zygote, zygote.connect() as client:
    worker = Worker(client, {"submission.py": "def f(): return 'works'"}, "submission.py")
    print(worker.call("f", [], seed=0))
"""


def test_a_machine_that_allows_less_than_a_worker_may_have_still_has_workers():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=100)
    assert run.stdout == "works\n", run.stderr
