"""The verdict store: what it gives back, what it refuses, and what it says where it cannot go on."""

import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import stat
import tempfile
from pathlib import Path

import msgspec
import pytest

from autograder.grading.keys import counterexample_id
from autograder.grading.store import APPLICATION, VERSION, StoredCounterexample, StoreError, VerdictStore, store_path
from autograder.grading.verdict import Counterexample, ExerciseResult, PropertyResult, Verdict

NOBODY = 65534


def result(reason="p does not hold", verdict=Verdict.WRONG):
    counterexample = Counterexample(id="ab12", function="f", arguments={"x": "0.1"}, plot={"kind": "curve", "x": [0.1]})
    tried = PropertyResult(
        name="test_p", public=False, passed=False, message="no", counterexample=counterexample, sentence="p holds"
    )
    return ExerciseResult(
        name="f",
        verdict=verdict,
        score=0.1 + 0.2,
        points=4,
        properties=[tried],
        misconception=None,
        seconds=0.5,
        reason=reason,
    )


def counterexample(text=b"arguments", name="f"):
    content = (name, name, "test_p", text, b"\x00sources\xff")
    return StoredCounterexample(counterexample_id(*content), *content)


@pytest.fixture
def path(tmp_path):
    return store_path(tmp_path / "grading.yml")


def in_a_child(work, ordinary=True):
    """Run ``work`` in a forked process, an ordinary user's even where this one is root; None, or what it raised."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            if ordinary and os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
            sender.send(None)
        except BaseException as error:
            sender.send((type(error).__name__, str(error)))
        finally:
            os._exit(0)
    sender.close()
    os.waitpid(child, 0)
    return receiver.recv()


def test_it_lies_beside_grading_yml_for_its_owner_alone(tmp_path, path):
    mask = os.umask(0)
    try:
        VerdictStore(path).close()
    finally:
        os.umask(mask)
    assert path == tmp_path / ".autograder" / "verdicts.sqlite"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_put_is_got_also_by_the_next_run(path):
    with VerdictStore(path) as store:
        assert store.get("key") is None
        assert store.put("key", result(), [counterexample()]) == result()
        assert store.get("key") == result()
        assert store.get("KEY") is None
    with VerdictStore(path) as store:
        assert store.get("key") == result()
        assert store.counterexample(counterexample().id) == counterexample()


def test_no_other_file_is_left_beside_it(path):
    """No write-ahead log, also where somebody has switched it on: network file systems cannot share one."""
    with VerdictStore(path) as store:
        store.put("key", result())
    foreign = sqlite3.connect(path)
    assert foreign.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    foreign.close()
    with VerdictStore(path) as store:
        store.put("other", result())
        assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_first_writer_wins_with_its_counterexamples(path):
    late = counterexample(b"late")
    with VerdictStore(path) as store:
        store.put("key", result("first"), [counterexample()])
        assert store.put("key", result("second"), [late]).reason == "first"
        assert store.get("key").reason == "first"
        with pytest.raises(LookupError):
            store.counterexample(late.id)


def test_putting_the_same_twice_is_fine(path):
    with VerdictStore(path) as store:
        store.put("key", result(), [counterexample()])
        store.put("key", result(), [counterexample()])
        store.put("another key", result(), [counterexample()])
        assert store.counterexample(counterexample().id) == counterexample()


def test_a_fault_is_refused(path):
    with VerdictStore(path) as store:
        with pytest.raises(ValueError, match="fault"):
            store.put("key", msgspec.structs.replace(result(), verdict=Verdict.FAULT, score=None))
        assert store.get("key") is None


def test_a_number_that_is_not_finite_is_refused(path):
    with VerdictStore(path) as store:
        with pytest.raises(ValueError, match=r"\$\.seconds is nan"):
            store.put("key", msgspec.structs.replace(result(), seconds=float("nan")))
        assert store.get("key") is None


def test_two_counterexamples_with_one_id_store_nothing(path):
    other = StoredCounterexample(counterexample().id, "f", "f", "test_p", b"arguments", b"of another student")
    with VerdictStore(path) as store:
        with pytest.raises(ValueError, match="two different counterexamples"):
            store.put("key", result(), [counterexample(), other])
        assert store.get("key") is None
        with pytest.raises(LookupError):
            store.counterexample(counterexample().id)
        store.put("key", result(), [counterexample()])


def test_a_counterexample_by_the_beginning_of_its_id(path):
    content = ("f", "f", "test_p", b"", b"")
    with VerdictStore(path) as store:
        store.put("key", result(), [StoredCounterexample(name, *content) for name in ("ab", "abcd", "abce", "b%")])
        assert store.counterexample("abcd").id == "abcd"
        assert store.counterexample("b").id == "b%"
        assert store.counterexample("ab").id == "ab", "a whole id is one, though others begin with it"
        for several in ("a", "abc", ""):
            with pytest.raises(LookupError, match="several"):
                store.counterexample(several)
        for none in ("x", "%", "AB", "abcdef", "a*", "b_"):
            with pytest.raises(LookupError, match="no stored counterexample"):
                store.counterexample(none)


@pytest.mark.parametrize(
    "row",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b'{"name": "f"}', b"1", "text", 3, b"wrong type", b"unknown verdict"],
)
def test_a_row_that_cannot_be_read_is_absent_and_replaced(path, row):
    row = {
        b"wrong type": msgspec.json.encode(result()).replace(b'"points":4', b'"points":"4"'),
        b"unknown verdict": msgspec.json.encode(result()).replace(b'"wrong"', b'"fine"'),
    }.get(row, row)
    with VerdictStore(path) as store:
        store.put("key", result("old"))
    foreign = sqlite3.connect(path)
    with foreign:
        foreign.execute("UPDATE verdicts SET result = ?", (row,))
    foreign.close()
    with VerdictStore(path) as store:
        assert store.get("key") is None
        assert store.put("key", result("new")).reason == "new"
        assert store.get("key").reason == "new"


def sqlite_file(path, *statements):
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("statements", "text"),
    [
        (["CREATE TABLE verdicts (key, result)"], "database of something else"),
        (["PRAGMA application_id = 7", "CREATE TABLE t (x)"], "database of something else"),
        ([f"PRAGMA user_version = {VERSION}"], "database of something else"),
        ([f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {VERSION + 1}"], "update autograder"),
    ],
)
def test_a_foreign_or_newer_database_is_refused_untouched(path, statements, text):
    before = sqlite_file(path, *statements)
    with pytest.raises(StoreError, match=text):
        VerdictStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_untouched(path):
    path.parent.mkdir()
    path.write_bytes(b"student,points\n" * 100)
    with pytest.raises(StoreError, match="move it away"):
        VerdictStore(path)
    assert path.read_bytes() == b"student,points\n" * 100


def test_an_empty_file_becomes_a_store(path):
    """A run may be killed after the file was made and before the tables were."""
    path.parent.mkdir()
    path.touch()
    with VerdictStore(path) as store:
        store.put("key", result())


def test_a_damaged_store_says_so(path):
    with VerdictStore(path) as store:
        for number in range(100):
            store.put(f"{number}", result())
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with VerdictStore(path) as store, pytest.raises(StoreError, match="damaged; move it away"):
        store.get("7")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"/file cannot be used: File exists"):
        VerdictStore(tmp_path / "file" / "verdicts.sqlite")


def test_a_store_that_may_only_be_read_gives_its_verdicts():
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "verdicts.sqlite"
        with VerdictStore(path) as store:
            store.put("key", result())
        path.chmod(0o444)
        folder.chmod(0o555)

        def read():
            with VerdictStore(path) as store:
                assert store.get("key") == result()

        def write():
            with VerdictStore(path) as store:
                store.put("other", result())

        assert in_a_child(read) is None
        kind, text = in_a_child(write)
        assert kind == "StoreError" and "no permission to write" in text
        kind, text = in_a_child(lambda: VerdictStore(folder / "other.sqlite"))
        assert kind == "StoreError" and "Permission denied" in text
        assert [file.name for file in folder.iterdir()] == ["verdicts.sqlite"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_full_disk_keeps_what_was_stored(path):
    with VerdictStore(path) as store:
        store.put("key", result())
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="the disk is full"):
            store.put("large", result("x" * 100_000), [counterexample()])
        assert store.get("key") == result()
        assert store.get("large") is None
        store._connection.execute(f"PRAGMA max_page_count = {pages + 100}")
        store.put("large", result("x" * 100_000), [counterexample()])


def test_a_write_the_system_refuses_keeps_what_was_stored(path):
    with VerdictStore(path) as store:
        store.put("key", result())

    def write():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with VerdictStore(path) as store:
            store.put("large", result("x" * 100_000), [counterexample()])

    kind, _ = in_a_child(write, ordinary=False)
    assert kind == "StoreError"
    with VerdictStore(path) as store:
        assert store.get("key") == result()
        assert store.get("large") is None


def test_a_store_is_not_carried_into_a_forked_process(path):
    with VerdictStore(path) as store:
        kind, text = in_a_child(lambda: store.get("key"))
    assert kind == "StoreError" and "opened by another process" in text


def test_closing_twice_is_fine_and_a_closed_store_says_so(path):
    store = VerdictStore(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.get("key")
