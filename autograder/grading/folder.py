"""A folder of files nobody vouches for, on disk or in an archive. Looking into it follows no link, writes nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from autograder.grading.names import RefusedError, is_debris

MEBI = 1 << 20

Read = Callable[[int], bytes]
"""Reads a whole file of at most so many bytes; raises RefusedError."""

_ENTRIES_LISTED = 20_000
_CHUNK = 1 << 16
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = {
    stat.S_IFLNK: "a link is not followed.",
    stat.S_IFIFO: "a pipe is not read.",
    stat.S_IFSOCK: "a socket is not read.",
    stat.S_IFCHR: "a device is not read.",
    stat.S_IFBLK: "a device is not read.",
}


@dataclasses.dataclass
class Folder:
    """What a folder holds, by name; debris is left out.

    folders: looked into on demand.  refused: name -> why.  notes: sentences about the folder itself.
    """

    files: dict[str, Read] = dataclasses.field(default_factory=dict)
    folders: dict[str, Callable[[], Folder]] = dataclasses.field(default_factory=dict)
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.files or self.folders or self.refused or self.notes)


def on_disk(root: Path, parts: tuple[str, ...] = ()) -> Folder:
    """The folder at root/parts. One that cannot be opened is empty, with a note."""
    folder = Folder()
    try:
        with (
            _opened(root, parts, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)) as descriptor,
            _scan(descriptor, root, parts) as entries,
        ):
            for entry in itertools.islice(entries, _ENTRIES_LISTED):
                if not is_debris(entry.name):
                    _place(folder, entry, root, parts)
            if next(entries, None):
                folder.notes.append(f"The folder holds more than {_ENTRIES_LISTED} entries; the rest was left out.")
    except OSError as error:
        folder.notes.append(f"The folder could not be looked into: {error.strerror}.")
    return folder


@contextlib.contextmanager
def open_file(root: Path, parts: tuple[str, ...]) -> Iterator[BinaryIO]:
    """The regular file at root/parts, open for reading; RefusedError if it is anything else."""
    try:
        with _opened(root, parts, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)) as descriptor:
            if reason := _refusal(os.fstat(descriptor)):
                raise RefusedError(reason)
            with open(descriptor, "rb", closefd=False) as file:
                yield file
    except OSError as error:
        raise RefusedError(f"it could not be read: {error.strerror}.") from None


def read_one(path: Path) -> Folder:
    """A folder that holds just the one file at ``path``."""
    root = path.parent.resolve()
    try:
        reason = _refusal(path.lstat())
    except OSError as error:
        reason = f"it could not be read: {error.strerror}."
    if reason:
        return Folder(refused={path.name: reason})
    return Folder(files={path.name: functools.partial(_read, root, (path.name,))})


def read_bounded(file: IO[bytes], limit: int) -> bytes:
    """All of ``file``, in chunks, counting what really comes; RefusedError beyond ``limit`` bytes."""
    data = bytearray()
    while chunk := file.read(_CHUNK):
        data += chunk
        if len(data) > limit:
            raise RefusedError(f"a file of more than {limit // MEBI} MiB is not read.")
    return bytes(data)


def refused_kind(mode: int) -> str:
    """Why a file of that mode is not read; "" for a regular one."""
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "only plain files are read.")


def _place(folder: Folder, entry: os.DirEntry[str], root: Path, parts: tuple[str, ...]) -> None:
    status = entry.stat(follow_symlinks=False)
    path = (*parts, entry.name)
    if stat.S_ISDIR(status.st_mode):
        folder.folders[entry.name] = functools.partial(on_disk, root, path)
    elif reason := _refusal(status):
        folder.refused[entry.name] = reason
    else:
        folder.files[entry.name] = functools.partial(_read, root, path)


def _refusal(status: os.stat_result) -> str:
    if reason := refused_kind(status.st_mode):
        return reason
    if status.st_nlink > 1:
        # A hard link shows the grader a file that the student may not even read (a solution, another's work).
        return "a file with several names (hard links) is not read; replace it by a plain copy."
    return ""


def _read(root: Path, parts: tuple[str, ...], limit: int) -> bytes:
    with open_file(root, parts) as file:
        return read_bounded(file, limit)


def _scan(descriptor: int, root: Path, parts: tuple[str, ...]) -> os._ScandirIterator[str]:
    return os.scandir(descriptor) if os.scandir in os.supports_fd else os.scandir(root.joinpath(*parts))


@contextlib.contextmanager
def _opened(root: Path, parts: tuple[str, ...], flags: int) -> Iterator[int]:
    """A descriptor of root/parts, opened one component at a time so that none can be exchanged for a link meanwhile."""
    if os.open not in os.supports_dir_fd:  # Windows: only a student's own check runs there
        descriptor = os.open(root.joinpath(*parts), flags | getattr(os, "O_BINARY", 0))
    else:
        steps = [os.O_RDONLY | os.O_DIRECTORY] * len(parts) + [flags]
        descriptor = os.open(root, steps[0] | _NO_FOLLOW)
        for name, step in zip(parts, steps[1:], strict=True):
            try:
                inner = os.open(name, step | _NO_FOLLOW, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
    try:
        yield descriptor
    finally:
        os.close(descriptor)
