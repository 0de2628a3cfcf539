"""Hostile and damaged hand-ins: a clear word for the file, the rest is read, nothing leaves the archive."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import socket
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from autograder.grading.folder import on_disk
from autograder.grading.intake import find_submissions
from autograder.grading.names import RefusedError
from autograder.grading.sources import read_student
from autograder.grading.submission import Submission

MEBI = 1 << 20
GOOD = ("submission.py", b"x = 1\n")


def only(path: Path) -> Submission:
    (submission,) = find_submissions([path])
    return submission


def check_reads_the_rest(path: Path, word: str) -> None:
    """The good file was read, nothing else, and one note says why."""
    submission = only(path)
    assert submission.sources is not None and submission.sources.files == {"submission.py": "x = 1\n"}
    (note,) = submission.notes
    assert word in note and note.endswith(".") and note.isprintable()


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **pax: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.pax_headers = kind, link, pax
    return info


def tarred(path: Path, *members: tuple[tarfile.TarInfo | str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for info, data in members:
            info = member(info) if isinstance(info, str) else info
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


UNSAFE = {
    "/tmp/a.py": "absolute",
    "\\tmp\\a.py": "absolute",
    "C:\\a.py": "absolute",
    "c:a.py": "absolute",
    "../a.py": "leads out",
    "a/../../a.py": "leads out",
    "..\\a.py": "leads out",
    "a\x1b[2Jb.py": "control",
    "a\n.py": "control",
    "d/" * 40 + "a.py": "long",
    "a" * 400 + ".py": "long",
}


@pytest.mark.parametrize(("name", "word"), UNSAFE.items())
def test_an_archive_with_an_unsafe_name(tmp_path: Path, name: str, word: str) -> None:
    check_reads_the_rest(zipped(tmp_path / "ana.zip", (name, b"bad"), GOOD), word)
    check_reads_the_rest(tarred(tmp_path / "ana.tar", (name, b"bad"), GOOD), word)
    check_reads_the_rest(tarred(tmp_path / "ana.tgz", (name, b"bad"), GOOD), word)


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140644])
def test_a_zip_with_something_else_than_a_plain_file(tmp_path: Path, mode: int) -> None:
    info = zipfile.ZipInfo("a.py")
    info.external_attr = mode << 16
    check_reads_the_rest(zipped(tmp_path / "ana.zip", (info, b"/etc/passwd"), GOOD), "a.py")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"]
)
def test_a_tar_with_something_else_than_a_plain_file(tmp_path: Path, kind: bytes) -> None:
    odd = member("a.py", kind, "submission.py")
    submission = only(tarred(tmp_path / "ana.tar", (odd, b""), GOOD))
    assert submission.sources is not None and submission.sources.files["submission.py"] == "x = 1\n"
    # tarfile takes an unknown kind for a plain file, as POSIX asks; this one is empty.
    assert any("a.py" in note for note in submission.notes)


def test_a_file_that_is_twice_in_an_archive(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = zipped(tmp_path / "ana.zip", ("submission.py", b"old = 1"), GOOD)
    check_reads_the_rest(path, "more than once")
    check_reads_the_rest(tarred(tmp_path / "ana.tgz", ("submission.py", b"old = 1"), GOOD), "more than once")


def test_an_encrypted_file(tmp_path: Path) -> None:
    path = zipped(tmp_path / "ana.zip", ("secret.py", b"x"), GOOD)
    data = bytearray(path.read_bytes())
    local, central = data.index(b"PK\3\4"), data.index(b"PK\1\2")
    data[local + 6] |= 1
    data[central + 8] |= 1
    path.write_bytes(data)
    check_reads_the_rest(path, "password")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_compression_whose_memory_a_header_chooses(tmp_path: Path, method: int) -> None:
    submission = only(zipped(tmp_path / "ana.zip", GOOD, method=method))
    assert submission.sources is None and "compression" in submission.notes[0]


def test_a_member_whose_bytes_are_damaged(tmp_path: Path) -> None:
    path = zipped(tmp_path / "ana.zip", ("a.py", b"damage me"), GOOD, method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"damage me", b"damaged! "))
    check_reads_the_rest(path, "damaged")


@pytest.mark.parametrize("name", ["ana.zip", "ana.tar", "ana.tgz", "ana.tar.gz"])
@pytest.mark.parametrize("data", [b"", b"PK\5\6", b"\x1f\x8b\x08", b"<html>", bytes(10_240), os.urandom(4096)])
def test_an_archive_that_is_none(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    submission = only(tmp_path / name)
    assert submission.student == "ana" and submission.sources is None and submission.notes


def test_what_comes_before_the_damage_is_read(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(100_000)
    whole = tarred(tmp_path / "ana.tgz", GOOD, ("noise.bin", noise), ("late.py", b"")).read_bytes()
    (tmp_path / "ana.tgz").write_bytes(whole[: len(whole) // 2])
    submission = only(tmp_path / "ana.tgz")
    assert submission.sources is not None and submission.sources.files == {"submission.py": "x = 1\n"}
    assert any("damaged" in note for note in submission.notes)
    tar = bytearray(tarred(tmp_path / "ana.tar", GOOD, ("late.py", b"")).read_bytes())
    tar[1024] ^= 1  # the second header no longer matches its checksum
    (tmp_path / "ana.tar").write_bytes(tar)
    check_reads_the_rest(tmp_path / "ana.tar", "damaged")


def test_bombs_are_counted_by_what_comes_out(tmp_path: Path) -> None:
    check_reads_the_rest(zipped(tmp_path / "ana.zip", ("bomb.py", bytes(20 * MEBI)), GOOD), "1 MiB")
    check_reads_the_rest(tarred(tmp_path / "bea.tgz", ("bomb.py", bytes(20 * MEBI)), GOOD), "1 MiB")


def test_a_stream_that_does_not_end(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    with gzip.open(tmp_path / "class/ana.tgz", "wb", compresslevel=1) as stream:
        stream.write(tarred(tmp_path / "x.tar", GOOD).read_bytes()[:1024])
        stream.write(bytes(65 * MEBI))
    check_reads_the_rest(tmp_path / "class", "64 MiB")


def test_a_zip_that_lies_about_its_sizes(tmp_path: Path) -> None:
    path = zipped(tmp_path / "ana.zip", ("bomb.py", b"#" * (50 * MEBI)), GOOD)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\1\2")
    data[central + 24 : central + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    submission = only(path)
    assert submission.sources is not None and "bomb.py" not in submission.sources.files
    assert "bomb.py" in submission.notes[0]


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_more_entries_than_a_student_needs(tmp_path: Path, suffix: str) -> None:
    names = [f"d{number}/x.py" for number in range(3000)]
    make = zipped if suffix == ".zip" else tarred
    make(tmp_path / f"ana{suffix}", GOOD, *[(name, b"") for name in names])  # type: ignore[operator]
    (tmp_path / "bea.py").write_text("")
    ana, _ = find_submissions([tmp_path])
    assert ana.sources is not None and ana.sources.files["submission.py"] == "x = 1\n"
    assert len(ana.sources.files) <= 50 and any("1000" in note for note in ana.notes)


def test_a_table_of_contents_that_unfolds(tmp_path: Path) -> None:
    huge = member("a.py", comment="x" * (8 * MEBI))
    (tmp_path / "class").mkdir()
    tarred(tmp_path / "class/ana.tgz", GOOD, (huge, b""))
    submission = only(tmp_path / "class")
    assert submission.sources is not None and any("table of contents" in note for note in submission.notes)


def test_tar_headers_that_nest(tmp_path: Path) -> None:
    header = member("x" * 10, tarfile.GNUTYPE_LONGNAME).tobuf(tarfile.GNU_FORMAT)
    path = tarred(tmp_path / "ana.tar", GOOD)
    path.write_bytes(path.read_bytes()[:1024] + header * 50_000)
    check_reads_the_rest(path, "damaged")


def test_sparse_members_are_not_filled(tmp_path: Path) -> None:
    sparse = member("a.py", **{"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40)})
    check_reads_the_rest(tarred(tmp_path / "ana.tar", (sparse, b"x"), GOOD), "holes")


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "answer.py").write_text("secret = 1")
    for index, target in enumerate([secret / "answer.py", secret, Path("/etc/passwd"), tmp_path / "nowhere"]):
        folder = tmp_path / f"class{index}"
        folder.mkdir()
        (folder / "submission.py").write_text("x = 1\n")
        (folder / "answer.py").symlink_to(target)
        check_reads_the_rest(folder, "link")


def test_a_linked_students_folder_and_a_linked_path(tmp_path: Path) -> None:
    (tmp_path / "class/ana").mkdir(parents=True)
    (tmp_path / "class/ana/submission.py").write_text("x = 1\n")
    (tmp_path / "class/eve").symlink_to("ana")
    ana, eve = find_submissions([tmp_path / "class"])
    assert ana.sources is not None and eve.student == "eve" and eve.sources is None and "link" in eve.notes[0]
    assert find_submissions([tmp_path / "class/eve"])[0].sources is None
    (tmp_path / "class/zoe.py").symlink_to("ana/submission.py")
    assert find_submissions([tmp_path / "class/zoe.py"])[0].sources is None


def test_special_files_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "submission.py").write_text("x = 1\n")
    os.mkfifo(tmp_path / "a.py")
    check_reads_the_rest(tmp_path, "pipe")
    (tmp_path / "a.py").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(tmp_path, os.O_RDONLY)  # the full path may be too long for a socket's name
        listener.bind(f"/proc/self/fd/{here}/a.py")
        os.close(here)
        check_reads_the_rest(tmp_path, "socket")
    (tmp_path / "a.py").unlink()
    (tmp_path.parent / "elsewhere.txt").write_text("secret")
    os.link(tmp_path.parent / "elsewhere.txt", tmp_path / "a.py")
    check_reads_the_rest(tmp_path, "hard link")


def test_a_folder_exchanged_for_a_link_after_the_look(tmp_path: Path) -> None:
    (tmp_path / "ana/sub").mkdir(parents=True)
    (tmp_path / "ana/sub/x.py").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x.py").write_text("secret")
    read = on_disk(tmp_path / "ana").folders["sub"]().files["x.py"]
    assert read(100) == b"mine"
    (tmp_path / "ana/sub").rename(tmp_path / "ana/was")
    (tmp_path / "ana/sub").symlink_to(tmp_path / "other")
    with pytest.raises(RefusedError):
        read(100)


def test_a_folder_that_cannot_be_opened_is_a_note_of_its_student(tmp_path: Path) -> None:
    (tmp_path / "ana").mkdir()
    look = on_disk(tmp_path).folders["ana"]
    (tmp_path / "ana").rmdir()
    (note,) = read_student(look())[1]
    assert "could not be looked into" in note


def test_a_file_larger_than_a_source(tmp_path: Path) -> None:
    (tmp_path / "submission.py").write_text("x = 1\n")
    (tmp_path / "big.py").write_text("#" * (MEBI + 1))
    check_reads_the_rest(tmp_path, "1 MiB")
    (tmp_path / "big.py").write_text("#" * MEBI)
    assert "big.py" in only(tmp_path).sources.files  # type: ignore[union-attr]


def test_more_code_than_a_submission_holds(tmp_path: Path) -> None:
    (tmp_path / "submission.py").write_text("x = 1\n")
    for letter in "abcdef":
        (tmp_path / f"{letter}.py").write_text("#" * MEBI)
    submission = only(tmp_path)
    assert submission.sources is not None and sum(map(len, submission.sources.files.values())) <= 4 * MEBI
    assert {"submission.py", "a.py", "b.py", "c.py"} == set(submission.sources.files)


def test_a_large_notebook_in_a_zip_is_no_bomb(tmp_path: Path) -> None:
    picture = base64.b64encode(random.Random(1).randbytes(5 * MEBI)).decode()
    notebook = {"cells": [{"cell_type": "code", "source": "x = 1", "outputs": [picture]}]}
    zipped(tmp_path / "ana.zip", ("ps1.ipynb", json.dumps(notebook).encode()), method=zipfile.ZIP_STORED)
    (tmp_path / "bea.py").write_text("")
    ana, _ = find_submissions([tmp_path])
    assert ana.sources is not None and ana.sources.files == {"submission.py": "x = 1\n"} and ana.notes == ()


def test_debris_is_not_worth_a_word(tmp_path: Path) -> None:
    debris = ["__MACOSX/._submission.py", ".DS_Store", "._x.py", ".ipynb_checkpoints/old.ipynb", "__pycache__/a.py"]
    path = zipped(tmp_path / "ana.zip", GOOD, *[(name, b"\0") for name in debris])
    submission = only(path)
    assert submission.sources is not None and submission.sources.files == {"submission.py": "x = 1\n"}
    assert submission.notes == ()


def test_nothing_is_written(tmp_path: Path) -> None:
    zipped(tmp_path / "ana.zip", ("a/b.py", b"x = 1"), GOOD)
    tarred(tmp_path / "bea.tgz", ("a/b.py", b"x = 1"), GOOD)
    find_submissions([tmp_path])
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["ana.zip", "bea.tgz"]


def test_a_class_archive_keeps_each_students_trouble_apart(tmp_path: Path) -> None:
    students = [(f"{name}/submission.py", b"x = 1\n") for name in ("ana", "bea", "carl")]
    bomb = ("bea/bomb.py", bytes(5 * MEBI))
    for path in (zipped(tmp_path / "c.zip", *students, bomb), tarred(tmp_path / "c.tgz", *students, bomb)):
        found = find_submissions([path])
        assert [s.student for s in found] == ["ana", "bea", "carl"]
        assert [bool(s.notes) for s in found] == [False, True, False]
        assert all(s.sources is not None for s in found)


@pytest.mark.parametrize("chain", ["import " + "a." * 100_000 + "b", "x" + " . \\\n y" * 1000])
def test_a_name_that_the_parser_cannot_bear(tmp_path: Path, chain: str) -> None:
    (tmp_path / "submission.py").write_text("x = 1\n")
    (tmp_path / "a.py").write_text(chain)
    check_reads_the_rest(tmp_path, "200 parts")
