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
def bank():
    properties = ROOT / "tests" / "properties"
    return load_bank(Rooms(properties / "public", properties / "hidden", ROOT / "reference"))


@pytest.fixture
def entry(bank):
    return bank["sherman_morrison"]


def copied_from_the_notes(A_inv, u, v):
    return A_inv + torch.outer(A_inv @ u, v @ A_inv) / (1 + v @ A_inv @ u)


def test_who_copied_a_misprint_and_forgot_the_error_reads_where_it_is_misprinted(entry):
    found = diagnose(entry, InProcess({"sherman_morrison": copied_from_the_notes}), [])
    assert found is not None and found.name == "plus_sign"
    assert "misprinted in the recitation notes of 5 March 2026, eq. 1.29" in found.hint
    assert "in the recitation notes of 22 January 2026, eq. 1.23" in found.hint


def printed_woodbury(A_inv, U, C, V):
    return A_inv + A_inv @ U @ torch.inverse(C.inverse() + V @ A_inv @ U) @ (V @ A_inv)


def printed_condition(A):
    values = torch.linalg.eigvals(A).abs()
    return float(values.max() / values.min())


def printed_svd(A):
    squares, V = torch.linalg.eigh(A.T.double() @ A.double())
    V, s = V.flip(1), squares.flip(0).clamp(min=0).sqrt()[: min(A.shape)]
    U = A.double() @ V[:, : len(s)] / s
    full = torch.linalg.qr(torch.nan_to_num(U), mode="complete").Q
    return torch.cat([U, full[:, len(s) :]], 1).to(A.dtype), s.to(A.dtype), V.to(A.dtype)


@pytest.mark.parametrize(
    ("exercise", "function", "answer", "place"),
    [
        ("woodbury", "woodbury", printed_woodbury, "5 March 2026, eq. 1.36"),
        ("condition_number", "condition_number", printed_condition, "5 March 2026, eq. 1.45"),
        ("svd_from_eigh", "svd_from_eigh", printed_svd, "5 March 2026, Def. 2"),
        (
            "bilinear_form_matrix_gradients",
            "grad_bilinear_transposed",
            lambda a, b: torch.dot(b, a),
            "5 March 2026, eq. 1.23",
        ),
    ],
)
def test_a_copied_misprint_is_named(bank, exercise, function, answer, place):
    entry = bank[exercise]
    found = diagnose(entry, InProcess({**entry.references, function: answer}), [])
    assert found is not None
    assert f"misprinted in the recitation notes of {place}" in found.hint


def test_a_right_formula_without_the_error_is_no_known_mistake(entry):
    def unguarded(A_inv, u, v):
        return A_inv - torch.outer(A_inv @ u, v @ A_inv) / (1 + v @ A_inv @ u)

    assert diagnose(entry, InProcess({"sherman_morrison": unguarded}), []) is None


def test_an_unknown_mistake_stays_unnamed(entry):
    assert diagnose(entry, InProcess({"sherman_morrison": lambda A_inv, u, v: 2 * A_inv}), []) is None
