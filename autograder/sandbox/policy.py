"""The system calls of a worker, compiled by libseccomp on the trusted side; a worker only loads the result."""

from __future__ import annotations

import errno
import functools
import tempfile
from typing import Any

# What CPython and torch on the CPU need once everything is imported. All else answers EPERM.
ALLOWED = """
read readv write writev pread64 lseek close fstat newfstatat stat lstat statx access faccessat faccessat2
openat open getdents64 readlink readlinkat getcwd fcntl dup
mmap munmap mprotect mremap madvise brk
futex set_robust_list rseq sched_yield sched_getaffinity membarrier
clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time
rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
getpid gettid getppid getuid geteuid getgid getegid getrandom uname sysinfo getrusage times
poll ppoll select pselect6 exit exit_group restart_syscall get_mempolicy getcpu
"""
_CLONE_THREAD = 0x10000
_CLONE_NAMESPACES = 0x7E020080
_THREAD = _CLONE_THREAD | _CLONE_NAMESPACES, _CLONE_THREAD
_PR_SET_NAME = 15
_TCGETS = 0x5401


@functools.cache
def compile_filter(further: str = "") -> bytes:
    """The filter as a BPF program.  further: system calls that are allowed, too.

    Raises ImportError or OSError where libseccomp is missing.
    """
    import pyseccomp as seccomp  # type: ignore[import-untyped]

    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in sorted({*ALLOWED.split(), *further.split()}):
        rules.add_rule(seccomp.ALLOW, name)
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags lie in memory; libc falls back to clone
    rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, *_THREAD))
    own, read_only = seccomp.Arg(0, seccomp.EQ, 0), seccomp.Arg(2, seccomp.EQ, 0)
    rules.add_rule(seccomp.ALLOW, "prlimit64", own, read_only)
    rules.add_rule(seccomp.ALLOW, "prctl", seccomp.Arg(0, seccomp.EQ, _PR_SET_NAME))
    rules.add_rule(seccomp.ALLOW, "ioctl", seccomp.Arg(1, seccomp.EQ, _TCGETS))  # isatty
    return _program(rules)


@functools.cache
def compile_thread_filter() -> bytes:
    """The filter that reports when a thread is to start or ends and lets all else pass; b"" if it cannot be made."""
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    try:
        rules.add_rule(seccomp.NOTIFY, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, *_THREAD))
        rules.add_rule(seccomp.NOTIFY, "exit")
    except (OSError, RuntimeError):  # libseccomp before 2.5, or a kernel before 5.0
        return b""
    return _program(rules)


def system_call(name: str) -> int:
    """Its number on this machine; -1 where libseccomp is missing."""
    try:
        import pyseccomp as seccomp
    except (ImportError, OSError, RuntimeError):
        return -1
    return int(seccomp.resolve_syscall(seccomp.Arch.NATIVE, name))


def _program(rules: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
