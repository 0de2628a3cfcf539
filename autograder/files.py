"""Writing files whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_UNFINISHED = ".unfinished"


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put ``data`` into ``path``: whoever reads it, at any moment, sees the old content or the new, never a part.

    A link is followed; a device or pipe (/dev/stdout) is written to as it is. Raises OSError that names ``path``, the
    old file untouched. What a killed process left half-written beside it is removed.
    """
    path = Path(path)
    with _naming(path):
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        path = path.resolve()
        with contextlib.ExitStack() as stack:
            Path(_written(path, data, mode, stack)).replace(path)
        _sync_folder(path.parent)


def write_once(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """Put ``data`` into ``path`` unless it exists: of several that try, one succeeds. Whole, as write_atomically."""
    path = Path(path)
    with _naming(path), contextlib.ExitStack() as stack:
        unfinished = Path(_written(path, data, mode, stack))
        try:
            _link(unfinished, path)
        except FileExistsError:
            return False
        finally:
            unfinished.unlink()
        _sync_folder(path.parent)
        return True


def _link(unfinished: Path, path: Path) -> None:
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the next best is not to overwrite
        with path.open("xb") as file:
            file.write(unfinished.read_bytes())


def _written(path: Path, data: bytes, mode: int, stack: contextlib.ExitStack) -> str:
    """The name of a finished file beside ``path``, locked by ``stack``, so that nobody takes it for a leftover."""
    prefix = f".{path.name[:100]}."
    _remove_leftovers(path.parent, prefix)
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=_UNFINISHED)
        file = stack.enter_context(os.fdopen(handle, "wb"))
        if _locked(handle) and os.fstat(handle).st_nlink:
            break  # else it was taken for a leftover before it was locked
    try:
        if sys.platform != "win32":
            os.fchmod(handle, mode)
        file.write(data)
        file.flush()
        os.fsync(handle)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            file.close()  # it may try to write the rest once more
        raise
    return name


def _remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove the unfinished files whose writers have ended; a living writer holds a lock."""
    if sys.platform == "win32":
        return
    names = [entry.name for entry in os.scandir(folder) if entry.name.startswith(prefix)]
    for path in (folder / name for name in names if name.endswith(_UNFINISHED)):
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if _locked(handle, else_=False):
                    path.unlink()
            finally:
                os.close(handle)


def _locked(handle: int, else_: bool = True) -> bool:
    """Lock an open file for this process, if nobody else has; ``else_`` where the file system has no locks."""
    if sys.platform == "win32":
        return else_
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return else_ and not isinstance(error, BlockingIOError)
    return True


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors name the file that was asked for, not the unfinished one beside it, or none."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut, where the file system can."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some network file systems refuse; the content is safe all the same
    finally:
        os.close(handle)
