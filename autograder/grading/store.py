"""Verdicts that were reached, and the counterexamples behind them, in one SQLite file.

One row per key (keys.py), the first writer wins, every write is one transaction: kill the run anywhere, start it
again, and nothing is lost or graded twice. No write-ahead log, which network file systems cannot share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from autograder.grading.schema import encode
from autograder.grading.verdict import ExerciseResult, Verdict

APPLICATION = 0x61677273  # "agrs" in the file's header: this is one of ours
VERSION = 1
PATIENCE = 30.0  # seconds to wait for another writer
_FULL = "the disk is full; make room and start again, what was stored is kept"

TABLES = """
    CREATE TABLE verdicts (key TEXT PRIMARY KEY, result BLOB NOT NULL, created TEXT NOT NULL);
    CREATE TABLE counterexamples (
        id TEXT PRIMARY KEY, exercise TEXT NOT NULL, function TEXT NOT NULL, property TEXT NOT NULL,
        arguments BLOB NOT NULL, sources BLOB NOT NULL
    );
"""


class StoreError(Exception):
    """The store cannot be read or written; nothing half-written stays behind. The text says what to do."""


@dataclasses.dataclass(frozen=True)
class StoredCounterexample:
    """One input on which a property fails, exactly. arguments, sources: encoded by the caller, not looked into.

    id: as ``keys.counterexample_id`` makes it from the rest.
    """

    id: str
    exercise: str
    function: str
    property: str
    arguments: bytes
    sources: bytes


def store_path(grading_yml: Path) -> Path:
    """Where the verdicts of a course lie: ``.autograder/verdicts.sqlite`` beside its grading.yml."""
    return grading_yml.parent / ".autograder" / "verdicts.sqlite"


class VerdictStore:
    """The store in ``path``, made if need be (folder 0700, file 0600). A context manager.

    Every method may raise StoreError. For the process that opened it: a forked child opens its own.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._pid = Path(path), os.getpid()
        with self._explaining():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def get(self, key: str) -> ExerciseResult | None:
        """The verdict stored under ``key``; None where there is none, or none that can be read."""
        with self._explaining():
            return self._get(key)

    def put(
        self, key: str, result: ExerciseResult, counterexamples: Iterable[StoredCounterexample] = ()
    ) -> ExerciseResult:
        """Store a verdict with its counterexamples, all or nothing, and return the one that now stands.

        The first writer wins: where the key has a verdict already, that one is returned and nothing is written.
        Raises ValueError for a fault, which is never stored, and for numbers that are not finite.
        """
        if result.verdict is Verdict.FAULT:
            raise ValueError(f"{result.name}: a fault is not a verdict on the student and is not stored")
        encoded, created = encode(result), datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._explaining(), self._transaction():
            if (standing := self._get(key)) is not None:
                return standing
            # REPLACE, since a row may be there that cannot be read.
            self._connection.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?)", (key, encoded, created))
            for counterexample in counterexamples:
                self._put_counterexample(counterexample)
        return result

    def counterexample(self, prefix: str) -> StoredCounterexample:
        """The counterexample whose id begins with ``prefix``. Raises LookupError where that is not exactly one."""
        with self._explaining():
            rows = self._connection.execute(
                "SELECT * FROM counterexamples WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT 2", (prefix,)
            ).fetchall()
        if not rows:
            raise LookupError(f"no stored counterexample has an id that begins with {prefix!r}")
        if len(rows) > 1 and rows[0][0] != prefix:
            raise LookupError(f"several stored counterexamples have ids that begin with {prefix!r}; give more of it")
        return StoredCounterexample(*rows[0])

    def forget(self, keys: Iterable[str], sources: Iterable[bytes], examples: Iterable[str] = ()) -> int:
        """Remove verdicts, and all that came from these sources, beyond recovery; how many rows that were.

        keys: of verdicts.  sources: encoded.  examples: ids of further counterexamples.
        """
        with self._explaining():
            self._connection.execute("PRAGMA secure_delete = ON")
            with self._transaction():
                found = set(examples)
                for encoded in sources:
                    rows = self._connection.execute("SELECT id FROM counterexamples WHERE sources = ?", (encoded,))
                    found |= {row[0] for row in rows.fetchall()}
                count = 0
                for key in keys:
                    count += self._connection.execute("DELETE FROM verdicts WHERE key = ?", (key,)).rowcount
                for example in found:  # verdicts of older properties tell of the same sources
                    mentions = "DELETE FROM verdicts WHERE instr(result, CAST(? AS BLOB))"
                    count += self._connection.execute(mentions, (f'"{example}"',)).rowcount
                    count += self._connection.execute("DELETE FROM counterexamples WHERE id = ?", (example,)).rowcount
        return count

    def close(self) -> None:
        """Close the file. Calling it twice is fine."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        """Make the tables in a new file; refuse a file that is not ours."""
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.execute("PRAGMA synchronous = FULL")
        if self._header() == (APPLICATION, VERSION):
            return
        with self._transaction():  # two runs may start at the same moment
            header, tables = (
                self._header(),
                self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0],
            )
            if header == (0, 0) and tables == 0:
                for statement in TABLES.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {VERSION}")
            elif header[0] != APPLICATION:
                raise StoreError(f"{self.path} is a database of something else; name another file for the verdicts.")
            elif header[1] != VERSION:
                raise StoreError(
                    f"{self.path} was written by another version of autograder (layout {header[1]}, this one knows "
                    f"{VERSION}); update autograder, or move the file away and grade again."
                )

    def _header(self) -> tuple[int, int]:
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        return application, self._connection.execute("PRAGMA user_version").fetchone()[0]

    def _get(self, key: str) -> ExerciseResult | None:
        row = self._connection.execute("SELECT result FROM verdicts WHERE key = ?", (key,)).fetchone()
        try:
            return msgspec.json.decode(row[0], type=ExerciseResult) if row else None
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
            return None

    def _put_counterexample(self, counterexample: StoredCounterexample) -> None:
        row = dataclasses.astuple(counterexample)
        self._connection.execute("INSERT OR IGNORE INTO counterexamples VALUES (?, ?, ?, ?, ?, ?)", row)
        stored = self._connection.execute("SELECT * FROM counterexamples WHERE id = ?", (counterexample.id,))
        if stored.fetchone() != row:
            raise ValueError(f"two different counterexamples have the id {counterexample.id!r}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite rolls back by itself after some errors (a full disk).
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn what goes wrong below into a StoreError that says what to do."""
        if os.getpid() != self._pid:
            raise StoreError(f"{self.path} was opened by another process; a forked process opens its own store.")
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_advice(error, self.path)} ({error})") from error
        except OSError as error:
            raise StoreError(f"{error.filename or self.path} cannot be used: {error.strerror or error}.") from error


def _advice(error: sqlite3.Error, path: Path) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return "not a verdict store, or damaged; move it away and grade again"
        case sqlite3.SQLITE_FULL:
            return _FULL
        case sqlite3.SQLITE_CANTOPEN if _no_room(path.parent):
            return _FULL
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "no permission to write there; put grading.yml where you may write"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            holder = _holder(path)
            by = f"another run (process {holder})" if holder else "another run"
            return f"{by} has kept it locked for {PATIENCE:.0f} s; wait for it or end it, and start again"
        case sqlite3.SQLITE_IOERR:
            return "the disk refuses (full, over quota or broken); start again once it works, what was stored is kept"
        case _:
            return "the store cannot be used"


def _no_room(folder: Path) -> bool:
    """Whether not even an empty file can be made in ``folder``: SQLite only says that it could not open its own."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return False
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _holder(path: Path) -> str:
    """The number of a process of this machine that holds a lock for writing on ``path``, where Linux tells; else ""."""
    try:
        inode = str(path.stat().st_ino)
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return ""
    found = [row[4] for row in rows if len(row) > 5 and row[3] == "WRITE" and row[5].rpartition(":")[2] == inode]
    return next((pid for pid in found if pid != "-1" and pid != str(os.getpid())), "")
