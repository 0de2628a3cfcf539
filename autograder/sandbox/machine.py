"""What stands in the way of a stronger sandbox on this machine, in sentences that say what to do.

The facts are gathered apart from the sentences, so that every machine's explanation can be tested on any other.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path

_SETTINGS = {
    "apparmor": "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "clone": "/proc/sys/kernel/unprivileged_userns_clone",
    "namespaces": "/proc/sys/user/max_user_namespaces",
    "modules": "/sys/kernel/security/lsm",
    "status": "/proc/self/status",
}
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")
_CONTAINER_VARIABLES = ("KUBERNETES_SERVICE_HOST", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "container")


@dataclasses.dataclass(frozen=True)
class Machine:
    """system: as sys.platform.  settings: the kernel's, by the names above; absent where it has none."""

    system: str = "linux"
    root: bool = False
    container: bool = False
    github: bool = False
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def lacks_seccomp(self) -> bool:
        """Whether the kernel was built without it."""
        return "Seccomp:" not in self.settings.get("status", "Seccomp:")


def this_machine() -> Machine:
    """The facts as they are here and now."""
    return Machine(
        system=sys.platform,
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        container=any(map(os.path.exists, _CONTAINER_FILES)) or any(map(os.environ.get, _CONTAINER_VARIABLES)),
        github=os.environ.get("GITHUB_ACTIONS") == "true",
        settings={name: text for name, path in _SETTINGS.items() if (text := _read(path)) is not None},
    )


def not_linux(machine: Machine) -> str:
    """Where there is no sandbox at all."""
    if machine.system == "darwin":
        name, way = "macOS", "in a Linux container (Docker Desktop, OrbStack) or virtual machine (Lima, Multipass)"
    elif machine.system == "win32":
        name, way = "Windows", "in WSL 2: run 'wsl --install' once, then install autograder inside it"
    else:
        name, way = machine.system, "on Linux, or in a Linux virtual machine"
    return f"Sandbox: {name} has none of its layers. 'autograder check' works here, for your own work; grade {way}."


def no_bubblewrap() -> str:
    """The program is missing."""
    return (
        "bubblewrap: the program bwrap is not installed. Install it: sudo apt install bubblewrap, or sudo dnf install "
        "bubblewrap; on a cluster ask for it, or take it from conda-forge (conda install -c conda-forge bubblewrap)."
    )


def bubblewrap_fails(machine: Machine, output: str) -> str:
    """The program does not get its namespaces. output: what it wrote."""
    settings = machine.settings
    if settings.get("namespaces") == "0":
        why = (
            "user namespaces are off (usual on the nodes of clusters). An administrator runs: sysctl -w "
            "user.max_user_namespaces=10000."
        )
    elif machine.container:
        why = (
            "this container may not make namespaces (Docker's default profile forbids it). Start it with "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt "
            "systempaths=unconfined, or with --privileged."
        )
    elif settings.get("apparmor") == "1" and not machine.root:
        why = "AppArmor keeps ordinary users from making user namespaces (the default since Ubuntu 23.10). " + (
            "Add a step to the workflow: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0."
            if machine.github
            else "Give bwrap a profile: an administrator writes 'abi <abi/4.0>, include <tunables/global> profile "
            "bwrap /usr/bin/bwrap flags=(unconfined) { userns, }' to /etc/apparmor.d/bwrap and runs systemctl reload "
            "apparmor."
        )
    elif settings.get("clone") == "0" and not machine.root:
        why = "user namespaces are off for users. An administrator runs: sysctl -w kernel.unprivileged_userns_clone=1."
    else:
        lines = output.strip().splitlines()
        why = f"bwrap fails with: {lines[-1][:300] if lines else 'no message'}."
    return f"bubblewrap: {why}"


def bubblewrap_hangs() -> str:
    """The program does not come back."""
    return "bubblewrap: bwrap did not start within a minute. Try it by hand: bwrap --ro-bind / / true."


def no_landlock_package() -> str:
    """The Python package is missing."""
    return "Landlock: the package landlockpy is missing. Install it: pip install landlockpy."


def no_landlock(machine: Machine) -> str:
    """The kernel answers that there is none."""
    modules = machine.settings.get("modules", "")
    if modules and "landlock" not in modules.split(","):
        return f"Landlock: it is not switched on. Add it to the boot option: lsm=landlock,{modules}."
    if machine.container:
        return (
            "Landlock: this container's filter hides it, or the kernel is older than Linux 5.13. Use a newer Docker or "
            "Podman (their default profiles let it pass), or --security-opt seccomp=unconfined."
        )
    return "Landlock: the kernel does not offer it. Use Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK."


def no_libseccomp(error: BaseException) -> str:
    """The library that compiles the filter, or its Python package, is missing."""
    return (
        f"seccomp: libseccomp cannot be used ({type(error).__name__}: {error}). Install it: sudo apt install "
        "libseccomp2 (or sudo dnf install libseccomp), and pip install pyseccomp."
    )


def no_seccomp(machine: Machine) -> str:
    """The kernel, or what watches over this process, refuses filters."""
    if machine.lacks_seccomp:
        return "seccomp: the kernel was built without it. Use a kernel with CONFIG_SECCOMP_FILTER."
    where = "this container's runtime (gVisor, for one)" if machine.container else "whoever started this process"
    return f"seccomp: {where} refuses system call filters. Run on the machine itself, or in another container."


def private_interpreter(folder: Path) -> str:
    """Root grades without bubblewrap, with a Python that only root can read."""
    return (
        f"Python lies in {folder}, which only root can enter, and workers give up root: a submission can import the "
        "standard library, torch and numpy, but not every rarely used part of them. Install bubblewrap, or a Python "
        "for all users, or grade as an ordinary user."
    )


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
