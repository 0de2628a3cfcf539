"""Looks for what students must not have, in everything they are given: files, archives inside archives, bytecode.

Secret is every line of code, text and comment, every text constant and every telling name of the reference and of the
hidden room, unless the public room, the engine itself or the deliberately published sentences say the same.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import gzip
import html
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import autograder

_LINE, _CONSTANT, _NAME = 16, 20, 8
"""Shorter lines, constants and names say nothing about where they come from."""
_DEPTH = 6
_BANNED = {"reference": "reference", "hidden": "hidden room", ".autograder": "store", "__pycache__": "bytecode"}
_BANNED_SUFFIXES = {".pyc": "bytecode", ".pyo": "bytecode", ".db": "database", ".sqlite": "database"}
_TOKEN = re.compile(r"\w+")
_SENTENCES = re.compile(r"\n|(?<=[.;:!?])\s")


@dataclasses.dataclass(frozen=True)
class Secret:
    """kind: name, line, constant or seed.  text: with single spaces.  origin: the file it comes from."""

    kind: str
    text: str
    origin: str
    inner: frozenset[str] = dataclasses.field(compare=False)
    """Words that stand whole wherever the text stands: all but the first and the last."""


@dataclasses.dataclass(frozen=True)
class Leak:
    """A secret (or a file that has no place there) and where it was found."""

    place: str
    kind: str
    text: str
    origin: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 80 else f"{self.text[:77]}..."
        return f"{self.place}: holds a {self.kind} of {self.origin}: {shown}"


def secrets_in(rooms: Iterable[Path], public: Iterable[Path], published: Sequence[str], seed: str = "") -> list[Secret]:
    """What the files below ``rooms`` (reference, hidden) say and nothing public does.

    public: folders whose Python files are public beside the engine's.  published: further public texts (stubs, the
    sentences of properties, names).  seed: of graded runs, if there is one.
    """
    known = [Path(autograder.__file__).parent, *public]
    texts = [file.read_text("utf-8") for folder in known for file in sorted(folder.rglob("*.py"))]
    corpus = _Text("\n".join([*texts, *published]))
    found: dict[str, Secret] = {}
    for room in rooms:
        for file in sorted(room.rglob("*.py")):
            for kind, text in _said(file.read_text("utf-8")):
                text = _spaced(text)
                found.setdefault(text, _secret(kind, text, f"{room.name}/{file.relative_to(room)}"))
    secrets = [secret for secret in found.values() if not corpus.holds(secret)]
    return [*secrets, _secret("seed", seed, "graded runs")] if len(seed) > 3 else secrets


def secrets_of_text(text: str, origin: str) -> list[Secret]:
    """The lines of a rubric or of a hidden result."""
    lines = (_spaced(line.strip().lstrip("-* ")) for line in text.split("\n"))
    return [_secret("line", line, origin) for line in lines if len(line) >= _LINE]


def leaks_in(folder: Path, secrets: Sequence[Secret]) -> list[Leak]:
    """Every secret in the files below ``folder``, each once per file."""
    found: list[Leak] = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            found += leaks_in_bytes(str(file.relative_to(folder)), file.read_bytes(), secrets)
    return found


def leaks_in_bytes(place: str, data: bytes, secrets: Sequence[Secret]) -> Iterator[Leak]:
    """The same for one file, whose name counts, too."""
    for name, content in _unpacked(place, data, _DEPTH):
        path = PurePosixPath(name.rpartition("!")[2])
        kinds = [_BANNED[part] for part in path.parts if part in _BANNED]
        if path.suffix in _BANNED_SUFFIXES:
            kinds.append(_BANNED_SUFFIXES[path.suffix])
        yield from (Leak(name, "file", path.name, kind) for kind in kinds)
        text = _Text("\n".join([name, *_readings(path.suffix, content)]))
        yield from (Leak(name, s.kind, s.text, s.origin) for s in secrets if text.holds(s))


class _Text:
    """A text in which many secrets are looked for."""

    def __init__(self, text: str) -> None:
        self.text = _spaced(text)
        self.words = set(_TOKEN.findall(self.text))

    def holds(self, secret: Secret) -> bool:
        return secret.inner <= self.words and secret.text in self.text


def _secret(kind: str, text: str, origin: str) -> Secret:
    return Secret(kind, text, origin, frozenset(_TOKEN.findall(text)[1:-1]))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _said(text: str) -> Iterator[tuple[str, str]]:
    """Lines, text constants and telling names of a module."""
    tree = ast.parse(text)
    for line in text.split("\n"):
        line = line.strip().lstrip("# ")
        telling = not line.startswith(("from ", "import ", "@")) and not line.endswith(":")  # heads are alike by chance
        if len(line) >= _LINE and telling:
            yield "line", line
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = (part.strip() for part in _SENTENCES.split(node.value))
            yield from (("constant", part) for part in parts if len(part) >= _CONSTANT)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            name = node.name.removeprefix("test_").strip("_")
            if len(name) >= _NAME and "_" in name:
                yield "name", name


def _readings(suffix: str, data: bytes) -> Iterator[str]:
    """A file's content as text: as it is, without the escapes of HTML, and the texts inside of JSON."""
    text = data.decode("utf-8", "replace")
    yield text
    if "&" in text:
        yield html.unescape(text)
    if suffix in (".ipynb", ".json") or text.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            yield from _strings(json.loads(text))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            yield "".join(value)  # the lines of a cell
        for item in value:
            yield from _strings(item)


def _unpacked(place: str, data: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    """The file itself (an archive's comments stand in its bytes) and whatever is packed into it."""
    yield place, data
    if depth:
        for name, content in _members(data):
            yield from _unpacked(f"{place}!{name}", content, depth - 1)


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from ((name, archive.read(name)) for name in archive.namelist() if not name.endswith("/"))
        return
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None:
                    yield member.name, content.read()
        return
    except tarfile.TarError:
        pass
    if data[:2] == b"\x1f\x8b":
        yield "content", gzip.decompress(data)
