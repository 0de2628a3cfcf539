"""Runs a part of the test suite again as an ordinary user, when the suite is run by root.

The user sees the same paths: where a parent of the interpreter, of the packages or of the project is private (a
home of root's), a private mount namespace puts an empty folder in its place and shows in it only what is needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

UID = 54321
PROJECT = Path(__file__).resolve().parents[3]


def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest with these arguments, as an ordinary user. The caller must be root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as staging, tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chown(home, UID, UID)
        become = [
            "setpriv",
            f"--reuid={UID}",
            f"--regid={UID}",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={PROJECT}", *arguments]
        script = "\n".join(["set -e", *_show_to_everyone(Path(staging)), 'exec "$@"'])
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *become, *pytest],
            cwd=PROJECT,
            env={"HOME": home, "TMPDIR": home, "USER": "ordinary", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
            | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=280,
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
