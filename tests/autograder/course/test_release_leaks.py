"""No reference, hidden property, misconception, hint or seed is in what students get; and a planted one is found."""

from __future__ import annotations

import gzip
import io
import json
import py_compile
import shutil
import tarfile
import zipfile
from pathlib import Path

import nbformat
import pytest
from assignment_factory import WARM_UP, make_assignment
from click.testing import CliRunner

from autograder.cli.main import main
from autograder.course import build as building
from autograder.course.config import load_course
from autograder.course.leaks import leaks_in, secrets_of_text
from autograder.course.notebook import sentences
from autograder.course.prose import BuildError, Posed
from autograder.course.release import write_release, zipped
from autograder.course.wheel import build_wheel
from autograder.grading.session import bank_of

ROOT = Path(__file__).parents[3]
SEED = "1936541287"
SET = "ps00_core"


@pytest.fixture(scope="module")
def course():
    return load_course(ROOT / "grading.yml")


@pytest.fixture(scope="module")
def bank(course):
    return bank_of(course)


@pytest.fixture(scope="module")
def built(course, bank):
    return building.read_set(course, SET, bank)


@pytest.fixture(scope="module")
def secrets(course, bank, built):
    private = [block for block in built.blocks if isinstance(block, Posed)]
    rubrics = [secret for block in private for secret in secrets_of_text(block.private, str(block.place))]
    return [*building.course_secrets(course, bank, SEED), *rubrics]


@pytest.fixture(scope="module")
def released(course, bank, built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    building.write_source(folder / "source" / SET, built, course, bank, build_wheel(folder), SEED)
    write_release(folder / "source" / SET, folder / SET)
    return folder / SET


def test_every_room_has_secrets_that_are_looked_for(course, bank, secrets):
    origins = {secret.origin for secret in secrets}
    for entry in bank.values():
        assert f"reference/{entry.topic}/{entry.subject}.py" in origins
        assert f"hidden/{entry.topic}/{entry.subject}.py" in origins
    texts = {secret.text for secret in secrets}
    hints = [known.hint for entry in bank.values() for known in entry.misconceptions]
    assert hints
    assert [hint for hint in hints if not any(text in " ".join(hint.split()) for text in texts)] == []


def test_the_release_holds_none_of_them(released, secrets):
    assert [str(leak) for leak in leaks_in(released, secrets)] == []


def test_the_zip_of_the_release_holds_none_of_them(released, secrets, tmp_path):
    zipped(released, tmp_path / "all.zip")
    assert [str(leak) for leak in leaks_in(tmp_path, secrets)] == []


def test_the_source_folder_holds_them_so_that_the_search_can_fail(released, secrets):
    found = leaks_in(released.parent / "source", secrets)
    assert {leak.place for leak in found} == {f"{SET}/{SET}.ipynb"}
    assert any(leak.origin.startswith("reference/") for leak in found)


def markdown(text):
    """A text without what markdown escapes, on one line."""
    return " ".join(text.replace("\\", "").split())


def test_the_sentences_of_hidden_properties_are_published(bank, course, released):
    notebook = nbformat.read(released / f"{SET}.ipynb", 4)
    text = markdown("\n".join(cell.source for cell in notebook.cells))
    for name in course.sets[SET].exercises:
        own, further = sentences(bank[name])
        assert further
        for sentence in (*own, *further):
            assert markdown(sentence) in text


def test_students_have_the_public_properties_of_their_exercises_only(bank, course, released):
    topics = {f"{bank[name].topic}/{bank[name].subject}.py" for name in course.sets[SET].exercises}
    room = released / "properties" / "public"
    there = {str(file.relative_to(room)) for file in room.rglob("*") if file.is_file()}
    assert topics <= there
    for file in there - topics:  # only what these import
        module = f"tests.properties.public.{file.removesuffix('.py').replace('/', '.')}"
        assert any(module in (room / other).read_text("utf-8") for other in there)


# What may be planted: text of the reference, of a hidden property, of a misconception, a hint, a seed ...
LINE = "v_A_inv = v @ A_inv"
NAME = "log_det_of_the_inverse"
HINT = "Minus Σ s belongs to the inverse map, or to the density."
KINDS = {
    "a line of the reference": f"x = 1\n{LINE}\n",
    "the same with other spaces": "x = 1\n    v_A_inv  =  v  @ A_inv\n",
    "the name of a misconception": f"see {NAME} for more",
    "a hint": f"Think: {HINT}",
    "a comment of the hidden room": "# the halves exchanged instead of a flip -> is_gaussian_for_affine_layers (D > 2)",
    "the seed of graded runs": f"--seed {SEED}",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_text_is_found(tmp_path, secrets, kind):
    (tmp_path / "notes.txt").write_text(KINDS[kind], "utf-8")
    assert {leak.place for leak in leaks_in(tmp_path, secrets)} == {"notes.txt"}


def as_zip(data, name="a.txt", comment=b""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
        archive.comment = comment
    return buffer.getvalue()


def as_tar(data):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        entry = tarfile.TarInfo("a.txt")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("a.zip", as_zip(LINE)),
        ("zip_in_zip.bin", as_zip(as_zip(LINE))),
        ("tar_in_zip.zip", as_zip(as_tar(LINE.encode()))),
        ("a.gz", gzip.compress(LINE.encode(), mtime=0)),
        ("comment.zip", as_zip("x", comment=NAME.encode())),
        ("entry.zip", as_zip("x", name=f"{NAME}.txt")),
        (f"{NAME}.txt", b""),
        ("escaped.json", json.dumps({"a": [HINT]}).encode()),
        ("escaped.html", HINT.replace("Minus", "&#77;inus").encode()),
        ("gradebook.db", b"x"),
        ("reference/empty.py", b""),
        ("properties/hidden/empty.py", b""),
    ],
)
def test_a_planted_file_is_found_however_it_is_packed(tmp_path, secrets, file, data):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(data)
    places = {leak.place.partition("!")[0] for leak in leaks_in(tmp_path, secrets)}
    assert places == {file}


@pytest.mark.parametrize(
    "module",
    [
        "reference/flows/coupling.py",
        "reference/linear_algebra/inverse_updates.py",
        "tests/properties/hidden/flows/stack.py",
    ],
)
def test_bytecode_is_read(tmp_path, secrets, module):
    """Under a harmless name, so that only what stands inside gives it away."""
    py_compile.compile(str(ROOT / module), cfile=str(tmp_path / "data.bin"), optimize=2 if "reference" in module else 0)
    found = [leak for leak in leaks_in(tmp_path, secrets) if leak.place == "data.bin"]
    assert any(module.removeprefix("tests/properties/") == leak.origin for leak in found)


def test_what_stands_in_the_wheel_is_read(released, secrets, tmp_path):
    wheel = Path(shutil.copy(*released.glob("*.whl"), tmp_path))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("autograder/testing/extra.py", (ROOT / "reference/regression/gaussian_prior.py").read_text())
    found = leaks_in(tmp_path, secrets)
    assert f"{wheel.name}!autograder/testing/extra.py" in {leak.place for leak in found}


@pytest.mark.parametrize("where", ["cell metadata", "notebook metadata", "output", "attachment name"])
def test_what_stands_in_a_notebook_is_read(released, secrets, where, tmp_path):
    path = shutil.copy(released / f"{SET}.ipynb", tmp_path)
    notebook = nbformat.read(path, 4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if where == "cell metadata":
        cell.metadata["note"] = HINT
    elif where == "notebook metadata":
        notebook.metadata["note"] = {"deep": [HINT]}
    elif where == "output":
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{LINE}\n")]
    else:
        notebook.cells[0]["attachments"] = {f"{NAME}.png": {"image/png": ""}}
    nbformat.write(notebook, path)
    assert {leak.place for leak in leaks_in(tmp_path, secrets)} == {f"{SET}.ipynb"}


def test_a_build_with_a_leak_is_refused(course, bank, built, released, tmp_path):
    (wheel,) = released.glob("*.whl")
    told = built.notebook.copy()
    cells = [cell.copy() for cell in built.notebook.cells]
    cells[2]["source"] += f"\n\n    {LINE}\n"
    told["cells"] = cells
    leaking = building.BuiltSet(built.problem_set, told, built.blocks)
    with pytest.raises(BuildError, match="students would get what they must not have"):
        building.write_source(tmp_path / SET, leaking, course, bank, wheel)


def test_the_command_writes_no_zip_with_a_leak(tmp_path):
    make_assignment(tmp_path, WARM_UP + "\nHint: Twice is not the square.\n")
    run = CliRunner().invoke(main, ["--config", str(tmp_path), "release", "ps", "--zip", str(tmp_path / "ps.zip")])
    assert run.exit_code == 1
    assert "hidden/algebra/doubling.py: Twice is not the square." in run.stderr
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize(
    "told", ["says that it is linear, and that every linear map is odd.", "two times x, entry by entry"]
)
def test_a_rubric_or_a_hidden_result_in_the_text_is_refused(tmp_path, told):
    path = make_assignment(tmp_path, f"{WARM_UP}\nBy the way: {told}, is the whole result\n- 1 point: {told}\n")
    course = load_course(path)
    bank = bank_of(course)
    wheel = tmp_path / "autograder-0-py3-none-any.whl"
    wheel.write_bytes(b"")
    with pytest.raises(BuildError, match="students would get"):
        building.write_source(tmp_path / "out" / "ps", building.read_set(course, "ps", bank), course, bank, wheel)
