"""``autograder grade`` in a forked process with a zygote that is warm already: a fraction of a second per run.

The process announces what it is about to do, so that a test can strike at a chosen moment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import io
import json
import os
import select
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from autograder.cli.main import main
from autograder.sandbox.zygote import Zygote

PHASES = {
    "intake": "autograder.grading.intake:find_submissions",
    "recall": "autograder.grading.batch:Batch._recall",
    "rehearsal": "autograder.grading.batch:Batch._rehearsal",
    "fork": "autograder.grading.batch:Child.__init__",
    "take": "autograder.grading.batch:Batch._take",
    "store": "autograder.grading.store:VerdictStore.put",
    "pages": "autograder.feedback.page:write_pages",
    "json": "autograder.grading.schema:write_report",
    "write": "autograder.files:_written",
    "rename": "autograder.files:_sync_folder",
}
"""What is announced, and the function at whose beginning and end."""


@dataclasses.dataclass(frozen=True)
class Event:
    """phase: one of PHASES.  entered: at its beginning, not at its end.  moment: of the clock that never jumps."""

    phase: str
    entered: bool
    moment: float


class Grader:
    """A running ``autograder grade``. Its output goes to files in ``folder``."""

    def __init__(
        self,
        zygote: Zygote,
        root: Path,
        folder: Path,
        arguments: Sequence[object],
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        self.folder, self.events = folder, list[Event]()
        self._announced, announce = os.pipe()
        self._buffer = b""
        self.pid = os.fork()
        if self.pid == 0:
            _live(zygote, root, folder, list(map(str, arguments)), prepare, announce)
        os.close(announce)
        self.process = os.pidfd_open(self.pid)

    def follow(self, seconds: float | None = None) -> Event | None:
        """The next event; None once the process has ended, or after so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = 200.0 if end is None else max(end - time.monotonic(), 0)
            if not select.select([self._announced], [], [], left)[0]:
                assert end is not None, "it hangs"
                return None
            chunk = os.read(self._announced, 4096)
            if not chunk:
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        phase, entered, moment = line.decode().split()
        self.events.append(Event(phase, entered == "in", float(moment)))
        return self.events[-1]

    def wait(self, seconds: float) -> None:
        """Let it run for so long, unless it ends before."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.follow(left) is not None:
            pass

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)

    def end(self) -> int:
        """Wait for it. -> its exit status, negative for a signal."""
        while self.follow() is not None:
            pass
        assert select.select([self.process], [], [], 100)[0], "it hangs"
        _, status = os.waitpid(self.pid, 0)
        os.close(self.process)
        os.close(self._announced)
        return os.waitstatus_to_exitcode(status)

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()


class _Lent:
    """A zygote that outlives the run."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote

    def __getattr__(self, name: str) -> Any:
        return getattr(self._zygote, name)

    def __enter__(self) -> _Lent:
        return self

    def __exit__(self, *raised: object) -> None:
        pass


def warm(zygote: Zygote, root: Path, arguments: Sequence[object]) -> None:
    """Run the command in this process, so that forks inherit what it loads."""
    before, module = Path.cwd(), importlib.import_module("autograder.sandbox.zygote")
    os.chdir(root)
    try:
        module.Zygote = lambda *arguments, **options: _Lent(zygote)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main(list(map(str, arguments)), prog_name="autograder")
    finally:
        module.Zygote = Zygote
        os.chdir(before)


def _live(
    zygote: Zygote, root: Path, folder: Path, arguments: list[str], prepare: Callable[[], object], announce: int
) -> None:
    status: object = 70
    try:
        os.chdir(root)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(folder / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        for phase, where in PHASES.items():
            _announce(announce, phase, where)
        importlib.import_module("autograder.sandbox.zygote").Zygote = lambda *arguments, **options: zygote
        prepare()
        main(arguments, prog_name="autograder")
    except SystemExit as leaving:
        status = leaving.code
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 71)


def _announce(to: int, phase: str, where: str) -> None:
    module, _, path = where.partition(":")
    holder: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        holder = getattr(holder, parent)
    function = getattr(holder, name)

    @functools.wraps(function)
    def announcing(*arguments: Any, **options: Any) -> Any:
        os.write(to, f"{phase} in {time.monotonic()}\n".encode())
        try:
            return function(*arguments, **options)
        finally:
            os.write(to, f"{phase} out {time.monotonic()}\n".encode())

    setattr(holder, name, announcing)


def untimed(value: Any) -> Any:
    """Plain data without the seconds that something took."""
    if isinstance(value, dict):
        return {key: untimed(item) for key, item in value.items() if key != "seconds"}
    return [untimed(item) for item in value] if isinstance(value, list) else value


def report_of(path: Path) -> Any:
    """The report in ``path`` without durations; it must be whole."""
    return untimed(json.loads(path.read_bytes()))


def stored(path: Path) -> dict[str, bytes]:
    """The verdicts in a store by key, after SQLite's own check of the file."""
    if not (path.exists() and path.stat().st_size):
        return {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return {}  # its maker was killed before the tables were there
        rows = connection.execute("SELECT key, CAST(result AS BLOB) || created FROM verdicts").fetchall()
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def children_of(pid: int) -> list[int]:
    """The processes that ``pid`` has started and that still exist."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def faults_of(report: Any) -> Iterator[tuple[str, str, str]]:
    """(student, exercise, reason) of every fault."""
    for submission in report["submissions"]:
        for exercise in submission["exercises"]:
            if exercise["verdict"] == "fault":
                yield submission["student"], exercise["name"], exercise["reason"]
