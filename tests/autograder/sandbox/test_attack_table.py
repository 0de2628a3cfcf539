"""The attack table: every attack, at every level that claims to contain it, graded by root and by an ordinary user.

The tests write it to build/attacks.md. A cell that is empty, or that tells of an attack that was not contained, fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attack_arena import ATTACKS, claims
from ordinary_user import run_as_ordinary_user

from autograder.sandbox.levels import Level

PROJECT = Path(__file__).resolve().parents[3]
SCRIPT = PROJECT / "tests" / "autograder" / "helpers" / "attack_column.py"
TABLE = PROJECT / "build" / "attacks.md"
USERS = ("root", "ordinary user")
AM_ROOT = os.geteuid() == 0
NOT_CLAIMED, NEEDS_ROOT = "not claimed", "not run: needs root"
COLUMNS = [(level, user) for level in Level for user in USERS]
Cells = dict[tuple[str, Level, str], str]


def column(level: Level, user: str) -> dict[str, str]:
    """attack -> what the table says of it."""
    if user == "root" and not AM_ROOT:
        return {str(attack): NEEDS_ROOT if claims(level, attack) else NOT_CLAIMED for attack in ATTACKS}
    command = [sys.executable, str(SCRIPT), level.value]
    if AM_ROOT and user != "root":
        run = run_as_ordinary_user(command)
    else:
        run = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, f"{level.value}, {user}: {run.stderr[-2000:]}"
    found = json.loads(run.stdout)
    cells = {name: f"NOT CONTAINED: {problem}" if problem else how for name, (how, problem) in found.items()}
    return {str(attack): NOT_CLAIMED for attack in ATTACKS if not claims(level, attack)} | cells


@pytest.fixture(scope="module")
def table() -> Cells:
    with ThreadPoolExecutor(2) as pool:
        columns = list(pool.map(lambda place: column(*place), COLUMNS))
    cells = {
        (name, *place): cell for place, cells in zip(COLUMNS, columns, strict=True) for name, cell in cells.items()
    }
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(as_markdown(cells))
    return cells


def as_markdown(cells: Mapping[tuple[str, Level, str], str]) -> str:
    contained = sum(cell not in ("", NOT_CLAIMED, NEEDS_ROOT) and not failed(cell) for cell in cells.values())
    lines = [
        "# Attacks",
        "",
        f"{len(ATTACKS)} attacks; {contained} of {sum(cell != NOT_CLAIMED for cell in cells.values())} claims hold.",
        "A cell says how the attack ended: refused in all it tried (ok), an exception of its own (error), an answer",
        "that may not cross (unsendable), an object that stays inside (handle), or the end of its process.",
        "",
        "| attack | " + " | ".join(f"{level.value}, {user}" for level, user in COLUMNS) + " |",
        "|---" * (1 + len(COLUMNS)) + "|",
    ]
    for attack in map(str, ATTACKS):
        row = [cells.get((attack, *place), "").replace("|", "/").replace("\n", " ") for place in COLUMNS]
        lines.append("| " + " | ".join([attack, *row]) + " |")
    return "\n".join([*lines, ""])


def failed(cell: str) -> bool:
    return not cell or cell.startswith("NOT CONTAINED")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("user", USERS)
def test_every_attack_is_contained_at_every_level_that_claims_it(table: Cells, user: str) -> None:
    places = [(str(attack), level) for attack in ATTACKS for level in Level]
    bad = {(name, level.value): cells for name, level in places if failed(cells := table.get((name, level, user), ""))}
    assert bad == {}
    if user == "root" and not AM_ROOT:
        pytest.skip('the columns of root stay empty-handed ("not run"): only root can run them')


def test_the_levels_claim_what_they_must() -> None:
    claimed = {level: sum(claims(level, attack) for attack in ATTACKS) for level in Level}
    assert claimed[Level.FULL] == claimed[Level.BUBBLEWRAP] == len(ATTACKS) >= 150
    assert claimed[Level.LANDLOCK] == len(ATTACKS) - 1, "it shows whether a file exists"
    assert claimed[Level.PLAIN] >= 100


def test_an_empty_cell_fails_and_shows() -> None:
    cells = {(str(ATTACKS[0]), level, user): "ok" for level in Level for user in USERS}
    cells[str(ATTACKS[0]), Level.FULL, "root"] = ""
    assert failed("") and failed("NOT CONTAINED: got 1") and not failed("ok")
    assert f"| {ATTACKS[0]} |  | ok |" in as_markdown(cells)
