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
from typing import Any, Self

from autograder.sandbox import mounts, policy
from autograder.sandbox.inside.channel import Channel
from autograder.sandbox.inside.wire import Bounds
from autograder.sandbox.levels import Level, probe
from autograder.sandbox.limits import Limits
from autograder.sandbox.profiles import CPU, Profile
from autograder.testing.outcomes import Fault

_START_SECONDS, _CONTROL_SECONDS, _KILL_SECONDS = 120.0, 30.0, 30.0


@dataclasses.dataclass(frozen=True)
class Process:
    """A running worker: its socket, its number inside, and a descriptor that stands for it outside."""

    client: Client
    connection: socket.socket
    number: int
    pidfd: int

    def channel(self, accepts: Bounds) -> Channel:
        """The grader's end."""
        return Channel(self.connection.fileno(), accepts)

    def ended(self, seconds: float) -> bool:
        """Whether it ends within that time."""
        return bool(select.select([self.pidfd], [], [], seconds)[0])

    def end(self) -> tuple[int, float]:
        """Hang up, kill and reap. -> (exit status, negative for a signal; seconds of processor time)."""
        self.connection.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        try:
            if not self.ended(_KILL_SECONDS):
                raise Fault("a worker does not end when it is killed")
            return self.client.end(self.number)
        finally:
            os.close(self.pidfd)


class Client:
    """One line to the zygote, for one process of the grader at a time. Its workers end when it is closed.

    beside: a line to the second zygote, whose workers may use a device, if the first one was given a profile for it.
    Every method raises Fault when the zygote is dead.
    """

    def __init__(
        self,
        control: socket.socket,
        level: Level,
        base_size: int,
        profile: Profile = CPU,
        beside: Client | None = None,
    ) -> None:
        self.level, self.profile, self.beside = level, profile, beside
        self._control, self._base_size = control, base_size
        control.settimeout(_CONTROL_SECONDS)

    def spawn(self, limits: Limits) -> Process:
        """A fresh confined worker."""
        ours, theirs = socket.socketpair()
        request = {
            "op": "spawn",
            "address_space": self._base_size + limits.memory if self.profile.bounded else None,
            "files": self.profile.files,
            "cpu": limits.cpu,
            # the kernel counts what the user runs in the same user namespace; without one of its own, everything
            "processes": 256 if self.level.bubblewrap else 8192,
            "reply": limits.reply,
            "callback": limits.callback,
        }
        with theirs:
            answer, fds = self._ask(request, [theirs.fileno()])
        ours.setblocking(False)
        return Process(self, ours, answer["pid"], fds[0])

    def end(self, number: int) -> tuple[int, float]:
        """Kill and reap a worker. -> (exit status, negative for a signal; seconds of processor time)."""
        answer, _ = self._ask({"op": "end", "pid": number}, [])
        return answer["status"], answer["cpu"]

    def close(self) -> None:
        """Its workers are killed once no other process holds a copy of the line. Twice is fine."""
        self._control.close()
        if self.beside is not None:
            self.beside.close()

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


@dataclasses.dataclass(frozen=True)
class _Ready:
    """The zygote's number in the grader's world, a descriptor that stands for it, and its address space in bytes."""

    pid: int
    pidfd: int
    base_size: int


class Zygote:
    """A sandboxed interpreter with torch loaded, from which workers are forked.

    level: by default the best of this machine.  quick: ready a second earlier, but in each worker the first step of
    an optimizer, the first torch.func and the first look at operators take a second.  profile: what its workers may
    have beyond the usual.  device: the profile of a second zygote beside it, for calls on a device.

    The constructor does not wait until it is ready; what needs it does, and raises Fault when it does not start. Make
    it in a thread that lasts: it dies with that thread.
    """

    def __init__(
        self, level: Level | None = None, *, quick: bool = False, profile: Profile = CPU, device: Profile | None = None
    ) -> None:
        self.level = probe().level if level is None else level
        self.profile, self._quick = profile, quick
        self._beside = None if device is None else Zygote(self.level, quick=quick, profile=device)
        self._ready: _Ready | None
        self._start()

    def connect(self) -> Client:
        """A new line; also from a child forked after the first one was made. Fault when the zygote is dead."""
        base_size = self._await_ready().base_size
        beside = None if self._beside is None else self._beside.connect()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                socket.send_fds(self._control, [b'{"op": "connect"}'], [theirs.fileno()])
            except OSError:
                ours.close()
                raise Fault("the sandbox's zygote is dead") from None
        return Client(ours, self.level, base_size, self.profile, beside)

    @property
    def pid(self) -> int:
        """Its number in the grader's world, not in its own."""
        return self._await_ready().pid

    def alive(self) -> bool:
        """Whether it still runs, or is still starting."""
        if self._beside is not None and not self._beside.alive():
            return False
        if self._ready is None:
            return self._process.poll() is None
        return not select.select([self._ready.pidfd], [], [], 0)[0]

    def restart(self) -> None:
        """Replace it; lines of the old one raise Fault from now on."""
        self._end()
        self._start()
        if self._beside is not None:
            self._beside.restart()

    def close(self) -> None:
        """End it and all its workers. Twice is fine; a forked child's copy only lets go of it."""
        self._end()
        if self._beside is not None:
            self._beside.close()

    def _end(self) -> None:
        if os.getpid() != self._owner:
            self._control.close()
            return
        if self._ready is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._ready.pidfd, signal.SIGKILL)
            os.close(self._ready.pidfd)
            self._ready = None
        self._control.close()
        self._errors.close()
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        self._owner, self._ready = os.getpid(), None
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_START_SECONDS)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the zygote may write to it
        make_command = mounts.bubblewrap_command if self.level.bubblewrap else mounts.plain_command
        command, readable = make_command(self.profile)
        options = {
            "readable": readable if self.level.landlock else None,
            "bpf": policy.compile_filter(self.profile.calls).hex() if self.level.seccomp else "",
            "thread_bpf": policy.compile_thread_filter().hex() if self.level.seccomp else "",
            "system_calls": {name: policy.system_call(name) for name in ("seccomp", "exit")},
            "nodes": self.profile.present_nodes(),
            "packages": mounts.package_folders(self.level.bubblewrap),
            "drop": _when_to_drop(self.level),
            "quick": self._quick,
        }
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), json.dumps(options)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=mounts.environment(self.profile),
                cwd="/",
                start_new_session=True,  # Ctrl-C at the terminal is for the grader
            )

    def _await_ready(self) -> _Ready:
        if self._ready is None:
            if os.getpid() != self._owner:
                raise Fault("the sandbox was not ready when this process was forked")
            try:
                _, fds, _, _ = socket.recv_fds(self._control, 100, 1)
                pid = _outer_pid(fds[0])
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
            except (OSError, IndexError):
                self._process.kill()
                self._process.wait()
                raise Fault(f"the sandbox does not start ({self.level.value}): {self._last_words()}") from None
            self._ready = _Ready(pid, fds[0], pages * os.sysconf("SC_PAGESIZE"))
        return self._ready

    def _last_words(self) -> str:
        if self._errors.closed:
            return "it was closed"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "no message"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _when_to_drop(level: Level) -> str:
    """When a zygote started by root gives it up: as early as it can still import torch."""
    if os.geteuid() != 0:
        return ""
    if not mounts.is_root():
        return "" if level.bubblewrap else "capabilities"
    return "first" if level.bubblewrap or mounts.private_folder() is None else "last"


def _outer_pid(pidfd: int) -> int:
    """The process number, in this process' namespace, of what a pidfd stands for."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise Fault("the kernel does not tell the zygote's process number")
