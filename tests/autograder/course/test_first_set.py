"""The first set's text: its deliberately failing check fails as the text says, and the notebook runs on."""

from __future__ import annotations

from pathlib import Path

from autograder.course.prose import Code, read_prose
from autograder.course.solution import IMPORTS

ROOT = Path(__file__).parents[3]


def test_the_check_to_read_shows_an_overflow_and_stops_nothing(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    blocks = read_prose(ROOT / "assignments" / "ps00_core")
    (shown,) = (b for b in blocks if isinstance(b, Code) and "def first_attempt" in b.text)
    cell = f"from autograder import check\n{IMPORTS}\n{shown.text}"
    exec(compile(cell, "cell", "exec"), {"__name__": "__main__"})
    verdict = capsys.readouterr().out
    assert "Not right yet" in verdict
    assert "A common factor comes out of the sum" in verdict
    assert "inf" in verdict
