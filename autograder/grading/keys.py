"""What a verdict depends on, as one key: equal keys mean that grading again would give the same verdict.

Points, dates and weights are no part of it: they are applied to a stored verdict afterwards, so that a change of
policy grades nothing anew.
"""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

import autograder
from autograder.course.config import Bank, Course, Limits
from autograder.grading.submission import Sources

PACKAGES = ("torch", "numpy", "hypothesis")
ENGINE_SUFFIXES = (".py", ".j2")


def verdict_key(
    sources: Sources,
    exercise: str,
    *,
    topic: str,
    bank: Bank,
    limits: Limits,
    seed: int,
    versions: Mapping[str, str],
    sandbox: str,
    device: str,
) -> str:
    """The key of one exercise of one submission: 64 hexadecimal digits.

    topic: the exercise's folder in each room of the bank.  limits: as they are in force; they hold the number of
    examples.  sandbox: the level.  Files of bank and engine are read once per process: what a running grader has
    imported does not change when a file does.
    """
    return digest(
        {
            "sources": {name: _bytes(text) for name, text in sources.files.items()},
            "main": sources.main,
            "title": sources.title,
            "cells": sources.cells,  # they tell the line that a reason quotes
            "exercise": exercise,
            "bank": bank_digest(bank, topic),
            "engine": engine_digest(),
            "limits": limits,
            "seed": seed,
            "versions": dict(versions),
            "sandbox": sandbox,
            "device": device,
        }
    )


def course_key(
    sources: Sources,
    exercise: str,
    *,
    topic: str,
    course: Course,
    limits: Limits,
    seed: int,
    versions: Mapping[str, str],
    sandbox: str,
    device: str,
) -> str:
    """``verdict_key`` for the bank of a course, without what the course has taken out of the exercise."""
    void = course.void.get(exercise, ())
    return verdict_key(
        sources,
        exercise,
        topic=topic,
        bank=course.bank,
        limits=limits,
        seed=seed,
        versions={**versions, "void": " ".join(sorted(void))} if void else versions,
        sandbox=sandbox,
        device=device,
    )


def counterexample_id(exercise: str, function: str, property: str, arguments: bytes, sources: bytes) -> str:
    """The id of a stored counterexample: 16 hexadecimal digits that follow from its content."""
    return digest([exercise, function, property, arguments, sources])[:16]


def installed_versions() -> dict[str, str]:
    """The versions that numbers and draws depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def digest(value: Any) -> str:
    """SHA-256 of plain data. MessagePack writes every text and list after its length, so no two data share a text."""
    return hashlib.sha256(msgspec.msgpack.encode(value, order="deterministic")).hexdigest()


@functools.cache
def bank_digest(bank: Bank, topic: str) -> str:
    """Of all that an exercise may use: the topic's folder in each room, and the files at the rooms' roots."""
    rooms = {"public": bank.public, "hidden": bank.hidden, "reference": bank.reference}
    return digest({name: _room(room, topic) for name, room in rooms.items() if room is not None})


@functools.cache
def engine_digest() -> str:
    """Of the package that grades: its code and its templates."""
    root = Path(autograder.__file__).parent
    return digest(_contents(root, (path for path in root.rglob("*") if path.suffix in ENGINE_SUFFIXES)))


def _room(room: Path, topic: str) -> dict[str, bytes]:
    return _contents(room, [*room.glob("*"), *(room / topic).rglob("*")])


def _contents(root: Path, paths: Iterable[Path]) -> dict[str, bytes]:
    """The digest of every file by its name below ``root``, without hidden files and what Python compiles."""
    contents = {}
    for path in paths:
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            contents["/".join(parts)] = hashlib.sha256(path.read_bytes()).digest()
    return contents


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
