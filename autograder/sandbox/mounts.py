"""What a sandbox can see: the interpreter, torch and what it requires, the files of ``inside``, and nothing else."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from autograder.sandbox.profiles import CPU, Profile

INSIDE = Path(__file__).resolve().parent / "inside"
DISTRIBUTIONS = ("torch", "numpy", "msgspec", "landlockpy")
SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/lib", "/lib64", "/etc/ld.so.cache")
PROCESSOR = ("/proc/cpuinfo", "/sys/devices/system/cpu")
"""Without these torch picks its slow kernels, whose results differ in the last digits."""
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "TORCH_COMPILE_DISABLE": "1",
    "TORCHINDUCTOR_CACHE_DIR": "/",  # never written to, but torch._dynamo cannot be imported without a folder
    "PATH": "/usr/bin",
    "HOME": "/",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the order of a set of texts is the same in every run, and so is what is computed in it
    "LD_LIBRARY_PATH": str(Path(sys.base_prefix).resolve() / "lib"),
}
_PACKAGES, _PROJECT = Path("/packages"), Path("/project/inside")


def environment(profile: Profile = CPU) -> dict[str, str]:
    """The variables of a zygote; nothing of the grader's own."""
    libraries = [ENVIRONMENT["LD_LIBRARY_PATH"], *profile.libraries]
    return {**ENVIRONMENT, **profile.environment, "LD_LIBRARY_PATH": ":".join(libraries)}


@functools.cache
def packages() -> tuple[Path, ...]:
    """Top-level files and folders of the distributions and of all they require, as absolute paths."""
    todo, seen = list(DISTRIBUTIONS), set()
    found: set[Path] = set()
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        plain = (requirement for requirement in distribution.requires or () if "extra ==" not in requirement)
        todo += [re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0] for requirement in plain]
        root = Path(str(distribution.locate_file(""))).resolve()
        tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        found |= {root / top for top in tops if (root / top).exists()}
    return tuple(sorted(found))


NOBODY = 65534


def is_root() -> bool:
    """Whether this process may become nobody. Root of a user namespace without that user is an ordinary user."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    try:
        maps = [Path(f"/proc/self/{kind}_map").read_text().split("\n") for kind in ("uid", "gid")]
        may_drop_groups = Path("/proc/self/setgroups").read_text().strip() != "deny"
    except OSError:
        return True
    ranges = [[tuple(map(int, line.split())) for line in lines if line] for lines in maps]
    mapped = all(any(first <= NOBODY < first + count for first, _, count in part) for part in ranges)
    return mapped and may_drop_groups


@functools.cache
def private_folder() -> Path | None:
    """The topmost folder that others may not enter on the way to what a zygote imports; None: there is none."""
    for path in (Path(sysconfig.get_path("stdlib")).resolve(), INSIDE, *packages()):
        for folder in (*reversed(path.parents), path):
            if not folder.stat().st_mode & 0o001 and folder.is_dir():
                return folder
    return None


def plain_command(profile: Profile = CPU) -> tuple[list[str], list[str]]:
    """Without bubblewrap: (command line up to the zygote's arguments, paths that Landlock leaves readable)."""
    readable = [*SYSTEM, *PROCESSOR, sysconfig.get_path("stdlib"), str(INSIDE), "/dev/null", "/dev/urandom"]
    return [sys.executable, "-s", "-P", "-S", str(INSIDE / "__main__.py")], [
        *readable,
        *map(str, packages()),
        *profile.present_files(),
    ]


def package_folders(bubblewrap: bool) -> list[str]:
    """What the zygote appends to sys.path."""
    return [str(_PACKAGES)] if bubblewrap else sorted({str(path.parent) for path in packages()})


@functools.cache
def _bubblewrap() -> tuple[str, bool]:
    """Its path, and whether it can forbid further user namespaces."""
    path = shutil.which("bwrap")
    if path is None:
        raise FileNotFoundError("bubblewrap (bwrap) is not installed")
    usage = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
    return path, "--disable-userns" in usage.stdout + usage.stderr


def bubblewrap_command(profile: Profile = CPU) -> tuple[list[str], list[str]]:
    """With it: (command line up to the zygote's arguments, paths that Landlock leaves readable).

    Raises FileNotFoundError where it is not installed.
    """
    bwrap, can_disable_userns = _bubblewrap()
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    python = Path(sys.executable).resolve()
    command = [bwrap, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    if is_root():
        # Root mounts, so that an interpreter below a private home can be seen; then the zygote becomes nobody for good.
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user", "--uid", "65534", "--gid", "65534"] + ["--disable-userns"] * can_disable_userns
    for name, value in environment(profile).items():
        command += ["--setenv", name, value]
    # Mounted by root, parents that bubblewrap makes on its own come out 0700, and nobody could not enter them.
    own = [*map(Path, (*profile.present_nodes(), *profile.present_files()))]
    places = [python, standard, *map(Path, (*SYSTEM, *PROCESSOR)), _PACKAGES / "x", _PROJECT, Path("/dev/null"), *own]
    parents = {parent for place in places for parent in place.parents} - {Path("/"), *map(Path, SYSTEM)}
    for parent in sorted(parents, key=lambda parent: len(parent.parts)):
        command += ["--perms", "0755", "--dir", str(parent)]
    for path in SYSTEM:
        link = Path(path).readlink() if Path(path).is_symlink() else None
        command += ["--symlink", str(link), path] if link else ["--ro-bind-try", path, path]
    for part in (python, standard, *Path(sys.base_prefix, "lib").resolve().glob("libpython3*.so*")):
        command += ["--ro-bind", str(part), str(part)]
    if (standard / "site-packages").is_dir():  # the base installation's packages are nobody's business
        command += ["--tmpfs", str(standard / "site-packages"), "--remount-ro", str(standard / "site-packages")]
    for package in packages():
        command += ["--ro-bind", str(package), str(_PACKAGES / package.name)]
    command += ["--ro-bind", str(INSIDE), str(_PROJECT)]
    for path in ("/dev/null", "/dev/urandom", *profile.present_nodes()):
        command += ["--dev-bind", path, path]
    for path in (*PROCESSOR, *profile.present_files()):
        command += ["--ro-bind-try", path, path]
    command += ["--perms", "0755", "--dir", "/sandbox", "--chdir", "/sandbox", "--remount-ro", "/"]
    command += [str(python), "-s", "-P", "-S", str(_PROJECT / "__main__.py")]
    readable = [*SYSTEM, *PROCESSOR, str(standard), str(_PACKAGES), str(_PROJECT), "/dev/null", "/dev/urandom"]
    return command, readable + profile.present_files()
