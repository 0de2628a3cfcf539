"""The levels: each does what it says, the best one is found, and what is missing is said in words that help."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

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
    temporary = Path(tempfile.gettempdir())
    for folder in (other, *(parent for parent in other.parents if temporary in parent.parents)):
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


def test_sets_of_texts_have_the_same_order_in_every_run():
    """So that what is computed in this order can be repeated."""
    source = "def order(): return list({f'parameter {n}' for n in range(50)})"
    orders = []
    for level in (Level.FULL, Level.LANDLOCK):
        with Zygote(level, quick=True) as zygote, zygote.connect() as client:
            worker = Worker(client, {"submission.py": source}, "submission.py")
            orders.append(worker.call("order", [], seed=0))
            worker.stop()
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])


PROBE = """
from autograder.sandbox.levels import probe
found = probe()
print(found.level.value, *found.missing, sep="\\n")
"""
WITHOUT = [sys.executable, str(Path(__file__).with_name("without.py"))]
ROOT_OF_ITS_OWN = ["unshare", "--user", "--map-root-user", "sh", "-c"]
NO_NAMESPACES = [*ROOT_OF_ITS_OWN, 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh"]


def outcome(command, environment=()):
    """(level, what is missing) as a process finds it that is started so."""
    command = [*command, sys.executable, "-c", PROBE]
    found = subprocess.run(command, env={**os.environ, **dict(environment)}, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    level, *missing = found.stdout.splitlines()
    return Level(level), missing


def test_this_machine_has_the_full_level():
    assert outcome([]) == (Level.FULL, [])


@pytest.mark.parametrize(
    ("refused", "level", "layers"),
    [
        ("namespaces", Level.LANDLOCK, ["bubblewrap"]),
        ("landlock", Level.BUBBLEWRAP, ["Landlock"]),
        ("seccomp", Level.PLAIN, ["seccomp"]),
        ("namespaces,landlock", Level.PLAIN, ["bubblewrap", "Landlock"]),
    ],
)
def test_what_the_kernel_refuses_is_found_missing(refused, level, layers):
    found, missing = outcome([*WITHOUT, refused])
    assert found is level
    assert [sentence.partition(":")[0] for sentence in missing] == layers


def test_without_bubblewrap_landlock_is_left(tmp_path):
    level, (missing,) = outcome([], {"PATH": str(tmp_path)})
    assert level is Level.LANDLOCK
    assert "apt install bubblewrap" in missing


def test_bubblewrap_that_does_not_get_its_namespaces_is_not_used(tmp_path):
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    level, (missing,) = outcome([], {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert level is Level.LANDLOCK
    assert missing.startswith("bubblewrap:")


def test_where_user_namespaces_are_used_up_landlock_is_left():
    level, (missing,) = outcome(NO_NAMESPACES)
    assert level is Level.LANDLOCK
    assert "user.max_user_namespaces" in missing


@pytest.mark.parametrize("around", [[*ROOT_OF_ITS_OWN, 'exec "$@"', "sh"], NO_NAMESPACES], ids=["full", "landlock"])
def test_root_of_a_user_namespace_is_an_ordinary_user(around):
    script = """
import os
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote
source = "import os\\ndef f(): return open('/etc/passwd')\\ndef g(): return 1\\ndef h(): os.chroot('/')"
with Zygote(quick=True) as zygote, zygote.connect() as client:
    worker = Worker(client, {"submission.py": source}, "submission.py")
    print(os.getuid(), worker.call("g", [], seed=0))
    for name in "fh":
        try:
            worker.call(name, [], seed=0)
        except Exception as error:
            print(error.kinds[0])
"""
    found = subprocess.run([*around, sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert found.stdout.split() == ["0", "1", "PermissionError", "PermissionError"] or (
        found.stdout.split() == ["0", "1", "FileNotFoundError", "PermissionError"]
    ), found.stderr


@pytest.fixture
def fresh_probe():
    """The cached result of this process, put back afterwards."""
    levels.probe.cache_clear()
    yield levels.probe
    levels.probe.cache_clear()


@pytest.mark.parametrize("error", [ImportError("no libseccomp"), OSError("refused")])
def test_without_libseccomp_there_is_no_wall(fresh_probe, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(policy, "compile_filter", fail)
    probe = fresh_probe()
    assert probe.level is Level.PLAIN
    assert "libseccomp2" in probe.missing[0]


@pytest.mark.parametrize("system", ["darwin", "win32", "freebsd14"])
def test_other_systems_are_plain_and_nothing_is_tried(fresh_probe, monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(mounts, "bubblewrap_command", None)
    probe = fresh_probe()
    assert probe.level is Level.PLAIN
    assert len(probe.missing) == 1
    assert "autograder check" in probe.missing[0]


def test_the_wall_holds_for_an_ordinary_user_too(as_ordinary_user):
    as_ordinary_user("tests/autograder/sandbox/test_load.py", "tests/autograder/sandbox/test_worker.py")


@pytest.mark.slow
def test_levels_callbacks_and_restarts_for_an_ordinary_user_too(as_ordinary_user):
    parts = ("levels", "callbacks", "restart")
    as_ordinary_user("-m", "not slow", *(f"tests/autograder/sandbox/test_{part}.py" for part in parts))
