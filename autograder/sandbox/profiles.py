"""What a kind of work may have beyond the usual: named, so that a result can say how it was confined.

A GPU needs its driver's device nodes, which no filter can look into, address space without a bound (the driver reserves
terabytes), and more system calls. That is weaker: the driver is a large kernel surface, the memory of a worker is
bounded by the machine alone, and work on the device outlives no worker but is not counted. So only the one property
that needs the device runs in this profile; all others stay in workers without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

BOUNDED_FILES, CUDA_FILES = 32, 1024
_CUDA_CALLS = """
ioctl eventfd2 pipe2 memfd_create ftruncate fallocate statfs fstatfs mincore msync mlock munlock mbind set_mempolicy
sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min sched_setaffinity
epoll_create1 epoll_ctl epoll_wait epoll_pwait fsync capget
"""


@dataclasses.dataclass(frozen=True)
class Profile:
    """nodes: device files it opens (patterns).  readable: further files it reads (patterns).
    calls: further system calls.  bounded: whether the address space has a bound.  files: open at a time.
    environment: further variables.  libraries: further folders of shared libraries.
    """

    name: str
    nodes: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    calls: str = ""
    bounded: bool = True
    files: int = BOUNDED_FILES
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    libraries: tuple[str, ...] = ()

    def present_nodes(self) -> list[str]:
        """The device files of this machine."""
        return _present(self.nodes)

    def present_files(self) -> list[str]:
        """The further readable files of this machine."""
        return _present(self.readable)


def _present(patterns: Sequence[str]) -> list[str]:
    return sorted(str(path) for pattern in patterns for path in Path("/").glob(pattern.removeprefix("/")))


CPU = Profile("cpu")
CUDA = Profile(
    "cuda",
    nodes=("/dev/nvidiactl", "/dev/nvidia[0-9]*", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"),
    readable=(
        "/proc/driver/nvidia",
        "/proc/devices",
        "/proc/modules",
        "/sys/bus/pci/devices",
        "/sys/devices/pci*",
        "/sys/devices/system/node",
        "/sys/module/nvidia*",
        "/usr/local/nvidia",
        "/usr/local/cuda*/lib64",
    ),
    calls=_CUDA_CALLS,
    bounded=False,
    files=CUDA_FILES,
    environment={"CUDA_CACHE_DISABLE": "1"},  # there is nowhere to keep compiled kernels
    libraries=("/usr/local/nvidia/lib64",),
)
PROFILES = {profile.name: profile for profile in (CPU, CUDA)}
