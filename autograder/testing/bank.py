"""The bank: every exercise with its record, properties, reference and known answers, loaded from folders by path.

Layout, the same in all three rooms: ``<room>/<topic>/<subject>.py``. The rooms are importable as ``reference``,
``tests.properties.public`` and ``tests.properties.hidden``, wherever they lie, and nothing else beside them is: no
folder is added to sys.path.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder.testing.answers import KnownAnswer, known_in
from autograder.testing.errata import Erratum, errata_in, naming_misprints
from autograder.testing.generic import generic_properties
from autograder.testing.properties import Property, declared_in
from autograder.testing.record import Cases, Exercise

PUBLIC, HIDDEN, REFERENCE = "tests.properties.public", "tests.properties.hidden", "reference"


class BankError(Exception):
    """The bank's files contradict each other; the message names the file and what to do."""


@dataclasses.dataclass(frozen=True)
class Rooms:
    """The folders of a bank. reference and hidden are absent from what students get."""

    public: Path
    hidden: Path | None = None
    reference: Path | None = None


@dataclasses.dataclass(frozen=True)
class Entry:
    """One exercise of the bank with all that belongs to it.

    references: function name -> reference; None where the bank has none.
    equivalent: mutants of the reference that are no mistakes, with the reason (``EQUIVALENT_MUTANTS`` of the module).
    void: names of properties and rules that the course has taken out.  device: where answers must agree, too.
    """

    record: Exercise
    topic: str
    subject: str
    own: tuple[Property, ...]
    references: Mapping[str, Callable[..., Any]] | None
    hidden_cases: Mapping[str, Cases[Any]]
    known: tuple[KnownAnswer, ...]
    equivalent: Mapping[str, str] = dataclasses.field(default_factory=dict)
    errata: tuple[Erratum, ...] = ()
    void: tuple[str, ...] = ()
    device: str = "cpu"

    @functools.cached_property
    def properties(self) -> tuple[Property, ...]:
        """Generic properties first (the gate among them), then the hand-written ones."""
        declared = (*generic_properties(self.record, self.references, self.hidden_cases, self.device), *self.own)
        return tuple(property for property in declared if property.name not in self.void)

    @property
    def misconceptions(self) -> tuple[KnownAnswer, ...]:
        """Known wrong answers, in the order of their module."""
        return tuple(known for known in self.known if not known.right)

    @property
    def alternatives(self) -> tuple[KnownAnswer, ...]:
        """Known right answers that are built differently."""
        return tuple(known for known in self.known if known.right)


Bank = dict[str, Entry]


def load_bank(rooms: Rooms, names: Sequence[str] | None = None, *, device: str = "cpu") -> Bank:
    """The exercises of a bank by name, in the order of the folders; only ``names`` where given.

    device: "cuda" adds the property that answers agree there.
    """
    _Rooms.install(rooms)
    bank: Bank = {}
    for path in sorted(rooms.public.glob("*/*.py")):
        if path.stem.startswith("_") or path.stem == "conftest":
            continue
        for entry in _entries(rooms, path):
            if entry.record.name in bank:
                raise BankError(f"{path}: exercise {entry.record.name} is declared twice")
            if names is None or entry.record.name in names:
                bank[entry.record.name] = dataclasses.replace(entry, device=device)
    return bank


def exercises_in(namespace: dict[str, Any]) -> list[Exercise]:
    """The records a module declares itself (an imported one keeps its home)."""
    return [value for key, value in namespace.items() if isinstance(value, Exercise) and not key.startswith("_")]


def _entries(rooms: Rooms, path: Path) -> list[Entry]:
    topic, subject = path.parent.name, path.stem
    public = _load(PUBLIC, topic, subject)
    hidden = _load(HIDDEN, topic, subject) if _exists(rooms.hidden, topic, subject) else None
    reference = _load(REFERENCE, topic, subject) if _exists(rooms.reference, topic, subject) else None
    entries = []
    for record in exercises_in(vars(public)):
        own = [declared for declared in declared_in(vars(public)) if declared.exercise == record.name]
        known: list[KnownAnswer] = []
        cases: Mapping[str, Cases[Any]] = {}
        equivalent: Mapping[str, str] = {}
        errata: tuple[Erratum, ...] = ()
        if hidden is not None:
            own += [
                dataclasses.replace(declared, public=False)
                for declared in declared_in(vars(hidden))
                if declared.exercise == record.name
            ]
            errata = errata_in(vars(hidden), record.name)
            known = [answer for answer in known_in(vars(hidden)) if answer.exercise == record.name]
            _check_errata(hidden, errata, known)
            known = [naming_misprints(answer, errata) for answer in known]
            cases = getattr(hidden, "HIDDEN_CASES", {})
            equivalent = getattr(hidden, "EQUIVALENT_MUTANTS", {}).get(record.name, {})
        promises = {function.name: function.parsed for function in record.functions}
        own = [dataclasses.replace(declared, promises=promises) for declared in own]
        entries.append(
            Entry(
                record,
                topic,
                subject,
                tuple(own),
                _references(reference, record),
                dict(cases),
                tuple(known),
                equivalent,
                errata,
            )
        )
    return entries


def _check_errata(module: ModuleType, errata: Sequence[Erratum], known: Sequence[KnownAnswer]) -> None:
    for erratum in errata:
        declared = [answer.answer for answer in known if erratum.is_computed_by(answer)]
        for answer in erratum.answers:
            if answer not in declared:
                raise BankError(
                    f"{module.__file__}: {answer.__name__} is the answer of an erratum, but no misconception_of "
                    f"{erratum.exercise}"
                )


def _references(module: ModuleType | None, record: Exercise) -> dict[str, Callable[..., Any]] | None:
    if module is None:
        return None
    found = {}
    for function in record.functions:
        answer = getattr(module, function.name, None)
        if answer is None:
            raise BankError(f"{module.__file__}: no function {function.name}, which exercise {record.name} asks for")
        found[function.name] = answer
    return found


def _exists(room: Path | None, topic: str, subject: str) -> bool:
    return room is not None and (room / topic / f"{subject}.py").is_file()


def _load(package: str, topic: str, subject: str) -> ModuleType:
    return importlib.import_module(f"{package}.{topic}.{subject}")


class _Rooms:
    """Finds the bank's modules by name in the folders a course names, and in no others."""

    rooms: Rooms | None = None

    @classmethod
    def install(cls, rooms: Rooms) -> None:
        """Point the names at these folders; modules of another bank are forgotten."""
        if cls not in sys.meta_path:
            sys.meta_path.insert(0, cls)
        if rooms != cls.rooms:
            for name in [name for name in sys.modules if cls._ours(name)]:
                del sys.modules[name]
        cls.rooms = rooms

    @staticmethod
    def _ours(name: str) -> bool:
        return name in ("tests", "tests.properties") or any(
            name == room or name.startswith(f"{room}.") for room in (PUBLIC, HIDDEN, REFERENCE)
        )

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Part of the import system's finder protocol."""
        if cls.rooms is None or not cls._ours(name):
            return None
        if name in ("tests", "tests.properties"):
            return _package(name, [])
        folders = {PUBLIC: cls.rooms.public, HIDDEN: cls.rooms.hidden, REFERENCE: cls.rooms.reference}
        room = next(room for room in folders if name == room or name.startswith(f"{room}."))
        folder = folders[room]
        if folder is None:
            return None
        inside = folder.joinpath(*name.removeprefix(room).lstrip(".").split("."))
        if inside.is_dir():
            return _package(name, [str(inside)])
        file = inside.with_suffix(".py")
        return importlib.util.spec_from_file_location(name, file) if file.is_file() else None


def _package(name: str, locations: list[str]) -> importlib.machinery.ModuleSpec:
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = locations
    return spec
