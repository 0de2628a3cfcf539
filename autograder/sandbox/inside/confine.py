"""A worker's confinement of itself: limits, Landlock, seccomp. Irreversible.

A Confinement is made once in the zygote and applied in each fresh worker while it is single-threaded.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 1, 22, 38, 2
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
_CAPABILITY_VERSION_3 = 0x20080522
MANY_PROCESSES = 8192  # of a user, where something else bounds a worker's threads


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_char_p))


_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(*arguments: Any) -> None:
    if _libc.prctl(*arguments):
        raise OSError(ctypes.get_errno(), f"prctl {arguments[0]}")


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent ends; end now if it already has. Repeat after a change of uid."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def give_up_root(uid: int = 65534) -> None:
    """Become nobody, for good: no saved uid, no groups, no capabilities. Root is exempt from RLIMIT_NPROC."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)  # clears all capabilities but the inheritable ones
    give_up_capabilities()


def give_up_capabilities() -> None:
    """All of them, for good."""
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


class Confinement:
    """What every worker of one zygote gets. readable: the only paths that may be read; None: no Landlock.

    bpf: the compiled system call filter; empty: no seccomp.  nodes: device files that may be opened and controlled.
    thread_bpf: the filter that reports threads; empty: none.  seccomp_number: of the system call that loads it.
    """

    def __init__(
        self,
        readable: list[str] | None,
        bpf: bytes,
        nodes: Sequence[str] = (),
        thread_bpf: bytes = b"",
        seccomp_number: int = 0,
    ) -> None:
        self.bpf, self.thread_bpf, self.seccomp_number = bpf, thread_bpf, seccomp_number
        self.ruleset: Any = None
        if readable is not None:
            import landlockpy

            rights = landlockpy.AccessFS
            self.ruleset = landlockpy.Ruleset(scoped=landlockpy.scope_for_abi(landlockpy.abi_version()))
            for path in filter(os.path.exists, readable):
                folder = rights.READ_DIR if Path(path).is_dir() else rights.NONE
                self.ruleset.allow_path(path, rights.READ_FILE | folder)
            for node in nodes:
                self.ruleset.allow_path(node, rights.READ_FILE | rights.WRITE_FILE | rights.IOCTL_DEV)

    def restrict_files(self) -> None:
        """Only the readable paths from here on; Landlock also forbids TCP and signals to others."""
        if self.ruleset is not None:
            self.ruleset.restrict()

    def report_threads(self) -> int | None:
        """From here on, starting and ending a thread waits for who listens. -> where; None where that cannot be."""
        if not self.thread_bpf:
            return None
        _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        program = _Program(len(self.thread_bpf) // 8, self.thread_bpf)
        arguments = _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_NEW_LISTENER, ctypes.byref(program)
        listener = _libc.syscall(self.seccomp_number, *arguments)
        return None if listener < 0 else listener  # an old kernel, or another supervisor around this one

    def restrict_process(self, address_space: int | None, cpu: int, processes: int, files: int) -> None:
        """address_space: bytes; None: no bound.  cpu: seconds of processor time.  files: open at a time.

        processes: of this user, threads included. Where the machine allows less of something, that is kept.
        """
        limits = {
            resource.RLIMIT_AS: resource.RLIM_INFINITY if address_space is None else address_space,
            resource.RLIMIT_CPU: cpu,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_NOFILE: files,
            resource.RLIMIT_NPROC: processes,
            resource.RLIMIT_MEMLOCK: 0,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_SIGPENDING: 64,
        }
        for limit, soft in limits.items():
            hard = soft if soft == resource.RLIM_INFINITY else soft + (limit == resource.RLIMIT_CPU)
            allowed = resource.getrlimit(limit)[1]
            if allowed != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or hard > allowed):
                soft = hard = allowed
            resource.setrlimit(limit, (soft, hard))  # of processor time: SIGXCPU first, then SIGKILL
        if self.bpf:
            program = _Program(len(self.bpf) // 8, self.bpf)
            _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
