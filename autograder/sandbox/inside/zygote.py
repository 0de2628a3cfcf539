"""Imports torch once, then forks one confined worker per request. Holds no secret, runs no student code.

Control messages (SOCK_SEQPACKET, JSON, file descriptors beside them). On the socket given at the start:
``{"op": "connect"}`` + a socket: a further client, no answer. On a client's socket:
``{"op": "spawn", ...limits}`` + a worker's socket -> ``{"pid"}`` + a pidfd; ``{"op": "end", "pid"}`` kills and reaps a
worker -> ``{"status", "cpu"}``: exit status (negative: signal) and seconds of processor time. When a client's socket
closes, its workers are killed; when the first socket closes, everything ends.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import signal
import socket
import sys
from typing import Any

from autograder.sandbox.inside import confine, pages, threads
from autograder.sandbox.inside.ahead import import_ahead
from autograder.sandbox.inside.warm import warm

WORKER_FD, HANDOFF_FD = 3, 4


def main(control_fd: int, options: dict[str, Any]) -> None:
    """Get ready, announce it, serve."""
    parent = os.getppid()
    confine.die_with_parent(parent)
    if options["drop"] == "first":  # so that a torch that nobody can read fails here and not in a worker
        confine.give_up_root()
    warm(options["quick"] and options["drop"] != "last")
    if options["drop"] == "last":
        import_ahead()
    confinement = confine.Confinement(
        options["readable"],
        bytes.fromhex(options["bpf"]),
        options["nodes"],
        bytes.fromhex(options["thread_bpf"]),
        options["system_calls"]["seccomp"],
    )
    if options["drop"] == "last":  # an interpreter below a private home can be read until here
        confine.give_up_root()
    elif options["drop"] == "capabilities":
        confine.give_up_capabilities()
    confine.die_with_parent(parent)  # forgotten by the kernel when the uid changed
    gc.collect()
    gc.disable()
    if not options["quick"]:
        pages.collapse()
    gc.freeze()
    control = socket.socket(fileno=control_fd)
    me = os.pidfd_open(os.getpid())
    socket.send_fds(control, [b"ready"], [me])
    os.close(me)
    Zygote(control, confinement, options["system_calls"]["exit"]).serve()


class Zygote:
    """Serves the clients until the first socket closes."""

    def __init__(self, control: socket.socket, confinement: confine.Confinement, exit_number: int) -> None:
        self.control, self.confinement = control, confinement
        self.clients: dict[int, tuple[socket.socket, set[int]]] = {}
        self.watch = threads.Watch()
        self.watch.add(control.fileno())
        self.threads = threads.ThreadCounts(self.watch, exit_number)
        self.pid = os.getpid()

    def serve(self) -> None:
        """One message at a time."""
        for fd, event in self.watch.events():
            if fd == self.control.fileno():
                message, fds, _, _ = socket.recv_fds(self.control, 100, 1)
                if not message:
                    return
                self._connect(socket.socket(fileno=fds[0]))
            elif self.threads.serves(fd):
                self.threads.serve(fd, event)
            else:
                self._serve_client(*self.clients[fd])

    def _connect(self, client: socket.socket) -> None:
        self.clients[client.fileno()] = client, set()
        self.watch.add(client.fileno())

    def _serve_client(self, client: socket.socket, workers: set[int]) -> None:
        try:
            message, fds, _, _ = socket.recv_fds(client, 4096, 1)
            if message:
                request = json.loads(message)
                if request["op"] == "spawn":
                    self._spawn(client, workers, request, fds[0])
                else:
                    client.send(json.dumps(self._end(workers, request["pid"])).encode())
                return
        except ConnectionError:
            pass
        for pid in tuple(workers):  # the client is gone
            self._end(workers, pid)
        self.watch.remove(client.fileno())
        del self.clients[client.fileno()]
        client.close()

    def _end(self, workers: set[int], pid: int) -> dict[str, float]:
        os.kill(pid, signal.SIGKILL)  # not yet reaped, so the number is still this worker's
        _, status, usage = os.wait4(pid, 0)
        workers.discard(pid)
        self.threads.forget(pid)
        return {"status": os.waitstatus_to_exitcode(status), "cpu": usage.ru_utime + usage.ru_stime}

    def _spawn(self, client: socket.socket, workers: set[int], request: dict[str, Any], fd: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_worker(fd, request)
        os.close(fd)
        workers.add(pid)
        pidfd = os.pidfd_open(pid)
        socket.send_fds(client, [json.dumps({"pid": pid}).encode()], [pidfd])
        os.close(pidfd)

    def _become_worker(self, fd: int, request: dict[str, Any]) -> None:
        """Keep the one socket, confine, serve, exit; nothing of the zygote's loop may run here."""
        status = 70
        try:
            from autograder.sandbox.inside import wire
            from autograder.sandbox.inside.channel import GREETING_BYTES, READY, Channel
            from autograder.sandbox.inside.worker import Worker

            try:
                self._confine(fd, request)
            except Exception as error:  # a fault, and the grader wants to know why
                os.write(fd, f"{type(error).__name__}: {error}".encode()[:GREETING_BYTES].ljust(GREETING_BYTES))
                return
            os.write(WORKER_FD, READY.ljust(GREETING_BYTES))
            Worker(Channel(WORKER_FD, wire.TO_WORKER), request["reply"], request["callback"]).serve()
            status = 0
        finally:
            os._exit(status)

    def _confine(self, fd: int, request: dict[str, Any]) -> None:
        """Afterwards the worker's socket is the only open file, as WORKER_FD."""
        handoff = fcntl.fcntl(self.threads.handoff, fcntl.F_DUPFD, HANDOFF_FD)
        confine.die_with_parent(self.pid)
        null = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        self.confinement.restrict_files()
        os.dup2(fd, WORKER_FD)  # only now: the rules of restrict_files are a file descriptor, too
        os.dup2(handoff, HANDOFF_FD)
        os.closerange(HANDOFF_FD + 1, 1 << 20)
        sys.argv[:] = [""]
        gc.enable()
        limits = {name: request[name] for name in ("address_space", "cpu", "processes", "files")}
        listener = self.confinement.report_threads()
        if listener is not None:
            threads.announce(HANDOFF_FD, listener)
            os.close(listener)
            limits["processes"] = confine.MANY_PROCESSES
        os.close(HANDOFF_FD)
        self.confinement.restrict_process(**limits)
