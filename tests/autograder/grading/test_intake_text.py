"""The bytes of a module to its text."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from autograder.grading.intake import find_submissions
from autograder.grading.names import RefusedError
from autograder.grading.sources import decoded
from autograder.grading.submission import Sources

TEXT = "x = 'é'\ny = 2\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
    ],
)
def test_text_comes_out_the_same_however_it_was_saved(data: bytes) -> None:
    assert decoded(data) == TEXT


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "iso-8859-15", "utf-8"])
def test_a_coding_line_is_obeyed(codec: str) -> None:
    text = f"# -*- coding: {codec} -*-\n{TEXT}"
    assert decoded(text.encode(codec)) == text


@pytest.mark.parametrize(
    "data",
    [
        "x = 'é'".encode("latin-1"),
        b"x = 1\0",
        "x = 1".encode("utf-16-le"),
        codecs.BOM_UTF16_LE + b"x",
        codecs.BOM_UTF8 + b"# coding: latin-1\n",
        b"# coding: no-such-codec\n",
        b"# coding: punycode\nx = 1",
        b"# coding: unicode_escape\nx = 1",
        b"# coding: zlib\nx = 1",
        b"# coding: rot13\nx = 1",
        bytes(range(256)),
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError):
        decoded(data)


def test_a_module_that_does_not_parse_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "ana.py").write_text("def f(:\n")
    (submission,) = find_submissions([tmp_path / "ana.py"])
    assert submission.sources == Sources({"submission.py": "def f(:\n"}, "submission.py", (), "ana.py")
    assert submission.notes == ()


def test_sources_survive_the_store() -> None:
    sources = Sources({"submission.py": TEXT, "a/b.py": ""}, "submission.py", ((1, 2), (2, 5)), "ps1.ipynb")
    assert Sources.decode(sources.encode()) == sources
