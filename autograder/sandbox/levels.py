"""How strongly this machine can confine untrusted code, and what is missing for more."""

from __future__ import annotations

import ctypes
import dataclasses
import enum
import errno
import functools
import subprocess

from autograder.sandbox import machine, mounts, policy

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


class Level(enum.StrEnum):
    """Strongest first. Untrusted work needs seccomp and one of the other two; PLAIN only limits resources."""

    FULL = "bubblewrap+landlock+seccomp"
    LANDLOCK = "landlock+seccomp"
    BUBBLEWRAP = "bubblewrap+seccomp"
    PLAIN = "plain"

    @property
    def bubblewrap(self) -> bool:
        """Own file system, process numbers and network."""
        return self in (Level.FULL, Level.BUBBLEWRAP)

    @property
    def landlock(self) -> bool:
        """File rules, set by each worker for itself."""
        return self in (Level.FULL, Level.LANDLOCK)

    @property
    def confines(self) -> bool:
        """Whether other people's code may run here: seccomp and one of the other two."""
        return self is not Level.PLAIN

    @property
    def seccomp(self) -> bool:
        """A list of allowed system calls."""
        return self is not Level.PLAIN

    @property
    def lacks(self) -> str:
        """What it does not keep from a submission, as a sentence; "" for the strongest."""
        return _LACKS[self]


_LACKS = {
    Level.FULL: "",
    Level.LANDLOCK: "A submission can find out whether a file or a process exists, but neither read nor change it.",
    Level.BUBBLEWRAP: "There is one layer less behind the file system that a submission is shown.",
    Level.PLAIN: "Only time, memory and answers are bounded: the code may read, write and send what you may.",
}


@dataclasses.dataclass(frozen=True)
class Probe:
    """The best level here; one sentence for each thing that is missing: what, why, how to get it; what else to know."""

    level: Level
    missing: tuple[str, ...]
    notes: tuple[str, ...] = ()


@functools.cache
def probe() -> Probe:
    """Try each layer for real, once in this process (about 0.1 s)."""
    here = machine.this_machine()
    if here.system != "linux":
        return Probe(Level.PLAIN, (machine.not_linux(here),))
    bubblewrap, landlock, seccomp = _try_bubblewrap(here), _try_landlock(here), _try_seccomp(here)
    level = Level.PLAIN
    if not seccomp and not (bubblewrap and landlock):
        level = Level.LANDLOCK if bubblewrap else Level.BUBBLEWRAP if landlock else Level.FULL
    private = None if level.bubblewrap or not mounts.is_root() else mounts.private_folder()
    notes = () if private is None else (machine.private_interpreter(private),)
    return Probe(level, tuple(reason for reason in (bubblewrap, landlock, seccomp) if reason), notes)


def _try_bubblewrap(here: machine.Machine) -> str:
    """The reason why it does not work, or ""."""
    try:
        command, _ = mounts.bubblewrap_command()
        trial = subprocess.run(
            [*command[:-1], "-c", "pass"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=False,
        )
    except FileNotFoundError:
        return machine.no_bubblewrap()
    except subprocess.TimeoutExpired:
        return machine.bubblewrap_hangs()
    except OSError as error:
        return machine.bubblewrap_fails(here, str(error))
    return machine.bubblewrap_fails(here, trial.stderr) if trial.returncode else ""


def _try_landlock(here: machine.Machine) -> str:
    try:
        import landlockpy
    except ImportError:
        return machine.no_landlock_package()
    return "" if landlockpy.abi_version() > 0 else machine.no_landlock(here)


def _try_seccomp(here: machine.Machine) -> str:
    try:
        policy.compile_filter()
    except Exception as error:  # a missing package or library, or one that is too old for this processor
        return machine.no_libseccomp(error)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None)  # a kernel with filters misses the program: EFAULT
    return "" if ctypes.get_errno() == errno.EFAULT else machine.no_seccomp(here)
