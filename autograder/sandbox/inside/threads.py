"""How many threads each worker may have at a time: counted by the zygote, which the kernel asks before every new one.

RLIMIT_NPROC counts all that a user runs, so one worker that uses it up starves every other. A first filter of each
worker's therefore reports (seccomp's user notification) when a thread is to start or ends; the zygote keeps the count
and refuses what goes beyond the bound. The arguments of these calls lie in registers, so what was looked at is what
happens. Needs Linux 5.5; without it the limit per user is all there is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
from collections.abc import Iterator

THREADS = 64
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1  # SECCOMP_IOCTL_NOTIF_*, SECCOMP_USER_NOTIF_FLAG_CONTINUE
_QUESTION, _ANSWER = struct.Struct("<QIIiIQ6Q"), struct.Struct("<QqiI")  # struct seccomp_notif, seccomp_notif_resp


class Watch:
    """Waits for events of descriptors; a number that was closed meanwhile may by then stand for another file."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._closed: set[int] = set()

    def add(self, fd: int) -> None:
        """Wait for this one, too."""
        self._poll.register(fd, select.POLLIN)

    def remove(self, fd: int) -> None:
        """Not any more, nor for what was seen of it already."""
        with contextlib.suppress(KeyError):
            self._poll.unregister(fd)
        self._closed.add(fd)

    def events(self) -> Iterator[tuple[int, int]]:
        """(descriptor, event), without end."""
        while True:
            self._closed.clear()
            for fd, event in self._poll.poll():
                if fd not in self._closed:
                    yield fd, event


class ThreadCounts:
    """One count per worker. exit_number: of the system call that ends a thread.  handoff: what workers announce on."""

    def __init__(self, watch: Watch, exit_number: int) -> None:
        self._watch, self._exit_number = watch, exit_number
        self._inbox, self.handoff = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._inbox.setblocking(False)
        self._watch.add(self._inbox.fileno())
        self._threads: dict[int, int] = {}
        self._workers: dict[int, int] = {}

    def serves(self, fd: int) -> bool:
        """Whether an event of this descriptor is for ``serve``."""
        return fd in self._threads or fd == self._inbox.fileno()

    def serve(self, fd: int, event: int) -> None:
        """A worker announces itself, asks, or is gone."""
        if fd == self._inbox.fileno():
            self._admit()
        elif event & select.POLLIN:
            self._answer(fd)
        else:
            self._watch.remove(fd)  # every task behind it has ended; closed by forget

    def forget(self, worker: int) -> None:
        """A worker was reaped."""
        self._admit()
        listener = self._workers.pop(worker, None)
        if listener is not None:
            self._watch.remove(listener)
            del self._threads[listener]
            os.close(listener)

    def _admit(self) -> None:
        while True:
            try:
                message, fds, _, _ = socket.recv_fds(self._inbox, 16, 1)
            except BlockingIOError:
                return
            self._threads[fds[0]], self._workers[int(message)] = 1, fds[0]
            self._watch.add(fds[0])

    def _answer(self, listener: int) -> None:
        question = bytearray(_QUESTION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, question)
        except OSError:  # it was killed meanwhile
            return
        number, _, _, call, *_ = _QUESTION.unpack(question)
        change = -1 if call == self._exit_number else 1
        refused = change > 0 and self._threads[listener] >= THREADS
        error, flags = (-errno.EAGAIN, 0) if refused else (0, _CONTINUE)
        try:
            fcntl.ioctl(listener, _SEND, _ANSWER.pack(number, 0, error, flags))
        except OSError:  # as above, or a signal interrupted it and it will ask again
            return
        if not refused:
            self._threads[listener] += change


def announce(handoff: int, listener: int) -> None:
    """In a worker: give the zygote what its thread filter reports to."""
    with socket.socket(fileno=os.dup(handoff)) as line:
        socket.send_fds(line, [str(os.getpid()).encode()], [listener])
