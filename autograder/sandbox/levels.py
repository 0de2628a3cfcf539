"""How strongly this machine can confine untrusted code, and what is missing for more."""

from __future__ import annotations

import dataclasses
import enum
import functools
import os
import subprocess
import sys
from pathlib import Path

from autograder.sandbox import mounts, policy


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


@dataclasses.dataclass(frozen=True)
class Probe:
    """The best level here, and one sentence for each thing that is missing: what, why, how to get it."""

    level: Level
    missing: tuple[str, ...]


@functools.cache
def probe() -> Probe:
    """Try each layer for real, once in this process (about 0.1 s)."""
    bubblewrap, landlock, seccomp = _try_bubblewrap(), _try_landlock(), _try_seccomp()
    level = Level.PLAIN
    if not seccomp and not (bubblewrap and landlock):
        level = Level.LANDLOCK if bubblewrap else Level.BUBBLEWRAP if landlock else Level.FULL
    return Probe(level, tuple(reason for reason in (bubblewrap, landlock, seccomp) if reason))


def _try_bubblewrap() -> str:
    """The reason why it does not work, or ""."""
    if sys.platform != "linux":
        return f"bubblewrap: it needs Linux, and this is {sys.platform}. Grade in a Linux container or virtual machine."
    try:
        command, _ = mounts.bubblewrap_command()
    except FileNotFoundError:
        install = "sudo apt install bubblewrap, or sudo dnf install bubblewrap"
        return f"bubblewrap: the program bwrap is not installed. Install it: {install}."
    try:
        trial = subprocess.run(
            [*command[:-1], "-c", "pass"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "bubblewrap: bwrap did not start within a minute."
    if trial.returncode == 0:
        return ""
    return f"bubblewrap: {_why_no_namespaces(trial.stderr.strip().splitlines())}"


def _why_no_namespaces(output: list[str]) -> str:
    if _setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" and os.geteuid():
        return (
            "AppArmor keeps ordinary users from making user namespaces (the default since Ubuntu 23.10). Give bwrap a "
            "profile: an administrator writes 'abi <abi/4.0>, include <tunables/global> profile bwrap /usr/bin/bwrap "
            "flags=(unconfined) { userns, }' to /etc/apparmor.d/bwrap and runs systemctl reload apparmor."
        )
    if _setting("/proc/sys/kernel/unprivileged_userns_clone") == "0" and os.geteuid():
        return "user namespaces are off for users. An administrator runs: sysctl kernel.unprivileged_userns_clone=1."
    if _setting("/proc/sys/user/max_user_namespaces") == "0":
        return "user namespaces are off. An administrator runs: sysctl user.max_user_namespaces=10000."
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "this container may not make namespaces. Start it with --security-opt seccomp=unconfined --security-opt "
            "apparmor=unconfined --security-opt systempaths=unconfined, or with --privileged."
        )
    return f"bwrap fails with: {output[-1][:300] if output else 'no message'}."


def _setting(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _try_landlock() -> str:
    try:
        import landlockpy
    except ImportError:
        return "Landlock: the package landlockpy is missing. Install it: pip install landlockpy."
    if landlockpy.abi_version() > 0:
        return ""
    return (
        "Landlock: the kernel does not offer it (Linux 5.13 has it, if it is built in and not left out of the boot "
        "option lsm=; a container's filter may hide it). Use a newer kernel, or add landlock to lsm=."
    )


def _try_seccomp() -> str:
    try:
        policy.compile_filter()
    except (ImportError, OSError, RuntimeError) as error:
        return (
            f"seccomp: libseccomp cannot be used ({type(error).__name__}: {error}). Install it: sudo apt install "
            "libseccomp2 and pip install pyseccomp."
        )
    except Exception as error:
        return f"seccomp: the filter cannot be compiled for this processor ({type(error).__name__}: {error})."
    if "Seccomp:" not in _setting("/proc/self/status"):
        return "seccomp: the kernel was built without it. Use a kernel with CONFIG_SECCOMP_FILTER."
    return ""
