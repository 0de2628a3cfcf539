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
_CAPABILITY_VERSION_3 = 0x20080522


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
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _libc.capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


class Confinement:
    """What every worker of one zygote gets. readable: the only paths that may be read; None: no Landlock.

    bpf: the compiled system call filter; empty: no seccomp.  nodes: device files that may be opened and controlled.
    """

    def __init__(self, readable: list[str] | None, bpf: bytes, nodes: Sequence[str] = ()) -> None:
        self.bpf = bpf
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

    def restrict_process(self, address_space: int | None, cpu: int, processes: int, files: int) -> None:
        """address_space: bytes; None: no bound.  cpu: seconds of processor time.  files: open at a time.

        processes: of this user, threads included.
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
            hard = soft + (limit == resource.RLIMIT_CPU)  # SIGXCPU first, then SIGKILL
            resource.setrlimit(limit, (soft, hard))
        if self.bpf:
            program = _Program(len(self.bpf) // 8, self.bpf)
            _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
