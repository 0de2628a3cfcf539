"""The diagnosis names the mistake behind a wrong answer, whatever else the answer forgets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autograder.grading.diagnosis import diagnose
from autograder.testing.bank import Rooms, load_bank
from autograder.testing.inprocess import InProcess

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def entry():
    properties = ROOT / "tests" / "properties"
    return load_bank(Rooms(properties / "public", properties / "hidden", ROOT / "reference"))["sherman_morrison"]


def copied_from_the_notes(A_inv, u, v):
    return A_inv + torch.outer(A_inv @ u, v @ A_inv) / (1 + v @ A_inv @ u)


def test_who_copied_a_misprint_and_forgot_the_error_reads_where_it_is_misprinted(entry):
    found = diagnose(entry, InProcess({"sherman_morrison": copied_from_the_notes}), [])
    assert found is not None and found.name == "plus_sign"
    assert "misprinted in the recitation notes of 5 March 2026, eq. 1.29" in found.hint
    assert "in the recitation notes of 22 January 2026, eq. 1.23" in found.hint


def test_a_right_formula_without_the_error_is_no_known_mistake(entry):
    def unguarded(A_inv, u, v):
        return A_inv - torch.outer(A_inv @ u, v @ A_inv) / (1 + v @ A_inv @ u)

    assert diagnose(entry, InProcess({"sherman_morrison": unguarded}), []) is None


def test_an_unknown_mistake_stays_unnamed(entry):
    assert diagnose(entry, InProcess({"sherman_morrison": lambda A_inv, u, v: 2 * A_inv}), []) is None
