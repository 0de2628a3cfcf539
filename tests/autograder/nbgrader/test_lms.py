"""Downloads from Canvas and Moodle: whose file it is, when it came, and that nothing else gets in."""

from __future__ import annotations

import datetime
import stat
import zipfile
import zoneinfo

import pytest

from autograder.nbgrader import lms

ZONE = zoneinfo.ZoneInfo("Europe/Zurich")


@pytest.fixture
def download(tmp_path):
    def make(files, name="submissions.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, data in files.items():
                when = (2026, 10, 24, 12, 0, 0)
                if isinstance(data, tuple):
                    when, data = data
                archive.writestr(zipfile.ZipInfo(member, when) if isinstance(member, str) else member, data)
        return tmp_path / name

    return make


def read(path):
    found = list(lms.read_download(path, ZONE))
    return [f for f in found if not isinstance(f, str)], [f for f in found if isinstance(f, str)]


def test_canvas(download):
    found, left_out = read(
        download(
            {
                "aana_101_9001_ps.ipynb": b"a",
                "bben_LATE_102_9002_ps-1.ipynb": ((2026, 10, 26, 8, 30, 2), b"b"),
                "von_derlay_103_9003_my_notebook (2).ipynb": b"c",
            }
        )
    )
    assert [(f.lms, f.file, f.data) for f in found[:2]] == [("101", "ps.ipynb", b"a"), ("102", "ps-1.ipynb", b"b")]
    assert found[1].when == datetime.datetime(2026, 10, 26, 8, 30, 2, tzinfo=ZONE)
    assert [f.lms for f in found] + left_out == ["101", "102", "103"]


def test_moodle_in_folders_and_flat(download):
    found, left_out = read(
        download(
            {
                "Ana A_101_assignsubmission_file_/ps.ipynb": b"a",
                "PS-One/Ben B_102_assignsubmission_file_/ps.ipynb": b"b",
                "Cem_C_103_assignsubmission_file_ps.ipynb": b"c",
                "__MACOSX/Ana A_101_assignsubmission_file_/._ps.ipynb": b"",
            }
        )
    )
    assert {(f.lms, f.file, f.data) for f in found} == {
        (n, "ps.ipynb", d) for n, d in zip(["101", "102", "103"], [b"a", b"b", b"c"], strict=True)
    }
    assert left_out == []


@pytest.mark.parametrize("name", ["readme.txt", "ana.ipynb", "../../etc/passwd", "/etc/passwd", "x_y_z_ps.ipynb"])
def test_files_of_nobody_are_named(download, name):
    found, (sentence,) = read(download({name: b"x"}))
    assert found == []
    assert sentence.endswith("neither Canvas nor Moodle names files like this; it was left out.")


def test_a_path_in_a_name_is_never_kept(download):
    (found,), _ = read(download({"../../aana_101_9001_ps.ipynb": b"x"}))
    assert found.file == "ps.ipynb"
    found, (sentence,) = read(download({"aana_101_9001_..\\..\\ps.ipynb": b"x"}, "b.zip"))
    assert found == [] and "it was left out" in sentence


def test_links_and_bombs_are_left_out(download, monkeypatch):
    link = zipfile.ZipInfo("aana_101_9001_ps.ipynb", (2026, 1, 1, 0, 0, 0))
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found, (sentence,) = read(download({link: b"/etc/passwd"}))
    assert found == [] and "a link is not followed" in sentence
    monkeypatch.setattr(lms, "LARGEST_FILE", 10)
    found, (sentence,) = read(download({"aana_101_9001_ps.ipynb": b"0" * 11}, "b.zip"))
    assert found == [] and "larger than" in sentence


def test_an_archive_that_is_none_is_one_sentence(tmp_path, download):
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 not really")
    found, (sentence,) = read(tmp_path / "bad.zip")
    assert found == [] and sentence.startswith("bad.zip cannot be read as an archive")
    good = download({"aana_101_9001_ps.ipynb": b"a" * 1000, "bben_102_9002_ps.ipynb": b"b"})
    data = bytearray(good.read_bytes())
    data[60] ^= 0xFF  # within the first member's data
    good.write_bytes(data)
    found, (sentence,) = read(good)
    assert [f.lms for f in found] == ["102"]
    assert "cannot be unpacked" in sentence
