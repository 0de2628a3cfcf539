"""A .zip or .tar archive as a Folder, read in place with the standard library's zipfile and tarfile.

Nothing is unpacked to disk. Sizes are counted on the bytes that really come out, since headers lie, and the tables of
contents are bounded as well: one of a few kilobytes can unfold into millions of entries.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gzip
import io
import itertools
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from autograder.grading.folder import MEBI, Folder, Read, read_bounded, refused_kind
from autograder.grading.names import RefusedError, is_debris, path_parts, printable

_CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Limits:
    """What an archive may cost. unpacked: of a .tgz, in bytes.  contents: its table of contents, in bytes."""

    entries: int
    unpacked: int
    contents: int


ONE_STUDENT = Limits(entries=1000, unpacked=64 * MEBI, contents=4 * MEBI)
A_CLASS = Limits(entries=50_000, unpacked=1024 * MEBI, contents=32 * MEBI)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One file of an archive: how to read it, and why not ("" if nothing speaks against it)."""

    name: str
    read: Read
    refused: str


@contextlib.contextmanager
def in_archive(file: BinaryIO, suffix: str, limits: Limits) -> Iterator[Folder]:
    """The contents of an open archive, readable until the context ends.

    A damaged archive is as much of a folder as could be read, with a note; never an exception.
    """
    with contextlib.ExitStack() as stack:
        folder = Folder()
        if suffix in (".tgz", ".tar.gz"):
            file = stack.enter_context(_inflated(file, limits.unpacked, folder))
        _fill(folder, file, _zip_entries if suffix == ".zip" else _tar_entries, limits)
        yield folder


def _fill(
    folder: Folder, file: BinaryIO, listing: Callable[[BinaryIO, Limits], Iterable[_Entry]], limits: Limits
) -> None:
    entries: list[_Entry] = []
    try:
        for entry in listing(file, limits):
            entries.append(entry)
    except RefusedError as refusal:
        folder.notes.append(f"The archive was {'read in part' if entries else 'not read'}: {refusal}")
    except Exception:  # zipfile and tarfile raise many undocumented kinds on damaged or hostile bytes
        folder.notes.append("The archive is damaged and was read in part." if entries else "The archive is damaged.")
    if len(entries) > limits.entries:
        folder.notes.append(f"The archive holds more than {limits.entries} entries; the rest was left out.")
    for entry in entries[: limits.entries]:
        _place(folder, entry)


def _place(folder: Folder, entry: _Entry) -> None:
    """Put an entry where its path says; one with an unsafe path becomes a note of the whole archive."""
    try:
        *parents, name = path_parts(entry.name) or ("",)
    except RefusedError as refusal:
        folder.notes.append(f"{printable(entry.name)}: {refusal}")
        return
    if not name or any(is_debris(part) for part in (*parents, name)):
        return
    for part in parents:
        # Each thunk returns the one Folder that further entries are put into.
        folder = folder.folders.setdefault(part, functools.partial(_itself, Folder()))()
    if entry.refused:
        folder.refused[name] = entry.refused
        return
    if name in folder.files:
        folder.notes.append(f"{printable(name)}: it is in the archive more than once; the last one was read.")
    folder.files[name] = entry.read


def _itself(folder: Folder) -> Folder:
    return folder


def _zip_entries(file: BinaryIO, limits: Limits) -> Iterable[_Entry]:
    archive = zipfile.ZipFile(_Guarded(file, limits.contents))
    for info in itertools.islice(archive.infolist(), limits.entries + 1):
        if not info.is_dir():
            yield _Entry(info.filename, functools.partial(_read_zipped, archive, info), _zip_refusal(info))


def _zip_refusal(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) and (reason := refused_kind(mode)):
        return reason
    if info.flag_bits & 1:
        return "an encrypted file is not read; make the archive without a password."
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "a file with this kind of compression is not read; make an ordinary .zip."  # lzma may ask for 4 GiB
    return ""


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    try:
        with archive.open(info) as member:
            return read_bounded(member, limit)
    except RefusedError:
        raise
    except Exception:  # as above
        raise RefusedError("it is damaged in the archive.") from None


def _tar_entries(file: BinaryIO, limits: Limits) -> Iterable[_Entry]:
    guarded = _Guarded(file, limits.contents, in_all=True)
    archive = tarfile.TarFile(fileobj=guarded, mode="r", errors="surrogateescape")
    for number, info in enumerate(archive):
        if number > limits.entries:
            return
        if not info.isdir():
            read = functools.partial(_read_at, file, info.offset_data, info.size)
            yield _Entry(info.name, read, _tar_refusal(info))
    if any(guarded.last):
        # tarfile takes a damaged header for the end; a true end is a block of zeros, or the end of the file.
        raise tarfile.ReadError


def _tar_refusal(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link is not followed."
    if not info.isreg():
        return "only plain files are read."
    return "a file with holes is not read." if info.issparse() else ""


def _read_at(file: BinaryIO, start: int, size: int, limit: int) -> bytes:
    if size > limit:
        raise RefusedError(f"a file of more than {limit // MEBI} MiB is not read.")
    file.seek(start)
    data = file.read(size)
    if len(data) < size:
        raise RefusedError("it is cut short in the archive.")
    return data


def _inflated(file: BinaryIO, limit: int, folder: Folder) -> BinaryIO:
    """The bytes inside a gzip file, in memory up to 64 MiB and in a nameless temporary file beyond."""
    plain = tempfile.SpooledTemporaryFile(max_size=64 * MEBI)  # noqa: SIM115 - the caller closes it
    left = limit
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            while chunk := stream.read1(min(_CHUNK, left)):
                plain.write(chunk)
                left -= len(chunk)
    except Exception:  # cut short, a wrong checksum, not gzip at all: what came out before is still good
        folder.notes.append("The archive is damaged.")
    if not left:
        folder.notes.append(f"The archive unpacks to more than {limit // MEBI} MiB; the rest was left out.")
    return plain  # type: ignore[return-value]  # a BinaryIO in all but name


class _Guarded(io.BufferedIOBase):
    """What zipfile and tarfile read through: bounds the bytes that a table of contents may take.

    A zip's is one read; a tar's is all headers together (``in_all``).
    """

    def __init__(self, file: BinaryIO, limit: int, *, in_all: bool = False) -> None:
        self.file, self.left, self.in_all, self.last = file, limit, in_all, b""
        self.seek(0)

    def seekable(self) -> bool:
        """Yes; archives are read out of order."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As for any file."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """As for any file."""
        return self.file.tell()

    def read(self, size: int | None = -1) -> bytes:
        """As for any file; RefusedError when it would take more than is left."""
        at_most = self.left + 1
        self.last = self.file.read(at_most if size is None or size < 0 else min(size, at_most))
        if len(self.last) > self.left:
            raise RefusedError("its table of contents is too large.")
        if self.in_all:
            self.left -= len(self.last)
        return self.last
