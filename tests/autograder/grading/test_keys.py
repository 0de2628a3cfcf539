"""The key of a verdict: everything that can change a verdict changes it, and policy does not."""

import ast
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.course.config import Bank, Limits, load_course
from autograder.grading import keys
from autograder.grading.submission import Sources

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _fresh_caches():
    """The caches hold for a process; here every test is one."""
    keys.bank_digest.cache_clear()
    keys.engine_digest.cache_clear()
    yield
    keys.bank_digest.cache_clear()
    keys.engine_digest.cache_clear()


@pytest.fixture
def bank(tmp_path):
    for room in ("public", "hidden", "reference"):
        for topic in ("algebra", "diffusion"):
            (tmp_path / room / topic / "deeper").mkdir(parents=True)
            (tmp_path / room / topic / "subject.py").write_text(f"# {room} {topic}\n")
            (tmp_path / room / topic / "deeper" / "table.json").write_text("{}\n")
        (tmp_path / room / "shared.py").write_text(f"# {room}\n")
    return Bank(tmp_path / "public", tmp_path / "hidden", tmp_path / "reference")


@pytest.fixture
def ingredients(bank):
    return {
        "sources": Sources({"submission.py": "def f(x): return x\n", "helper.py": "A = 1\n"}, "submission.py"),
        "exercise": "f",
        "topic": "algebra",
        "bank": bank,
        "limits": Limits(),
        "seed": 0,
        "versions": {"python": "3.11.7", "torch": "2.6.0"},
        "sandbox": "full",
        "device": "cpu",
    }


def key(ingredients, **changes):
    keys.bank_digest.cache_clear()
    keys.engine_digest.cache_clear()
    return keys.verdict_key(**(ingredients | changes))


def test_a_key_is_the_same_for_the_same(ingredients):
    first = key(ingredients)
    files = dict(reversed(ingredients["sources"].files.items()))
    versions = dict(reversed(ingredients["versions"].items()))
    assert key(ingredients, sources=Sources(files, "submission.py"), versions=versions) == first
    assert len(first) == 64 and set(first) <= set("0123456789abcdef")


CHANGES = {
    "a source": {
        "sources": Sources({"submission.py": "def f(x): return 1\n", "helper.py": "A = 1\n"}, "submission.py")
    },
    "a helper": {
        "sources": Sources({"submission.py": "def f(x): return x\n", "helper.py": "A = 2\n"}, "submission.py")
    },
    "a helper's name": {
        "sources": Sources({"submission.py": "def f(x): return x\n", "h.py": "A = 1\n"}, "submission.py")
    },
    "no helper": {"sources": Sources({"submission.py": "def f(x): return x\n"}, "submission.py")},
    "the main file": {
        "sources": Sources({"submission.py": "def f(x): return x\n", "helper.py": "A = 1\n"}, "helper.py")
    },
    "the cells": {
        "sources": Sources(
            {"submission.py": "def f(x): return x\n", "helper.py": "A = 1\n"}, "submission.py", ((1, 3),)
        )
    },
    "the exercise": {"exercise": "g"},
    "the topic": {"topic": "diffusion"},
    "the seed": {"seed": 1},
    "a version": {"versions": {"python": "3.11.7", "torch": "2.7.0"}},
    "one version more": {"versions": {"python": "3.11.7", "torch": "2.6.0", "numpy": "2.0"}},
    "the sandbox": {"sandbox": "landlock"},
    "the device": {"device": "cuda"},
} | {
    f"the limit {field.name}": {"limits": dataclasses.replace(Limits(), **{field.name: 77})}
    for field in dataclasses.fields(Limits)
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_each_ingredient_changes_the_key(ingredients, changes):
    assert key(ingredients, **changes) != key(ingredients)


def test_no_two_changes_share_a_key(ingredients):
    assert len({key(ingredients, **changes) for changes in CHANGES.values()}) == len(CHANGES)


@pytest.mark.parametrize("room", ["public", "hidden", "reference"])
@pytest.mark.parametrize("name", ["algebra/subject.py", "algebra/deeper/table.json", "shared.py"])
def test_each_file_of_the_exercise_changes_the_key(ingredients, tmp_path, room, name):
    seen, path = {key(ingredients)}, tmp_path / room / name
    path.write_text(path.read_text() + "# more\n")
    seen.add(key(ingredients))
    path.rename(path.with_name("renamed.py"))
    seen.add(key(ingredients))
    path.with_name("renamed.py").unlink()
    seen.add(key(ingredients))
    assert len(seen) == 4


def test_files_of_one_name_in_two_folders_are_told_apart(ingredients, tmp_path):
    upper, deeper = tmp_path / "hidden/algebra/table.json", tmp_path / "hidden/algebra/deeper/table.json"
    seen = set()
    for texts in (("1", "2"), ("2", "1"), ("3", "2"), ("1", "3")):
        for path, text in zip((upper, deeper), texts, strict=True):
            path.write_text(text)
        seen.add(key(ingredients))
    assert len(seen) == 4


def test_rooms_are_told_apart(ingredients, bank):
    swapped = Bank(bank.hidden, bank.public, bank.reference)
    without = Bank(bank.public, bank.hidden)
    assert len({key(ingredients, bank=each) for each in (bank, swapped, without)}) == 3


def test_other_topics_and_debris_do_not_change_the_key(ingredients, tmp_path):
    before = key(ingredients)
    (tmp_path / "hidden" / "diffusion" / "subject.py").write_text("# changed\n")
    for debris in ("__pycache__/subject.cpython-311.pyc", ".ipynb_checkpoints/subject.py", ".subject.py.swp"):
        path = tmp_path / "hidden" / "algebra" / debris
        path.parent.mkdir(exist_ok=True)
        path.write_text("debris")
    assert key(ingredients) == before


def test_where_the_bank_lies_does_not_change_the_key(ingredients, tmp_path, bank):
    before = key(ingredients)
    moved = {}
    for room in ("public", "hidden", "reference"):
        moved[room] = (tmp_path / room).rename(tmp_path / f"moved_{room}")
    assert key(ingredients, bank=Bank(**moved)) == before


@pytest.mark.parametrize("name", ["rules.py", "pages/student.html.j2"])
def test_the_engine_changes_the_key(ingredients, tmp_path, monkeypatch, name):
    package = tmp_path / "autograder"
    (package / "pages").mkdir(parents=True)
    for file in ("__init__.py", "rules.py", "pages/student.html.j2"):
        (package / file).write_text("")
    monkeypatch.setattr("autograder.__file__", str(package / "__init__.py"))
    before = key(ingredients)
    (package / name).write_text("changed")
    assert key(ingredients) != before


def test_the_engine_is_the_installed_package(ingredients):
    """The real one: its digest is that of a fresh process, and it covers every room."""
    code = "from autograder.grading.keys import engine_digest; print(engine_digest())"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert keys.engine_digest() == fresh


def test_files_are_read_once_per_process(ingredients, tmp_path):
    """A running grader has imported the bank: a file edited meanwhile must not give its old verdict a new key."""
    before = keys.verdict_key(**ingredients)
    (tmp_path / "hidden" / "algebra" / "subject.py").write_text("# edited during the run\n")
    assert keys.verdict_key(**ingredients) == before
    assert key(ingredients) != before


def test_points_dates_and_weights_do_not_change_the_key(ingredients, bank, tmp_path):
    text = (
        "course: {id: c, title: T, timezone: UTC}\n"
        "bank: {public: public, hidden: hidden, reference: reference}\n"
        "sets: {s: {title: T, due: '2026-01-01T12:00', exercises: {f: {points: 4, weights: {test_p: 2}}}}}\n"
    )
    seen = set()
    for policy in (
        text,
        text.replace("points: 4", "points: 9").replace("2026", "2027").replace("test_p: 2", "test_p: 3"),
    ):
        (tmp_path / "grading.yml").write_text(policy)
        course = load_course(tmp_path / "grading.yml")
        seen.add(key(ingredients, bank=course.bank, limits=course.limits))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        (["a", ""], ["", "a"]),
        (["a", ["b"]], ["a", "b"]),
        ([["a"], []], [[], ["a"]]),
        ({"a": "b", "c": "d"}, {"a": "b\x00c", "d": ""}),
        ({"a": "1"}, {"a": 1}),
        ({"a": b"1"}, {"a": "1"}),
        ("a" * 255, "a" * 256),
        ([1, 23], [12, 3]),
    ],
)
def test_no_two_data_share_a_digest(one, other):
    assert keys.digest(one) != keys.digest(other)


def test_text_moved_from_one_file_to_the_next_is_another_submission(ingredients):
    one = Sources({"a.py": "x = 1\n", "b.py": "y = 2\n"}, "a.py")
    other = Sources({"a.py": "x = 1\ny = 2\n", "b.py": ""}, "a.py")
    assert key(ingredients, sources=one) != key(ingredients, sources=other)


def test_sources_that_are_not_unicode_have_a_key_too(ingredients):
    assert key(ingredients, sources=Sources({"a.py": "\ud800"}, "a.py")) != key(
        ingredients, sources=Sources({"a.py": "\ud801"}, "a.py")
    )


def test_the_id_of_a_counterexample_follows_from_all_of_it():
    content = ("f", "f", "test_p", b"arguments", b"sources")
    ids = {keys.counterexample_id(*content)}
    for index, part in enumerate(content):
        changed = (*content[:index], part + (b"!" if isinstance(part, bytes) else "!"), *content[index + 1 :])
        ids.add(keys.counterexample_id(*changed))
    assert len(ids) == 6 and all(len(name) == 16 for name in ids)


def test_versions_are_those_that_run():
    import numpy

    versions = keys.installed_versions()
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["numpy"] == numpy.__version__
    assert set(versions) == {"python", "torch", "numpy", "hypothesis"}


def test_no_topic_of_the_bank_uses_another_topic():
    """A key covers an exercise's own topic and the files at the rooms' roots; more would be a dependency it forgets."""
    bank = load_course(ROOT / "grading.yml").bank
    rooms = [room for room in (bank.public, bank.hidden, bank.reference) if room]
    topics = {path.name for room in rooms for path in room.iterdir() if path.is_dir() and path.name[0] not in "._"}
    foreign = [
        f"{path}: {module}"
        for room in rooms
        for path in room.glob("*/**/*.py")
        for module in _imported(path)
        if (set(module.split(".")) & topics) - {path.relative_to(room).parts[0]}
    ]
    assert topics, "the bank has topics"
    assert not foreign


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)
