"""``autograder doctor``, and what ``autograder grade`` does where the sandbox is weaker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from course_factory import RIGHT, hand_in, make_course

from autograder.cli.doctor import command
from autograder.sandbox import levels
from autograder.sandbox.levels import Level, Probe

WITHOUT = [sys.executable, str(Path(__file__).parents[1] / "sandbox" / "without.py")]


def doctor(monkeypatch, probe):
    monkeypatch.setattr(levels, "probe", lambda: probe)
    return CliRunner().invoke(command)


def test_the_full_level_lacks_nothing(monkeypatch):
    result = doctor(monkeypatch, Probe(Level.FULL, ()))
    assert result.exit_code == 0
    assert "bubblewrap+landlock+seccomp" in result.output
    assert "Nothing is missing." in result.output


@pytest.mark.parametrize("level", [Level.LANDLOCK, Level.BUBBLEWRAP], ids=str)
def test_a_weaker_level_that_confines_says_what_it_leaves_and_what_would_help(monkeypatch, level):
    result = doctor(monkeypatch, Probe(level, ("Layer: do this.",), ("And note that.",)))
    assert result.exit_code == 0
    assert "can be graded here" in result.output
    assert level.lacks in result.output
    assert "A stronger level needs:\n  - Layer: do this.\n  - And note that." in result.output


def test_a_machine_without_a_wall_is_told_so_and_fails(monkeypatch):
    result = doctor(monkeypatch, Probe(Level.PLAIN, ("Layer: do this.",)))
    assert result.exit_code == 1
    assert "--unsafe" in result.output
    assert "What is missing:\n  - Layer: do this." in result.output


def test_help_has_examples_levels_and_exit_statuses():
    text = CliRunner().invoke(command, ["--help"]).output
    for words in ("Examples:", "autograder doctor &&", *(level.value for level in Level), "Exit status: 0"):
        assert words in text


@pytest.fixture
def class_of_one(tmp_path):
    make_course(tmp_path)
    hand_in(tmp_path / "class", {"ana": RIGHT})
    return tmp_path


def grade(folder, *arguments, refused="", environment=()):
    around = [*WITHOUT, refused] if refused else []
    command = [*around, sys.executable, "-P", "-m", "autograder", "grade", "class", "--json", "out.json", *arguments]
    run = subprocess.run(
        command, cwd=folder, env={**os.environ, **dict(environment)}, capture_output=True, text=True, timeout=200
    )
    return SimpleNamespace(code=run.returncode, errors=run.stderr, said=run.stdout)


def recorded(folder):
    report = json.loads((folder / "out.json").read_text())
    (exercise,) = report["submissions"][0]["exercises"]
    return report["sandbox"], exercise["verdict"]


@pytest.mark.slow
def test_other_peoples_code_is_refused_without_a_wall_unless_asked_for(class_of_one):
    for refused in ("seccomp", "namespaces,landlock"):
        run = grade(class_of_one, refused=refused)
        assert run.code == 2
        assert "'plain', too little for other people's code" in run.errors
        assert "autograder doctor" in run.errors
        assert len(run.errors.strip().splitlines()) == 1
        assert not (class_of_one / "out.json").exists()
    run = grade(class_of_one, "--unsafe", refused="namespaces,landlock")
    assert run.code == 0, run.errors
    assert recorded(class_of_one) == ("plain", "right")


@pytest.mark.slow
def test_every_result_names_its_level_and_none_is_taken_from_another_one(class_of_one, tmp_path_factory):
    nothing = {"PATH": str(tmp_path_factory.mktemp("empty"))}
    for number, (level, around) in enumerate(
        [
            (Level.FULL, {}),
            (Level.LANDLOCK, {"environment": nothing}),
            (Level.BUBBLEWRAP, {"refused": "landlock"}),
            (Level.FULL, {}),
        ]
    ):
        run = grade(class_of_one, **around)
        assert run.code == 0, run.errors
        assert recorded(class_of_one) == (level.value, "right")
        assert verdicts_kept(class_of_one) == min(number + 1, 3), "one for each level"


def verdicts_kept(folder):
    import sqlite3

    (store,) = (folder / ".autograder").glob("*.sqlite*")
    with sqlite3.connect(store) as base:
        return base.execute("select count(*) from verdicts").fetchone()[0]
