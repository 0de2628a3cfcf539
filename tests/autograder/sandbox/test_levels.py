"""The levels: each does what it says, the best one is found, and what is missing is said in words that help."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace

import pytest
import torch

from autograder.sandbox import levels, mounts, policy
from autograder.sandbox.levels import Level
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote
from autograder.testing.outcomes import StudentError

SOURCE = """
import os, socket, subprocess, torch
def solve(a): return torch.linalg.solve(a, a)
def read(): return open(PATH).read()
def talk(): return socket.socket().fileno()
def run(): return subprocess.run(["true"]).returncode
def processes(): return len([name for name in os.listdir("/proc") if name.isdigit()])
"""


@pytest.fixture(scope="module", params=list(Level), ids=str)
def submission(request, tmp_path_factory):
    """(level, a worker there, whose ``read`` opens a file of another submission)."""
    other = tmp_path_factory.mktemp("other") / "submission.py"
    other.write_text("answer = 42")
    for folder in (other, *other.parents[:3]):
        folder.chmod(0o755)
    with Zygote(request.param) as zygote:
        worker = Worker(zygote.connect(), {"submission.py": f"PATH = {str(other)!r}\n{SOURCE}"}, "submission.py")
        yield request.param, worker
        worker.stop()


def test_every_level_computes(submission):
    _, worker = submission
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    assert torch.equal(worker.call("solve", [a], seed=0), torch.linalg.solve(a, a))
    assert worker.load().failures == ()


def refused(worker, function):
    try:
        worker.call(function, [], seed=0)
    except StudentError:
        return True
    return False


def test_other_files_are_out_of_reach_behind_bubblewrap_or_landlock(submission):
    level, worker = submission
    assert refused(worker, "read") == (level is not Level.PLAIN)


def test_sockets_and_processes_need_seccomp_to_be_refused(submission):
    level, worker = submission
    assert refused(worker, "talk") == level.seccomp
    if level.seccomp:
        assert refused(worker, "run")


def test_other_processes_cannot_be_seen_behind_bubblewrap_or_landlock(submission):
    level, worker = submission
    assert refused(worker, "processes") == (level is not Level.PLAIN) or worker.call("processes", [], seed=0) == 0


@pytest.fixture
def fresh_probe():
    """The cached result of this process, put back afterwards."""
    levels.probe.cache_clear()
    mounts._bubblewrap.cache_clear()
    yield levels.probe
    levels.probe.cache_clear()
    mounts._bubblewrap.cache_clear()


def test_this_machine_has_the_full_level(fresh_probe):
    assert fresh_probe() == levels.Probe(Level.FULL, ())


def test_without_bubblewrap_landlock_is_left(fresh_probe, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    probe = fresh_probe()
    assert probe.level is Level.LANDLOCK
    assert len(probe.missing) == 1
    assert "apt install bubblewrap" in probe.missing[0]


def test_without_landlock_bubblewrap_is_left(fresh_probe, monkeypatch):
    monkeypatch.setattr("landlockpy.abi_version", lambda: 0)
    probe = fresh_probe()
    assert probe.level is Level.BUBBLEWRAP
    assert "kernel" in probe.missing[0]


@pytest.mark.parametrize("error", [ImportError("no libseccomp"), OSError("refused")])
def test_without_seccomp_there_is_no_wall(fresh_probe, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(policy, "compile_filter", fail)
    probe = fresh_probe()
    assert probe.level is Level.PLAIN
    assert "libseccomp2" in probe.missing[0]


@pytest.mark.parametrize(
    ("path", "value", "uid", "words"),
    [
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", 1000, "AppArmor"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", 1000, "unprivileged_userns_clone=1"),
        ("/proc/sys/user/max_user_namespaces", "0", 1000, "max_user_namespaces"),
        ("nothing", "", 0, "bwrap fails with: boom"),
    ],
)
def test_why_bubblewrap_fails(fresh_probe, monkeypatch, path, value, uid, words):
    monkeypatch.setattr(mounts, "bubblewrap_command", lambda: (["bwrap", "x"], []))
    monkeypatch.setattr(levels.subprocess, "run", lambda *a, **k: SimpleNamespace(returncode=1, stderr="boom\n"))
    monkeypatch.setattr(levels, "_setting", lambda name: value if name == path else "Seccomp:")
    monkeypatch.setattr(levels.Path, "exists", lambda self: False)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert words in fresh_probe().missing[0]


def test_the_wall_holds_for_an_ordinary_user_too(as_ordinary_user):
    as_ordinary_user("tests/autograder/sandbox/test_load.py", "tests/autograder/sandbox/test_worker.py")


@pytest.mark.slow
def test_levels_callbacks_and_restarts_for_an_ordinary_user_too(as_ordinary_user):
    parts = ("levels", "callbacks", "restart")
    as_ordinary_user("-m", "not slow", *(f"tests/autograder/sandbox/test_{part}.py" for part in parts))
