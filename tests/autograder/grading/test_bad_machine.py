"""Full disks, folders that may only be read, several graders at once, clocks that jump: real ones where root may.

Grading goes on and prints its results, what could not be kept or written is named, and the exit status is 1.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import torch
from course_factory import RIGHT, add_exercise, hand_in, make_course
from forked_grader import Grader, report_of, stored, warm

from autograder.grading import store as store_module
from autograder.grading.store import store_path
from autograder.sandbox.levels import probe
from autograder.sandbox.zygote import Zygote

NOBODY = 65534


def slow(*values):
    """Parameters that take their turn only among the slow tests."""
    return [pytest.param(*(v if isinstance(v, tuple) else (v,)), marks=pytest.mark.slow) for v in values]


WRONG = RIGHT.replace("x + x", "x * x")
CLASS = {"ada": RIGHT, "bob": WRONG, "cyd": WRONG + "# cyd", "dan": WRONG + "# dan", "eve": WRONG + "# eve"}
GRADE = ["grade", "class", "--seed", 1, "--jobs", 2]
JSON, HTML = ["--json", "out/report.json"], ["--html", "out/pages"]


@pytest.fixture(scope="module")
def zygote(tmp_path_factory):
    torch.set_num_threads(1)  # this process forks
    with Zygote(probe().level) as started:
        assert started.pid
        folder = tmp_path_factory.mktemp("warm")
        make_course(folder)
        hand_in(folder / "class", CLASS)
        (folder / "out").mkdir()
        warm(started, folder, [*GRADE, *JSON, *HTML])
        yield started


class Course:
    def __init__(self, root, zygote):
        self.root, self.zygote, self.out = root, zygote, root / "out"
        self.store = store_path(make_course(root))
        add_exercise(root, "twice")
        hand_in(root / "class", {name: text + text.replace("double", "twice") for name, text in CLASS.items()})
        self.out.mkdir()
        self.store.parent.mkdir(mode=0o700)

    def start(self, *more, prepare=lambda: None, name="run"):
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        return Grader(self.zygote, self.root, folder, [*GRADE, *more], prepare)

    def grade(self, *more, **options):
        run = self.start(*more, **options)
        return run.end(), run

    def expected(self):
        """The report of an undisturbed run."""
        status, run = self.grade("--json", "expected.json")
        assert (status, run.stderr) == (0, "")
        self.store.unlink()
        return report_of(self.root / "expected.json")


@pytest.fixture
def course(tmp_path, zygote):
    return Course(tmp_path, zygote)


def mounted(*arguments):
    """In a mount namespace of this process' own."""
    assert ctypes.CDLL(None, use_errno=True).unshare(0x00020000) == 0, os.strerror(ctypes.get_errno())
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for each in arguments:
        subprocess.run(["mount", *map(str, each)], check=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")


def on_a_disk(folder, options, at_end, before=lambda: None):
    """``folder`` is a disk of its own in this process and its children; ``at_end`` looks at it before it is gone."""

    def prepare():
        mounted(["-t", "tmpfs", "-o", f"mode=0700,{options}", "tmpfs", folder])
        before()
        leave, grader = os._exit, os.getpid()

        def look(status):
            if os.getpid() == grader:
                at_end()
            leave(status)

        os._exit = look

    return prepare


@needs_root
@pytest.mark.parametrize(("kibibytes", "file_count"), [(60, 1000), *slow((28, 1000), (4, 1000), (1000, 2), (1000, 1))])
def test_a_full_disk_under_the_store(course, kibibytes, file_count):
    """Too small for all verdicts, for any, for the tables; no more files: for the journal, for the store itself."""
    expected = course.expected()
    saved, beside = course.root / "saved.sqlite", course.root / "beside"

    def look():
        beside.write_text(" ".join(path.name for path in course.store.parent.iterdir() if path != course.store))
        if course.store.exists():
            saved.write_bytes(course.store.read_bytes())

    prepare = on_a_disk(course.store.parent, f"size={kibibytes}k,nr_inodes={file_count}", look)
    status, run = course.grade(*JSON, prepare=prepare)
    assert status == 1, run.stderr
    assert report_of(course.out / "report.json") == expected, "graded, printed and written all the same"
    assert str(course.store) in run.stderr and "kept" in run.stderr
    assert "disk is full" in run.stderr or "No space left" in run.stderr, run.stderr
    assert "permission" not in run.stderr and "Traceback" not in run.stderr
    assert beside.read_text() == "", "no journal is left"
    before = stored(saved)
    assert len(before) < 10
    if kibibytes == 60:
        assert before, "what was graded before the disk was full is kept"
    if before:
        course.store.write_bytes(saved.read_bytes())
    status, run = course.grade(*JSON)
    assert status == 0, run.stderr
    assert report_of(course.out / "report.json") == expected
    assert before.items() <= stored(course.store).items() and len(stored(course.store)) == 10


@needs_root
def test_a_full_disk_under_the_outputs(course):
    expected = course.expected()
    seen = course.root / "seen"

    def look():
        files = [path for path in course.out.rglob("*") if path.is_file()]
        whole = [path.read_text() == "old" or path.read_text().rstrip().endswith("</html>") for path in files]
        seen.write_text(f"{all(whole)} {len(files)}")

    old = lambda: (course.out / "report.json").write_text("old")
    prepare = on_a_disk(course.out, "size=32k", look, before=old)
    status, run = course.grade(*JSON, *HTML, prepare=prepare)
    assert status == 1
    assert "out/report.json could not be written: No space left on device." in run.stderr
    assert "out/pages/" in run.stderr and "Traceback" not in run.stderr
    assert seen.read_text() in ("True 1", "True 2"), "the old report and perhaps a page, both whole, nothing else"
    assert "ada" in run.stdout, "the results are printed all the same"
    assert len(stored(course.store)) == 10
    status, run = course.grade(*JSON, *HTML)
    assert status == 0 and report_of(course.out / "report.json") == expected
    assert not [event for event in run.events if event.phase == "fork"], "nothing was graded again"


def test_standard_output_that_takes_nothing(course):
    def prepare():
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)

    status, run = course.grade(*JSON, prepare=prepare)
    assert status == 1
    assert "standard output could not be written: No space left on device." in run.stderr
    assert "Traceback" not in run.stderr and "Exception ignored" not in run.stderr
    assert report_of(course.out / "report.json")
    status, run = course.grade("--json", "-", prepare=prepare)
    assert status == 1 and "standard output could not be written" in run.stderr


def test_a_limit_on_the_size_of_files(course):
    """As a quota does: the store, the report and the pages are all refused."""
    import resource

    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500))

    status, run = course.grade(*JSON, *HTML, prepare=prepare)
    assert status == 1 and "Traceback" not in run.stderr
    for name in (str(course.store), "out/report.json", "out/pages"):
        assert name in run.stderr
    assert [path for path in course.out.rglob("*") if path.is_file()] == []
    assert course.grade(*JSON, *HTML)[0] == 0


@needs_root
@pytest.mark.parametrize("what", ["store", *slow("folder")])
def test_a_store_on_a_disk_that_may_only_be_read(course, what):
    expected = course.expected()
    status, run = course.grade("--exercise", "double")
    assert status == 0 and len(stored(course.store)) == 5
    before = course.store.read_bytes()
    where = course.store if what == "store" else course.store.parent
    read_only = lambda: mounted(["--bind", where, where], ["-o", "remount,bind,ro", where])
    status, run = course.grade(*JSON, prepare=read_only)
    assert status == 1 and report_of(course.out / "report.json") == expected
    assert f"not all verdicts were kept: {course.store}: no permission to write there" in run.stderr
    assert course.store.read_bytes() == before
    status, run = course.grade("--exercise", "double", prepare=read_only)
    assert (status, run.stderr) == (0, ""), "where nothing new is to be kept, nothing is missing"


@needs_root
@pytest.mark.parametrize("mode", [0o500, *slow(0o000)])
def test_an_ordinary_user_without_permission(zygote, mode):
    with tempfile.TemporaryDirectory() as folder:  # the way to pytest's own is private
        Path(folder).chmod(0o755)
        check_ordinary_user(Course(Path(folder), zygote), mode)


def check_ordinary_user(course, mode):
    course.store.parent.chmod(mode)
    course.out.chmod(0o777)

    def prepare():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    status, run = course.grade(*JSON, prepare=prepare)
    course.store.parent.chmod(0o700)
    assert status == 1 and "Traceback" not in run.stderr, run.stderr
    assert "verdicts will not be kept" in run.stderr and "Permission denied" in run.stderr
    # The zygote is still root's, whose workers this user may not end, so only that all were tried is looked at.
    assert [s["student"] for s in report_of(course.out / "report.json")["submissions"]] == list(CLASS)


def test_a_seed_that_cannot_be_kept_is_told(course):
    (course.store.parent / "seed").mkdir()
    run = Grader(course.zygote, course.root, course.root, ["grade", "class", *JSON])
    assert run.end() == 1
    assert "Repeat it with --seed" in run.stderr and str(course.store.parent / "seed") in run.stderr


@pytest.mark.parametrize("count", [2, *slow(3)])
def test_several_graders_at_once_on_one_store(course, count):
    """In a course that is new: they also agree on its seed. All write the same report and the same pages."""
    arguments = ["grade", "class", "--jobs", 2, *JSON, *HTML]
    folders = [course.root / str(number) for number in range(count)]
    for folder in folders:
        folder.mkdir()
    runs = [Grader(course.zygote, course.root, folder, arguments) for folder in folders]
    assert [run.end() for run in runs] == [0] * count, [run.stderr for run in runs]
    assert len({run.stdout for run in runs}) == 1
    assert len(stored(course.store)) == 10
    assert [path.name for path in course.store.parent.iterdir() if path.name.startswith(".")] == []
    seed = int((course.store.parent / "seed").read_text())
    report = report_of(course.out / "report.json")
    assert report["seed"] == seed
    pages = {path.name for path in (course.out / "pages").iterdir()}
    assert pages == {"index.html", *(f"{name}.html" for name in CLASS)}
    assert all(path.read_text().rstrip().endswith("</html>") for path in (course.out / "pages").iterdir())
    _, run = course.grade("--seed", seed, *JSON)
    assert report_of(course.out / "report.json") == report
    assert not [event for event in run.events if event.phase == "fork"], "one seed, so one verdict for each"


@pytest.mark.parametrize("lock", ["IMMEDIATE", *slow("EXCLUSIVE")])
def test_a_lock_that_a_hung_process_holds_is_named(course, lock, monkeypatch):
    expected = course.expected()
    course.grade()
    with contextlib.closing(sqlite3.connect(course.store)) as connection, connection:
        connection.execute("DELETE FROM verdicts")
    receive, send = os.pipe()
    holder = os.fork()
    if holder == 0:
        connection = sqlite3.connect(course.store, isolation_level=None)
        connection.execute(f"BEGIN {lock}")
        connection.execute("CREATE TABLE junk (x)")
        os.write(send, b"1")
        signal.pause()
    os.read(receive, 1)
    try:
        monkeypatch.setattr(store_module, "PATIENCE", 0.0)
        status, run = course.grade(*JSON)
        assert status == 1 and report_of(course.out / "report.json") == expected
        assert f"{course.store}: another run (process {holder}) has kept it locked" in run.stderr
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    monkeypatch.undo()
    status, run = course.grade(*JSON)
    assert (status, run.stderr) == (0, ""), "what a killed process leaves is no obstacle"
    assert len(stored(course.store)) == 10


@pytest.mark.parametrize("hours", [-30, *slow(30, 24 * 365 * 20)])
def test_a_clock_that_jumps_with_every_look_at_it(course, hours):
    """Forward or backward, in this process and in all it forks."""
    expected = course.expected()

    def prepare():
        real, looks = time.time, [0]

        def jumping():
            looks[0] += 1
            return real() + 3600 * hours * (looks[0] % 5)

        time.time = jumping
        time.time_ns = lambda: int(jumping() * 1e9)

    status, run = course.grade(*JSON, prepare=prepare)
    assert (status, run.stderr) == (0, "")
    assert report_of(course.out / "report.json") == expected


def test_a_store_from_the_future(course):
    expected = course.expected()
    course.grade()
    with contextlib.closing(sqlite3.connect(course.store)) as connection, connection:
        connection.execute("UPDATE verdicts SET created = '2999-01-01T00:00:00+00:00'")
    os.utime(course.store, (32e9, 32e9))
    before = stored(course.store)
    status, run = course.grade(*JSON)
    assert (status, report_of(course.out / "report.json")) == (0, expected)
    assert stored(course.store) == before
    assert not [event for event in run.events if event.phase == "fork"]
