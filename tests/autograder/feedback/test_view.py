"""What a student may see of a result: nothing of hidden inputs, and no text that writes to a terminal."""

from __future__ import annotations

import msgspec
import pytest

from autograder.feedback.cleaning import clean, file_name
from autograder.feedback.view import student_view
from autograder.feedback.words import fix_first, next_step
from autograder.grading.verdict import Verdict


def everything(view) -> str:
    return msgspec.json.encode(view).decode()


def test_hidden_details_are_gone_from_the_whole_view(sample):
    result = sample.submission("heidi", sample.hidden_failure())
    assert sample.SECRET in everything(result)
    assert sample.SECRET not in everything(student_view(result))


def test_the_sentence_of_a_hidden_property_stays(sample):
    (failed,) = [
        p for p in student_view(sample.submission("x", sample.hidden_failure())).exercises[0].properties if not p.passed
    ]
    assert failed.sentence == "The answer is accurate when 1 + vᵀ A⁻¹ u is small."
    assert (failed.message, failed.counterexample) == ("", None)


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize(
    "reason",
    ["{secret}", "Not right yet: wrong for [[{secret}]].", "raises Leak: it was {secret}", "first sentence: {secret}"],
)
def test_a_reason_that_quotes_hidden_inputs_is_replaced(sample, verdict, reason):
    exercise = msgspec.structs.replace(
        sample.hidden_failure(), verdict=verdict, reason=reason.format(secret=sample.SECRET)
    )
    view = student_view(sample.submission("x", exercise)).exercises[0]
    assert sample.SECRET not in view.reason
    assert view.reason


def test_a_hidden_failure_beside_a_public_one_leaves_no_trace_in_the_reason(sample):
    exercise = sample.wrong_matrix()
    quoting = msgspec.structs.replace(exercise, reason=f"Wrong for {sample.SECRET}")
    assert sample.SECRET not in everything(student_view(sample.submission("x", quoting)))


def test_a_safe_reason_is_kept_as_a_sentence(sample):
    view = student_view(sample.submission("x", sample.wrong_matrix())).exercises[0]
    assert view.reason == sample.IDENTITY


def test_a_fault_is_explained_to_the_student_without_its_technical_reason(sample):
    grace = next(s for s in sample.sample_report().submissions if s.student == "grace")
    reason = student_view(grace).exercises[1].reason
    assert "scipy" not in reason and "not your doing" in reason


def test_everything_is_bounded(sample):
    view = student_view(sample.submission("ivan", sample.huge()))
    longest = max(
        len(text) for p in view.exercises[-1].properties for text in (p.sentence, p.message, p.counterexample.got)
    )
    assert longest <= 600
    assert all(len(p.counterexample.arguments) <= 12 for p in view.exercises[-1].properties)


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("plain", "plain"),
        ("a\x1b[31mred\x07", "a\\x1b[31mred\\x07"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("lone \ud800", "lone \\ud800"),
        ("null\x00", "null\\x00"),
        ("two\r\nlines", "two lines"),
        ("tab\there", "tab    here"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("vᵀ Ñ 你好 👩‍🔬", "vᵀ Ñ 你好 👩‍🔬"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 4),
        ("c\x9b31m", "c\\x9b31m"),
        (17, "<int>"),
    ],
)
def test_cleaning(dirty, cleaned):
    assert clean(dirty) == cleaned


def test_long_text_is_cut_and_says_so():
    assert clean("x" * 50, 10) == "x" * 9 + "…"
    assert clean("x" * 10, 10) == "x" * 10
    assert len(clean("\x1b" * 1000, 100)) == 100


@pytest.mark.parametrize(
    ("name", "file"),
    [("ada", "ada"), ("Ada Lovelace", "Ada_Lovelace"), ("../../etc", "_.._etc"), ("..", "student"), ("", "student"),
     ("a/b\\c\x00d", "a_b_c_d"), ("<b>", "_b_"), (".hidden", "hidden"), ("Ñandú", "Ñandú"), ("x" * 500, "x" * 40)],
)  # fmt: skip
def test_file_names(name, file):
    assert file_name(name, set()) == file


def test_file_names_do_not_collide_not_even_by_case():
    taken: set[str] = set()
    names = [file_name(name, taken) for name in ("ada", "Ada", "a/b", "a_b", "ada-2", "ADA")]
    assert len({name.casefold() for name in names}) == 6
    assert names[0] == "ada"


def test_begin_with_an_attempt_rather_than_with_what_is_missing(sample):
    missing = sample.exercise("sherman_morrison", Verdict.MISSING, 0.0, "none", properties=[])
    wrong = sample.wrong_curve()
    assert fix_first([missing, wrong]) is wrong
    assert fix_first([missing]) is missing
    assert fix_first([sample.right("sherman_morrison")]) is None


def test_the_next_step_for_hidden_failures_names_no_example(sample):
    assert "not shown" in next_step(sample.hidden_failure())
    assert "example" in next_step(sample.wrong_curve())
    assert "hint" in next_step(sample.wrong_matrix())
