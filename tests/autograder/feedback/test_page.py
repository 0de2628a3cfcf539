"""The text of the pages, and how they are written to disk."""

from __future__ import annotations

import errno
import os
import re
import stat
from html.parser import HTMLParser

import msgspec
import pytest

from autograder.feedback import page as page_module
from autograder.feedback.page import LIMIT, render_page, write_pages
from autograder.grading.verdict import Verdict

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Reader(HTMLParser):
    """Collects tags, ids, links and the text that a reader sees."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if self.tags[-1:] != ["style"]:
            self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, n, value in self.attributes if n == name]


@pytest.fixture(scope="module")
def read(sample):
    report = sample.sample_report()
    return {s.student: Reader(render_page(s, report)) for s in report.submissions}


def test_every_page_is_small(pages):
    assert all(page.stat().st_size <= LIMIT for student, page in pages.items() if student != "index")


def test_no_page_holds_anything_active_or_foreign(pages):
    for student, page in pages.items():
        found = Reader(page.read_text())
        assert not {"script", "iframe", "img", "object", "embed", "form", "input", "base"} & set(found.tags), student
        assert not [name for _, name, _ in found.attributes if name.startswith("on")], student
        hrefs = found.values("href")
        assert all(re.fullmatch(r"#[\w-]+|data:,|[^/:?#]+\.html", href) for href in hrefs), student
        assert "url(" not in page.read_text() and "@import" not in page.read_text()


def test_every_page_sets_its_policy_language_and_viewport(pages):
    for page in pages.values():
        found = Reader(page.read_text())
        assert ("html", "lang", "en") in found.attributes
        assert found.values("content")[0].startswith(POLICY)
        assert "width=device-width, initial-scale=1" in found.values("content")


def test_ids_are_unique_and_every_anchor_has_its_target(pages):
    for page in pages.values():
        found = Reader(page.read_text())
        ids = found.values("id")
        assert len(ids) == len(set(ids))
        assert {h[1:] for h in found.values("href") if h.startswith("#")} <= set(ids)
        assert {i for value in found.values("aria-labelledby") for i in value.split()} <= set(ids)


def test_what_a_wrong_answer_shows(read, sample):
    text = read["Ada Lovelace"].text
    for part in (
        "4.25",
        "of 9 points",
        "1 of 3 exercises is right",
        "Fix this first: Sherman–Morrison rank-one inverse update",
        sample.IDENTITY,
        "This looks familiar",
        "divided by 1 + vᵀ A⁻¹ u",
        "forgets the denominator",
        "[1, -0.5, 2]",
        "First difference",
        "torch.tensor([[1, 0.5, 0], [0, -2, 0.25], [1.5, 0, 1]], dtype=torch.float64)",
        "sherman_morrison(A_inv, u, v)",
        "properties hold",
        "1 property was not tried",
        "cell 7 was neutralised",
        "Skipped __MACOSX",
    ):
        assert part in text, part


def test_the_failed_property_stands_before_those_that_hold(read, sample):
    text = read["Ada Lovelace"].text
    assert text.index(sample.IDENTITY) < text.index(sample.SYMMETRIC)


def test_an_exception_shows_the_students_own_line_escaped(pages, read, sample):
    assert "Your line, cell 3, line 2" in read["bob"].text
    assert f"return {sample.SCRIPT}" in read["bob"].text
    assert "<script" not in pages["bob"].read_text()


def test_hidden_inputs_appear_on_no_page(pages, sample):
    for student, page in pages.items():
        assert sample.SECRET not in page.read_text(), student
    assert "The answer is accurate when" in pages["heidi"].read_text()


@pytest.mark.parametrize(
    ("student", "part"),
    [
        ("zoe_brandt", "All 3 exercises are right."),
        ("carla", "Takes too long"),
        ("dmitri", "Needs too much memory"),
        ("eve", "Not found"),
        ("farid", "uses torch.linalg.inv"),
        ("grace", "not your doing"),
        ("heidi", "inputs that are not shown"),
    ],
)
def test_each_verdict_is_said_in_words(read, student, part):
    assert part in read[student].text


def test_a_fault_has_no_score_and_no_total(read):
    assert "No total yet" in read["grace"].text
    assert "– of 3 points" in read["grace"].text


def test_terminal_escapes_and_reordering_marks_are_made_visible(pages):
    for page in pages.values():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.read_text())


def test_a_page_with_very_many_exercises_is_cut_and_says_so(sample):
    huge, wrong = sample.huge(), sample.wrong_matrix()
    many = [msgspec.structs.replace(wrong if i % 50 else huge, name=f"exercise_{i}") for i in range(700)]
    result = msgspec.structs.replace(sample.submission("zoe"), exercises=many)
    page = render_page(result, sample.sample_report())
    assert len(page.encode()) <= LIMIT
    assert "left out here to keep the page short" in page


def test_an_empty_submission_has_a_page(sample):
    result = msgspec.structs.replace(sample.submission("zoe"), exercises=[], notes=["Nothing in it could be read."])
    page = render_page(result, sample.sample_report())
    assert "No exercise was graded." in page and "Nothing in it could be read." in page


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_renders_without_any_detail(sample, verdict):
    score = None if verdict is Verdict.FAULT else 0.0
    bare = sample.exercise("unknown", verdict, score, "", properties=[])
    result = msgspec.structs.replace(sample.submission("zoe"), exercises=[bare], score=score)
    assert "unknown" in render_page(result, sample.sample_report())


def test_pages_can_be_read_by_their_owner_alone(pages):
    for page in pages.values():
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700


def test_one_page_per_submission_all_linked_from_the_index(pages, sample):
    links = [h for h in Reader(pages["index"].read_text()).values("href") if h.endswith(".html")]
    assert len(links) == len(sample.sample_report().submissions) == len(set(links)) == len(pages) - 1
    assert {p.name for p in pages["index"].parent.iterdir()} == {p.name for p in pages.values()}


def test_students_of_one_name_get_a_page_each(sample, tmp_path):
    report = msgspec.structs.replace(
        sample.sample_report(),
        submissions=[sample.submission(name) for name in ("ada", "Ada", "index", "a/b", "a_b", "ada")],
    )
    written = write_pages(report, tmp_path / "html")
    assert len({path.name.casefold() for path in written}) == 7
    assert all(path.parent == tmp_path / "html" for path in written)


def test_a_page_replaces_the_old_one_whole_or_not_at_all(sample, tmp_path, monkeypatch):
    report = msgspec.structs.replace(sample.sample_report(), submissions=[sample.submission("ada")])
    write_pages(report, tmp_path)
    (tmp_path / "ada.html").write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_pages(report, tmp_path)
    assert (tmp_path / "ada.html").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ada.html", "index.html"]


def test_a_page_takes_milliseconds_not_a_plotting_library():
    import subprocess
    import sys

    code = f"import sys; import {page_module.__name__}; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
