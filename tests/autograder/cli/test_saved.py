"""Noticing that a file was saved, whatever the editor does. The time is the test's own."""

from __future__ import annotations

import json
import os

import pytest

from autograder.cli.saved import PATIENCE, POLL, REREAD, Saved

ONE, TWO = "def f(x):\n    return x\n", "def f(x):\n    return x + 1\n"


class Clock:
    """Looks until nothing more can come, and gathers what was seen."""

    def __init__(self, file):
        self.saved, self.now = Saved(file), 0.0

    def look(self, seconds=PATIENCE + 3 * POLL):
        found, end = [], self.now + seconds
        while self.now < end:
            self.now += POLL
            if (submission := self.saved.look(self.now)) is not None:
                found.append(submission.sources.files["submission.py"])
        return found


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "submission.py"
    path.write_text(ONE)
    return path


@pytest.fixture
def clock(file):
    clock = Clock(file)
    assert clock.look() == [ONE]
    return clock


def by_renaming(file, text):
    other = file.with_name(".submission.py.swp")
    other.write_text(text)
    other.replace(file)


def in_place(file, text):
    file.write_text(text)


def deleted_first(file, text):
    file.unlink()
    file.write_text(text)


@pytest.mark.parametrize("save", [by_renaming, in_place, deleted_first])
def test_a_saved_file_is_seen_once(file, clock, save):
    save(file, TWO)
    assert clock.look() == [TWO]
    assert clock.look(3 * REREAD) == []


def test_a_file_that_is_complete_is_seen_within_three_looks(file, clock):
    in_place(file, TWO)
    assert clock.look(3 * POLL) == [TWO]


def test_saving_the_same_text_is_nothing_new(file, clock):
    by_renaming(file, ONE)
    assert clock.look() == []


def test_a_file_that_grows_is_read_when_it_has_come_to_rest(file, clock):
    for length in range(1, len(TWO)):
        file.write_text(TWO[:length])
        assert clock.look(POLL) == []
    file.write_text(TWO)
    assert clock.look() == [TWO]


@pytest.mark.parametrize("half", ["", "def f(x):\n    return (x +"])
def test_half_a_file_is_given_time(file, clock, half):
    file.write_text(half)
    assert clock.look(PATIENCE - 2 * POLL) == []
    file.write_text(TWO)
    assert clock.look() == [TWO]


def test_a_mistake_of_the_author_is_seen_in_the_end(file, clock):
    file.write_text("def f(x:\n")
    assert clock.look() == ["def f(x:\n"]


def test_a_missing_file_is_waited_for_and_named(file, clock):
    file.unlink()
    assert clock.look(PATIENCE - 2 * POLL) == []
    assert clock.saved.problem == ""
    assert clock.look() == []
    assert "submission.py" in clock.saved.problem
    file.write_text(TWO)
    assert clock.look() == [TWO]
    assert clock.saved.problem == ""


def test_a_change_that_size_and_time_do_not_show_is_seen_all_the_same(file, clock):
    before = file.stat()
    with file.open("r+") as opened:
        opened.write(ONE.replace("return x", "return 1"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert clock.look(REREAD + 3 * POLL) == [ONE.replace("return x", "return 1")]


def test_a_module_that_is_imported_is_watched_too(file, clock):
    file.write_text("import helper\n" + ONE)
    clock.look()
    (file.parent / "helper.py").write_text("A = 1\n")
    assert clock.look() == ["import helper\n" + ONE]


def test_a_notebook_is_seen_when_its_code_changes_and_not_when_its_output_does(tmp_path):
    path = tmp_path / "submission.ipynb"

    def save(source, output):
        cell = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "source": source}
        shown = {"name": "stdout", "output_type": "stream", "text": output}
        cells = [{**cell, "outputs": [shown]}]
        path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))

    save(ONE, "1")
    clock = Clock(path)
    assert len(clock.look()) == 1
    save(ONE, "2")
    assert clock.look() == []
    save(TWO, "2")
    (seen,) = clock.look()
    assert "x + 1" in seen
