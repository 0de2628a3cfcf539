"""Which students and which files intake finds at a path."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from autograder.grading.intake import IntakeError, find_submissions
from autograder.grading.submission import Sources, Submission


def write(root: Path, **files: str) -> Path:
    """Files by posix name; "__" stands for "/", a name without a suffix is .py."""
    return write_files(root, {name.replace("__", "/") + ".py": text for name, text in files.items()})


def write_files(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def notebook(*cells: str) -> str:
    return json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "metadata": {}, "source": c} for c in cells]})


def students(*paths: Path, sets: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(s.student, s.assignment) for s in find_submissions(paths, sets)]


def only(path: Path) -> Submission:
    (submission,) = find_submissions([path])
    return submission


def sources(path: Path) -> Sources:
    found = only(path).sources
    assert found is not None
    return found


def test_a_file_is_its_stems_unless_its_name_says_submission(tmp_path: Path) -> None:
    write(tmp_path / "ana", submission="x = 1", **{"carl": "x = 2"})
    write_files(tmp_path / "bea", {"Solution.ipynb": notebook("x = 3")})
    assert students(tmp_path / "ana/submission.py") == [("ana", "")]
    assert students(tmp_path / "ana/carl.py") == [("carl", "")]
    assert students(tmp_path / "bea/Solution.ipynb") == [("bea", "")]


def test_a_file_given_relative_to_the_working_folder_knows_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "ana", submission="x = 1")
    monkeypatch.chdir(tmp_path / "ana")
    assert students(Path("submission.py")) == [("ana", "")]
    assert students(Path()) == [("ana", "")]
    assert only(Path("submission.py")).path == "submission.py"


def test_a_class_is_folders_modules_notebooks_and_archives(tmp_path: Path) -> None:
    write(tmp_path, ana__submission="x = 1", bea="x = 2")
    write_files(tmp_path, {"carl.ipynb": notebook("x = 3"), "roster.csv": "name", ".DS_Store": "", "__MACOSX/x.py": ""})
    with zipfile.ZipFile(tmp_path / "dora.zip", "w") as archive:
        archive.writestr("hw/submission.py", "x = 4")
    found = find_submissions([tmp_path])
    assert [s.student for s in found] == ["ana", "bea", "carl", "dora"]
    texts = [s.sources.files[s.sources.main] for s in found if s.sources]
    assert [text.strip() for text in texts] == ["x = 1", "x = 2", "x = 3", "x = 4"]


def test_a_class_of_one_folder_is_named_after_that_folder(tmp_path: Path) -> None:
    assert students(write(tmp_path / "class", ana__submission="x = 1")) == [("ana", "")]


def test_one_students_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "ana", submission="import linear", linear="", deep__er="")
    assert students(folder) == [("ana", "")]
    assert set(sources(folder).files) == {"submission.py", "linear.py", "deep/er.py"}
    assert students(write(tmp_path / "bea", homework="x = 1")) == [("bea", "")]


def test_an_archive_is_one_students_or_a_class(tmp_path: Path) -> None:
    def packed(name: str, *members: str) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in members:
                archive.writestr(member, notebook("x = 1") if member.endswith("ipynb") else "x = 1")
        return tmp_path / name

    assert students(packed("ana.zip", "ps1.ipynb", "linear.py", "tools/solve.py")) == [("ana", "")]
    assert students(packed("bea.zip", "work/ps1.py", "work/linear.py")) == [("bea", "")]
    assert students(packed("c.zip", "ana/submission.py", "bea/ps1.ipynb", "carl.py")) == [
        ("ana", ""),
        ("bea", ""),
        ("carl", ""),
    ]
    assert students(packed("d.zip", "d/ana/a.py", "d/bea/b.py")) == [("ana", ""), ("bea", "")]
    assert students(packed("e.zip", "submitted/ana/ps1/a.ipynb")) == [("ana", "ps1")]


def test_helpers_are_named_from_the_main_files_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "ana", work__submission="", work__tools__linear="", elsewhere="")
    assert set(sources(tmp_path).files) == {"submission.py", "tools/linear.py", "elsewhere.py"}
    assert only(tmp_path).path == f"{tmp_path}/{folder.name}"


def test_a_submission_file_brings_the_modules_it_imports_and_no_others(tmp_path: Path) -> None:
    write(tmp_path / "ana", submission="import linear", linear="from tools import solve", tools__solve="", other="")
    assert set(sources(tmp_path / "ana/submission.py").files) == {"submission.py", "linear.py", "tools/solve.py"}
    # The neighbours of any other file may be other students'.
    write(tmp_path / "class", bea="import carl", carl="secret = 1")
    assert set(sources(tmp_path / "class/bea.py").files) == {"submission.py"}


def nbgrader(root: Path) -> Path:
    sets = {f"submitted/{s}/{ps}/{ps}.ipynb": notebook(f"x = {s!r}") for s in ("ana", "bea") for ps in ("ps1", "ps2")}
    return write_files(root, sets | {"submitted/ana/ps1/timestamp.txt": "2024", "source/ps1/ps1.ipynb": notebook("no")})


def test_nbgraders_tree_gives_every_set_of_every_student(tmp_path: Path) -> None:
    course = nbgrader(tmp_path)
    everything = [("ana", "ps1"), ("ana", "ps2"), ("bea", "ps1"), ("bea", "ps2")]
    assert students(course) == students(course / "submitted") == everything
    assert students(course, sets=("ps2",)) == [("ana", "ps2"), ("bea", "ps2")]
    assert students(course / "submitted/ana") == [("ana", "ps1"), ("ana", "ps2")]
    assert students(course / "submitted/bea/ps2") == [("bea", "ps2")]
    assert students(course / "submitted/bea/ps2/ps2.ipynb") == [("bea", "ps2")]
    assert only(course / "submitted/bea/ps2").sources.files["submission.py"] == "x = 'bea'\n"  # type: ignore[union-attr]


def test_the_order_is_by_student_whatever_the_order_of_the_paths(tmp_path: Path) -> None:
    write(tmp_path, **dict.fromkeys(("dora", "ana", "carl", "bea"), "x = 1"))
    paths = [tmp_path / f"{name}.py" for name in ("carl", "ana", "dora", "bea")]
    assert find_submissions(paths) == find_submissions(paths[::-1]) == find_submissions([tmp_path])


@pytest.mark.parametrize("name", ["missing", "empty", "essay.pdf", "missing.py", "nul\0.py"])
def test_a_path_without_any_submission_is_wrong_usage(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "essay.pdf").write_text("")
    with pytest.raises(IntakeError) as caught:
        find_submissions([tmp_path / name])
    message = str(caught.value)
    assert name.replace("\0", "?") in message and message.count("\n") == 0 and message.endswith(".")


def test_a_set_that_nobody_handed_in_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="submission"):
        find_submissions([nbgrader(tmp_path)], ["ps9"])


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("submission.py", "submission-1.py"),
        ("submission-9.py", "submission-10.py"),
        ("ps1.ipynb", "ps1 (2).ipynb"),
        ("ps1 (2).ipynb", "ps1 (11).ipynb"),
        ("ps1.ipynb", "Copy of ps1.ipynb"),
        ("ps1.ipynb", "ps1-Copy1.ipynb"),
        ("ps1-1 (1).ipynb", "ps1-2.ipynb"),
    ],
)
def test_the_newest_upload_is_graded(tmp_path: Path, older: str, newer: str) -> None:
    texts = {older: "old = 1", newer: "new = 1"}
    files = {name: notebook(text) if name.endswith("ipynb") else text for name, text in texts.items()}
    submission = only(write_files(tmp_path / "ana", files))
    assert submission.student == "ana"
    assert submission.sources is not None and submission.sources.files["submission.py"].strip() == "new = 1"
    assert [note for note in submission.notes if older in note and newer in note]


def test_a_students_newer_upload_beside_the_first_is_the_same_students(tmp_path: Path) -> None:
    folder = write(tmp_path, **{"ana": "old = 1", "ana-1": "new = 1", "team-1": "", "team-2": ""})
    assert students(folder) == [("ana", ""), ("team-1", ""), ("team-2", "")]
    assert "new" in find_submissions([folder])[0].sources.files["submission.py"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("files", "graded"),
    [
        ({"a.py": "def f(): return 1", "submission.py": "x = 1"}, "submission.py"),
        ({"a.py": "def f(): return 1", "work.ipynb": notebook("x = 1")}, "work.ipynb"),
        (
            {"submission.py": "def f(): raise NotImplementedError", "submission.ipynb": notebook("def f(): return 1")},
            "",
        ),
        ({"b.py": "def f(): return 1\ndef g(): return 2", "a.py": "def f(): return 1\ndef g(): ..."}, "b.py"),
        ({"a.py": "def f(): return 1\ndef g(): return 2", "ps1.py": "import a\ndef h(): return a.f()"}, "ps1.py"),
        ({"sub/a.py": "def f(): return 1", "b.py": "def g(): return 1"}, "b.py"),
        ({"b.py": "x = 1", "a.py": "x = 1"}, "a.py"),
        ({"submission.py": "\0", "a.py": "x = 1"}, "a.py"),
    ],
)
def test_the_file_that_is_graded(tmp_path: Path, files: dict[str, str], graded: str) -> None:
    write_files(tmp_path / "class/ana", files)
    (submission,) = find_submissions([tmp_path / "class"])
    assert submission.sources is not None and submission.sources.title == (graded or "submission.ipynb")
    expected = f"{graded or 'submission.ipynb'} is the file that was graded."
    readable = [text for text in files.values() if "\0" not in text]
    assert (expected in submission.notes) == (len(readable) > 1)


def test_the_main_file_has_one_name_and_keeps_its_own_for_its_author(tmp_path: Path) -> None:
    found = sources(write(tmp_path / "ana", torch="x = 1"))
    assert found.main == "submission.py" and found.locate("submission.py", 7) == "torch.py, line 7"


def test_a_folder_of_reports_is_a_submission_that_says_so(tmp_path: Path) -> None:
    write_files(tmp_path, {"ana/report.pdf": "", "bea/submission.py": ""})
    ana, _ = find_submissions([tmp_path])
    assert ana.sources is None and ana.notes == ("There is no .py or .ipynb file.",)


def test_ids_are_clean_distinct_and_explained(tmp_path: Path) -> None:
    names = ["ana@uni.org", "José", "a b", "a\x1bb", "a_b", "李明", "王芳"]
    for name in names:
        write(tmp_path / name, submission="x = 1")
    found = find_submissions([tmp_path])
    ids = [s.student for s in found]
    assert len(set(ids)) == len(names)
    assert {"ana@uni.org", "a_b", "Jos_"} <= set(ids)
    assert all(c.isascii() and (c.isalnum() or c in "._@+-") for name in ids for c in name)
    assert all(bool(s.notes) == (s.student not in names) for s in found)
    shown = "".join(s.path + "".join(s.notes) for s in found)
    assert "\x1b" not in shown


@pytest.mark.parametrize("name", [".", "..", "", "...", "/"])
def test_an_id_is_never_a_path(name: str) -> None:
    from autograder.grading.names import student_id

    assert student_id(name).strip("._-") == "" and "_" in student_id(name)


def test_notes_about_many_files_are_summed_up(tmp_path: Path) -> None:
    folder = write(tmp_path / "ana", submission="x = 1")
    for number in range(100):
        (folder / f"link{number}.py").symlink_to("/etc/passwd")
    submission = only(folder)
    assert submission.sources is not None and len(submission.notes) < 30 and "80" in submission.notes[-1]
