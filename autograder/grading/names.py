"""Names of files and students. They are chosen by students, so none is trusted, shown or used as it comes."""

from __future__ import annotations

import hashlib
import re
import unicodedata

SOURCES = (".py", ".ipynb")
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")

_CUT = 80
_LONGEST_PATH = 300
_DEEPEST_PATH = 20
_DEBRIS = {"__MACOSX", "__pycache__", "node_modules", "site-packages", "venv"}

# Numbers that file managers, browsers, Jupyter and Canvas add to the name of a newer upload, outermost first.
_COPY_MARKS = (
    re.compile(r"(?P<base>.+?) ?\((?P<number>\d{1,3})\)"),
    re.compile(r"(?P<base>.+?)-Copy(?P<number>\d{0,3})"),
    re.compile(r"(?P<base>.+?) - Copy(?P<number>)"),
    re.compile(r"Copy of (?P<base>.+)(?P<number>)"),
    re.compile(r"(?P<base>.+?)-(?P<number>\d{1,2})"),
)


class RefusedError(Exception):
    """A file that is not read. The message completes the sentence "NAME: ..."."""


def printable(text: str, limit: int = _CUT) -> str:
    """``text`` cut to ``limit`` characters, with "?" for control and formatting characters and lone surrogates."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(c if c.isprintable() else "?" for c in cut)


def split_suffix(name: str) -> tuple[str, str]:
    """("hw1", ".tar.gz") for "hw1.TAR.GZ": the stem, and the suffix in lower case if it is one of ours, else ""."""
    for suffix in (*ARCHIVES, *SOURCES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    return name, ""


def path_parts(name: str) -> tuple[str, ...]:
    """The components of an archive's entry. RefusedError: absolute and parent paths, drives, control characters."""
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        raise RefusedError("an absolute path is not read.")
    if ".." in parts:
        raise RefusedError("a path that leads out of its folder is not read.")
    if any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise RefusedError("a name with control characters is not read.")
    if len(name) > _LONGEST_PATH or len(parts) > _DEEPEST_PATH:
        raise RefusedError("a name as long as this is not read.")
    return parts


def is_debris(part: str) -> bool:
    """Whether a path component is left by an operating system or a tool (hidden files, caches, environments)."""
    return part.startswith(".") or part in _DEBRIS


def version(stem: str) -> tuple[str, tuple[int, ...]]:
    """The name without the marks of a newer upload, and those numbers: "ps1-2 (1)" -> ("ps1", (2, 1)).

    The greater tuple is the newer file. A mark without a number counts as 1.
    """
    for mark in _COPY_MARKS:
        if match := mark.fullmatch(stem):
            base, numbers = version(match["base"])
            return base, (*numbers, int(match["number"] or 1))
    return stem, ()


def is_main(stem: str) -> bool:
    """Whether a file of that stem says of itself that it is what should be graded."""
    return version(stem)[0].casefold() in ("submission", "solution")


def student_id(name: str) -> str:
    """``name`` with every character outside [A-Za-z0-9._@+-] replaced by "_"; never "", "." or ".."."""
    clean = re.sub(r"[^A-Za-z0-9._@+-]", "_", unicodedata.normalize("NFC", name))
    if len(clean) > _CUT:
        clean = f"{clean[: _CUT - 7]}-{fingerprint(name)}"
    return clean if clean.strip(".") else "_" * max(len(clean), 1)


def fingerprint(name: str) -> str:
    """Six characters that tell apart two names which clean to the same id."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
