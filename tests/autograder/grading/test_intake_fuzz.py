"""Whatever the bytes: no exception, clean words, sources within their limits."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading.intake import find_submissions
from autograder.grading.notebook import read_notebook
from autograder.grading.submission import Sources, Submission

MEBI = 1 << 20
ODD = [
    "a.py",
    "../b.py",
    "/c.py",
    "d/e.ipynb",
    "C:x.py",
    "\x1b[2J.py",
    "é.py",
    ".py",
    "a.zip",
    "x" * 200,
    "submission.py",
]
names = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
contents = st.binary(max_size=60) | st.sampled_from(
    [b"x = 1\n", b'{"cells": [{"cell_type": "code", "source": "y = 1"}]}']
)
texts = st.text(max_size=20) | st.sampled_from(
    ["x = 1", "%time", "!ls", "'''", "(", "a = !ls", "%%time\nx = 1", "\\\n"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def check(data: bytes, name: str) -> None:
    """The file alone, and as a student's beside a good one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        Path(folder, "zoe.py").write_text("z = 1\n")
        for found in (find_submissions([path]), find_submissions([Path(folder)])):
            for submission in found:
                check_submission(submission)
        assert found[-1].sources == Sources({"submission.py": "z = 1\n"}, "submission.py", (), "zoe.py")
        assert len(list(Path(folder).iterdir())) == 2


def check_submission(submission: Submission) -> None:
    assert submission.student.isascii() and submission.student.strip(".")
    assert all(note.isprintable() and len(note) < 400 for note in submission.notes)
    assert submission.sources is not None or submission.notes
    if submission.sources is not None:
        assert Sources.decode(submission.sources.encode()) == submission.sources
        assert sum(len(text.encode()) for text in submission.sources.files.values()) <= 4 * MEBI
        assert not any("\0" in text or "\r" in text for text in submission.sources.files.values())


def zipped(members: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def tarred(members: list[tuple[str, bytes]], mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


MAKERS: dict[str, Callable[[list[tuple[str, bytes]]], bytes]] = {
    "ana.zip": zipped,
    "ana.tar": lambda members: tarred(members, "w"),
    "ana.tgz": lambda members: tarred(members, "w:gz"),
}


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=400), name=st.sampled_from(["ana.zip", "ana.tar", "ana.tgz", "ana.ipynb", "ana.py"]))
def test_random_bytes(data: bytes, name: str) -> None:
    check(data, name)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=100, deadline=None)
@given(
    members=st.lists(st.tuples(names, contents), max_size=5),
    name=st.sampled_from(sorted(MAKERS)),
    damage=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    keep=st.floats(0, 1) | st.just(1.0),
)
def test_archives_with_odd_members_and_damage(
    members: list[tuple[str, bytes]], name: str, damage: list[tuple[int, int]], keep: float
) -> None:
    data = bytearray(MAKERS[name](members))
    for position, byte in damage:
        data[position % len(data)] = byte
    check(bytes(data[: int(keep * len(data))]), name)


@settings(max_examples=100, deadline=None)
@given(
    cells=st.lists(
        json_values
        | st.fixed_dictionaries(
            {"cell_type": st.just("code"), "source": texts | st.lists(texts, max_size=3)},
            optional={
                "metadata": json_values
                | st.fixed_dictionaries(
                    {"nbgrader": st.dictionaries(st.sampled_from(["solution", "grade", "locked"]), st.booleans())}
                )
            },
        ),
        max_size=6,
    )
)
def test_random_notebooks(cells: list[Any]) -> None:
    data = json.dumps({"cells": cells}).encode()
    check(data, "ana.ipynb")
    code = read_notebook(data)
    compile(code.text.replace("from __future__", "from os"), "submission.py", "exec", dont_inherit=True)
    starts = [first for first, _ in code.cells]
    assert starts == sorted(set(starts)) and all(1 <= first <= code.text.count("\n") for first in starts)


@settings(max_examples=100, deadline=None)
@given(name=st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=40))
def test_names_on_disk(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(FileExistsError):
        Path(folder, "zoe.py").write_text("z = 1\n")
        try:
            Path(folder, f"{name}.py").write_text("x = 1\n")
        except OSError:
            return  # no name for this file system
        for submission in find_submissions([Path(folder)]):
            check_submission(submission)
