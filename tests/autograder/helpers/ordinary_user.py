"""Run a command as an ordinary user that is made for it, from a test that root runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def ordinary_user() -> Iterator[pwd.struct_passwd]:
    """A new user without privileges, removed afterwards. The caller must be root."""
    name = f"student{os.getpid()}x{os.urandom(2).hex()}"
    _account("useradd", "--system", "--user-group", "--no-create-home", "--no-log-init", "--shell", "/bin/false", name)
    try:
        yield pwd.getpwnam(name)
    finally:
        _account("userdel", name)


def _account(*command: str) -> None:
    with Path(tempfile.gettempdir(), "autograder-tests.accounts").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # the tools give up at once where another one is at work
        subprocess.run(command, check=True, capture_output=True)


def run_as_ordinary_user(command: Sequence[str], timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """The caller must be root.

    The user sees the same paths: where a parent of the interpreter, of the packages or of the project is private (a
    home of root's), a private mount namespace puts an empty folder in its place and shows in it only what is needed.
    """
    temporary = tempfile.TemporaryDirectory
    with ordinary_user() as user, temporary(dir="/tmp") as staging, temporary(dir="/tmp") as home:
        os.chown(home, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        become += ["--inh-caps=-all", "--bounding-set=-all"]
        script = "\n".join(["set -e", *_show_to_everyone(Path(staging)), 'exec "$@"'])
        environment = {
            "HOME": home,
            "TMPDIR": home,
            "USER": user.pw_name,
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
        }
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *become, *command],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
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
