"""The bank: folders in, exercises out, and clear words where files contradict each other."""

from __future__ import annotations

import pytest
from course_factory import make_course

from autograder.testing.bank import BankError, Rooms, load_bank


@pytest.fixture
def rooms(tmp_path):
    make_course(tmp_path)
    properties = tmp_path / "tests" / "properties"
    return Rooms(properties / "public", properties / "hidden", tmp_path / "reference")


def test_an_exercise_has_all_that_its_files_declare(rooms):
    entry = load_bank(rooms)["double"]
    assert (entry.topic, entry.subject) == ("algebra", "doubling")
    assert [p.name for p in entry.own] == ["adds_up", "is_odd"]
    assert [p.public for p in entry.own] == [True, False]
    assert [k.name for k in entry.misconceptions] == ["squared"]
    assert [k.name for k in entry.alternatives] == ["summed"]


def test_generic_properties_follow_from_the_record(rooms):
    names = [p.name for p in load_bank(rooms)["double"].properties if p.generic]
    assert names == [
        "agrees_with_the_reference",
        "agrees_on_edge_cases",
        "agrees_in_float32",
        "returns_what_is_promised",
        "keeps_its_arguments",
        "leaves_no_traces",
        "accepts_strided_tensors",
        "is_repeatable",
        "rejects_matrix",
    ]


def test_without_reference_and_hidden_room_the_public_part_stands_alone(rooms):
    entry = load_bank(Rooms(rooms.public))["double"]
    assert entry.references is None
    assert all(p.public and not p.needs_reference for p in entry.properties)
    assert {"adds_up", "is_repeatable", "rejects_matrix"} <= {p.name for p in entry.properties}


def test_the_value_property_is_the_gate(rooms):
    gates = [p.name for p in load_bank(rooms)["double"].properties if p.gate]
    assert gates == ["agrees_with_the_reference"]


def test_a_missing_reference_is_named(rooms):
    (rooms.reference / "algebra" / "doubling.py").write_text("def triple(x): return 3 * x")
    with pytest.raises(BankError, match="double"):
        load_bank(rooms)


def test_an_exercise_declared_twice_is_named(rooms):
    source = (rooms.public / "algebra" / "doubling.py").read_text()
    (rooms.public / "algebra" / "again.py").write_text(source)
    with pytest.raises(BankError, match="declared twice"):
        load_bank(rooms)


def test_another_bank_replaces_the_first(rooms, tmp_path):
    load_bank(rooms)
    other = tmp_path / "other"
    make_course(other)
    path = other / "tests" / "properties" / "public" / "algebra" / "doubling.py"
    path.write_text(path.read_text().replace('title="Doubling"', 'title="Another"'))
    assert load_bank(Rooms(path.parents[1]))["double"].record.title == "Another"


def test_no_folder_of_the_bank_is_importable_beside_its_rooms(rooms, tmp_path):
    (tmp_path / "hypothesis_impostor.py").write_text("")
    load_bank(rooms)
    with pytest.raises(ModuleNotFoundError):
        __import__("hypothesis_impostor")


ERRATA = """

from autograder.testing.errata import Erratum

ERRATA = (
    Erratum("double", "000", "eq. 2", printed="x²", correct="2 x", answers=(squared,)),
    Erratum("double", "An old book", "p. 7", printed="x x", correct="2 x", kind="notation", answers=(squared,)),
    Erratum("triple", "000", "eq. 3", printed="x³", correct="3 x"),
)
"""


def with_errata(rooms, more=""):
    path = rooms.hidden / "algebra" / "doubling.py"
    path.write_text(path.read_text() + ERRATA + more)
    return load_bank(rooms)["double"]


def test_the_hint_of_a_misprinted_answer_says_where_it_is_misprinted(rooms):
    entry = with_errata(rooms)
    assert [erratum.equation for erratum in entry.errata] == ["eq. 2", "p. 7"]
    (squared,) = entry.misconceptions
    assert squared.hint == (
        "Twice is not the square. Your source may be to blame: this is misprinted in the recitation notes of "
        "5 March 2026, eq. 2 and in An old book, p. 7."
    )


def test_an_erratum_whose_answer_is_no_misconception_is_named(rooms):
    with pytest.raises(BankError, match="summed is the answer of an erratum"):
        with_errata(rooms, 'ERRATA += (Erratum("double", "000", "eq. 4", "x", "2 x", answers=(summed,)),)\n')
