"""Killed at random moments, written to by several processes at once: the store loses nothing and doubles nothing."""

import hashlib
import itertools
import os
import random
import resource
import signal
import sqlite3

import pytest

from autograder.grading.store import StoredCounterexample, StoreError, VerdictStore
from autograder.grading.verdict import ExerciseResult, Verdict

ROUNDS = 30


def result(name, reason=""):
    # Long enough to spill over several pages, so that a transaction is more than one write.
    return ExerciseResult(
        name=name,
        verdict=Verdict.WRONG,
        score=0.5,
        points=1,
        properties=[],
        misconception=None,
        seconds=0,
        reason=reason + "x" * 6000,
    )


def counterexamples(key):
    return [StoredCounterexample(f"{key}-{n}", "f", "f", "test_p", key.encode() * 500, b"") for n in range(3)]


def forked(work):
    """A forked process that does ``work(descriptor)``; its id and the other end of the pipe."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            work(writer)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    return child, os.fdopen(reader, "rb")


def spin(turns):
    """Let a little time pass that is not a fixed number of seconds."""
    digest = b""
    for _ in range(turns):
        digest = hashlib.sha256(digest).digest()


def content(path):
    """What the file holds, after SQLite's own check of it."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys = [row[0] for row in connection.execute("SELECT key FROM verdicts")]
        ids = [row[0] for row in connection.execute("SELECT id FROM counterexamples")]
    finally:
        connection.close()
    assert len(set(keys)) == len(keys)
    assert sorted(ids) == sorted(each.id for key in keys for each in counterexamples(key)), "all or nothing"
    return set(keys)


@pytest.mark.parametrize("seed", [0])
def test_killed_at_random_moments(tmp_path, seed):
    path, chance = tmp_path / "verdicts.sqlite", random.Random(seed)
    promised: set[str] = set()
    for number in range(ROUNDS):

        def write(descriptor, number=number):
            with VerdictStore(path) as store:
                for count in itertools.count():
                    key = f"{number}-{count}"
                    store.put(key, result(key), counterexamples(key))
                    os.write(descriptor, f"{key}\n".encode())

        child, reader = forked(write)
        for _ in range(chance.randrange(4)):
            promised.add(reader.readline().decode().strip())
        spin(chance.randrange(3000))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "it wrote until it was killed"
        promised |= {line.decode().strip() for line in reader}
        reader.close()
        if not path.exists():
            assert not promised
            continue
        with VerdictStore(path) as store:
            for key in promised:
                assert store.get(key) == result(key)
        stored = content(path)
        assert promised <= stored
        # The one that was being written may stand, too: committed, but not yet announced.
        assert len(stored - promised) <= 1
        promised = stored
    assert len(promised) > ROUNDS / 2


def test_killed_in_the_middle_of_a_transaction(tmp_path):
    """Every moment SQLite lets us stop at: after that many steps of its own machine."""
    path, outcomes = tmp_path / "verdicts.sqlite", set()
    with VerdictStore(path) as store:
        store.put("first", result("first"), counterexamples("first"))
    for steps in range(1, 120, 4):

        def write(descriptor, steps=steps):
            with VerdictStore(path) as store:
                store._connection.set_progress_handler(lambda: os.kill(os.getpid(), signal.SIGKILL), steps)
                store.put("second", result("second"), counterexamples("second"))

        child, reader = forked(write)
        reader.close()
        _, status = os.waitpid(child, 0)
        with VerdictStore(path) as store:
            assert store.get("first") == result("first")
        stored = content(path)
        outcomes.add((os.WIFSIGNALED(status), "second" in stored))
        if "second" in stored:
            break
    assert (True, False) in outcomes, "at least one was killed before its commit"


def test_killed_in_the_middle_of_a_commit(tmp_path):
    """By the system, at the page with which the file outgrows a limit: the pages before it are on the disk."""
    path, outcomes = tmp_path / "verdicts.sqlite", []
    with VerdictStore(path) as store:
        store.put("first", result("first"), counterexamples("first"))
    for pages in itertools.count():
        limit = path.stat().st_size + pages * 4096

        def write(descriptor, limit=limit):
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            with VerdictStore(path) as store:
                store.put("second", result("second"), counterexamples("second"))

        child, reader = forked(write)
        reader.close()
        _, status = os.waitpid(child, 0)
        outcomes.append(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXFSZ)
        with VerdictStore(path) as store:
            assert store.get("first") == result("first")
            assert store.get("second") == (None if outcomes[-1] else result("second"))
        content(path)
        if not outcomes[-1]:
            break
    assert outcomes[:2] == [True, True], "killed at its first new page, and at a later one"


def test_two_writers_at_once(tmp_path):
    """Both make the file and write the same keys in another order: each key has one verdict, which both were told."""
    path, count = tmp_path / "verdicts.sqlite", 60
    start_reader, start_writer = os.pipe()

    def writer(name):
        def write(descriptor):
            os.close(start_writer)
            os.read(start_reader, 1)
            keys = [f"{number}" for number in range(count)]
            random.Random(name).shuffle(keys)
            with VerdictStore(path) as store:
                for key in keys:
                    standing = store.put(key, result(key, f"{name} "), counterexamples(key))
                    assert store.get(key) == standing
                    os.write(descriptor, f"{key} {standing.reason.split()[0]}\n".encode())

        return forked(write)

    writers = [writer("ada"), writer("bob")]
    os.close(start_reader)
    os.close(start_writer)  # both go
    told = [dict(line.decode().split() for line in reader) for _, reader in writers]
    for child, reader in writers:
        reader.close()
        assert os.waitpid(child, 0)[1] == 0
    assert told[0] == told[1]
    assert content(path) == {f"{number}" for number in range(count)}
    with VerdictStore(path) as store:
        assert {key: store.get(key).reason.split()[0] for key in told[0]} == told[0]


def test_a_store_that_stays_locked_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.grading.store.PATIENCE", 0.0)
    path = tmp_path / "verdicts.sqlite"
    with VerdictStore(path) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another run has kept it locked"):
            store.put("key", result("f"))
        assert store.get("key") is None, "reading goes on beside a writer"
        other.execute("ROLLBACK")
        other.close()
        store.put("key", result("f"))
        assert store.get("key") == result("f")
