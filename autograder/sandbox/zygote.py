"""The grader's side of the zygote: one per grading run, many clients."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from autograder.sandbox import mounts, policy
from autograder.sandbox.levels import Level, probe
from autograder.sandbox.limits import Limits
from autograder.testing.outcomes import Fault

_START_SECONDS, _CONTROL_SECONDS = 120.0, 30.0


@dataclasses.dataclass(frozen=True)
class Process:
    """A running worker: its socket, its number inside, and a descriptor that stands for it outside."""

    connection: socket.socket
    number: int
    pidfd: int


class Client:
    """One line to the zygote, for one process of the grader at a time. Its workers end when it is closed.

    Every method raises Fault when the zygote is dead.
    """

    def __init__(self, control: socket.socket, level: Level, base_size: int) -> None:
        self.level = level
        self._control, self._base_size = control, base_size
        control.settimeout(_CONTROL_SECONDS)

    def spawn(self, limits: Limits) -> Process:
        """A fresh confined worker."""
        ours, theirs = socket.socketpair()
        request = {
            "op": "spawn",
            "address_space": self._base_size + limits.memory,
            "cpu": limits.cpu,
            # the kernel counts what the user runs in the same user namespace; without one of its own, everything
            "processes": 256 if self.level.bubblewrap else 8192,
            "reply": limits.reply,
            "callback": limits.callback,
        }
        with theirs:
            answer, fds = self._ask(request, [theirs.fileno()])
        ours.setblocking(False)
        return Process(ours, answer["pid"], fds[0])

    def end(self, number: int) -> tuple[int, float]:
        """Kill and reap a worker. -> (exit status, negative for a signal; seconds of processor time)."""
        answer, _ = self._ask({"op": "end", "pid": number}, [])
        return answer["status"], answer["cpu"]

    def close(self) -> None:
        """Its workers are killed once no other process holds a copy of the line. Twice is fine."""
        self._control.close()

    def _ask(self, request: dict[str, Any], fds: list[int]) -> tuple[dict[str, Any], list[int]]:
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], fds)
            answer, received, _, _ = socket.recv_fds(self._control, 4096, 1)
        except OSError as error:
            raise Fault(f"the sandbox's zygote does not answer ({error})") from None
        if not answer:
            raise Fault("the sandbox's zygote is dead")
        return json.loads(answer), received

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Zygote:
    """A sandboxed interpreter with torch loaded, from which workers are forked.

    level: by default the best of this machine. Start it from a thread that lasts: it dies with that thread.
    Raises Fault when it does not start.
    """

    _pidfd: int

    def __init__(self, level: Level | None = None) -> None:
        self.level = probe().level if level is None else level
        self._start()

    def connect(self) -> Client:
        """A new line; also from a forked child, at any time. Fault when the zygote is dead."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                socket.send_fds(self._control, [b'{"op": "connect"}'], [theirs.fileno()])
            except OSError:
                ours.close()
                raise Fault("the sandbox's zygote is dead") from None
        return Client(ours, self.level, self._base_size)

    @property
    def pid(self) -> int:
        """Its number in the grader's world, not in its own."""
        return self._pid

    def alive(self) -> bool:
        """Whether it still runs."""
        return not select.select([self._pidfd], [], [], 0)[0]

    def restart(self) -> None:
        """Replace it; lines of the old one raise Fault from now on."""
        self.close()
        self._start()

    def close(self) -> None:
        """End it and all its workers. Twice is fine; a forked child's copy only lets go of it."""
        if os.getpid() != self._owner:
            self._control.close()
            return
        with contextlib.suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._control.close()
        self._process.kill()
        self._process.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _start(self) -> None:
        self._owner = os.getpid()
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command, readable = mounts.bubblewrap_command() if self.level.bubblewrap else mounts.plain_command()
        root = os.geteuid() == 0
        options = {
            "readable": readable if self.level.landlock else None,
            "bpf": policy.compile_filter().hex() if self.level.seccomp else "",
            "packages": mounts.package_folders(self.level.bubblewrap),
            "drop": ("first" if self.level.bubblewrap else "last") if root else "",
        }
        with theirs, tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), json.dumps(options)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=mounts.ENVIRONMENT,
                cwd="/",
            )
            theirs.close()
            control.settimeout(_START_SECONDS)
            self._control, self._pidfd = control, -1
            self._pidfd = self._await_ready(errors)
        self._pid = _outer_pid(self._pidfd)
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[0])
        self._base_size = pages * os.sysconf("SC_PAGESIZE")

    def _await_ready(self, errors: IO[bytes]) -> int:
        try:
            _, fds, _, _ = socket.recv_fds(self._control, 100, 1)
        except OSError:
            fds = []
        if not fds:
            self.close()
            errors.seek(0)
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
            raise Fault(f"the sandbox does not start ({self.level.value}): {lines[-1] if lines else 'no message'}")
        return fds[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _outer_pid(pidfd: int) -> int:
    """The process number, in this process' namespace, of what a pidfd stands for."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise Fault("the kernel does not tell the zygote's process number")
