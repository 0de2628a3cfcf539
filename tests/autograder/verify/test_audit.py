"""verify: a good exercise passes it, and each kind of bad one is found out."""

from __future__ import annotations

import pytest
from course_factory import make_course

from autograder.course.config import load_course
from autograder.grading.session import bank_of, key_of
from autograder.grading.store import VerdictStore
from autograder.sandbox.levels import probe
from autograder.sandbox.zygote import Zygote
from autograder.testing.bank import BankError
from autograder.verify.audit import Auditor
from autograder.verify.known import cut_out

HIDDEN = "tests/properties/hidden/algebra/doubling.py"
PUBLIC = "tests/properties/public/algebra/doubling.py"
MORE = '''

@properties_of("double")
@given(case=VECTORS)
def test_is_even_in_the_second_half(student, case):
    """f(x)/2 = x"""
    assert_close(student.double(case.x) / 2, case.x)


@properties_of("double")
@given(case=VECTORS)
def test_doubles_zero(student, case):
    """f(0) = 0"""
    assert_close(student.double(0 * case.x), 0 * case.x)


@properties_of("double")
def test_needs_a_vector(student):
    """A matrix raises ValueError"""
    from autograder.testing.assertions import assert_raises

    assert_raises(student, "double", (tensor([[2.0]]),), ValueError)
'''
WRONG_ALTERNATIVE = """

@alternative_of("double")
def tripled(x):
    return 3 * x
"""
MISSED = """

@misconception_of("double", hint="never wrong")
def not_a_mistake(x):
    if x.dim() != 1:
        raise ValueError("a vector is needed")
    return 2.0 * x
"""


@pytest.fixture(scope="module")
def zygote():
    with Zygote(probe().level) as started:
        yield started


@pytest.fixture
def audit(tmp_path, zygote):
    def run(**added):
        path = make_course(tmp_path)
        for file, text in ((HIDDEN, added.get("hidden", "")), (PUBLIC, added.get("public", ""))):
            (tmp_path / file).write_text((tmp_path / file).read_text() + text)
        course = load_course(path)
        bank = bank_of(course)
        with VerdictStore(tmp_path / "verify.sqlite") as store:
            keys = lambda settings: key_of(course, bank, settings, zygote.level)
            auditor = Auditor(bank, zygote, store, course.limits, keys, jobs=2)
            steps = []
            (found,) = auditor.audit(["double"], steps.append)
            assert sum(steps) == auditor.count(["double"])
        return found

    return run


def test_a_good_exercise_is_verified(audit):
    found = audit(public=MORE)
    assert found.problems == []
    assert found.own == ["adds_up", "is_even_in_the_second_half", "doubles_zero", "needs_a_vector", "is_odd"]
    assert len(found.references) == 5 and len(found.mutants) >= 8
    assert found.killed_by(["adds_up"]) > found.killed_by(["doubles_zero"]) > 0
    assert found.right_ratio < 1 < found.wrong_ratio
    assert found.draws.inputs >= 8


def test_what_is_weak_or_wrong_is_named(audit):
    problems = "\n".join(audit(hidden=WRONG_ALTERNATIVE + MISSED).problems)
    assert "the right answer tripled is wrong" in problems
    assert "the misconception not_a_mistake is accepted" in problems
    assert "it has 2 hand-written properties" in problems


def test_a_stale_declaration_of_an_equivalent_mutant_is_named(audit):
    problems = audit(hidden='\n\nEQUIVALENT_MUTANTS = {"double": {"gone => away": "no longer there"}}\n').problems
    assert any("gone => away" in problem for problem in problems)


def test_an_equivalent_mutant_does_not_count(audit):
    declared = {"double: argument x changed in place": "for the test"}
    found = audit(hidden=f'\n\nEQUIVALENT_MUTANTS = {{"double": {declared!r}}}\n')
    assert len(found.counted) == len(found.mutants) - 1


def test_what_the_contract_catches_is_not_asked_of_hand_written_properties(audit):
    found = audit(public=MORE)
    kinds = {known.mutant.kind for known, _ in found.counted}
    assert {"argument x changed in place", "dtype always float32"} <= kinds
    assert found.killed_by(found.own) < len(found.counted)
    assert found.own_share == 1


def test_a_known_answer_is_cut_out_with_what_it_needs_and_no_more(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "import torch\nimport math\nfrom autograder.testing.answers import alternative_of\nHALF = 0.5\nOTHER = 3\n"
        "def helper(x):\n    return x * HALF\n@alternative_of('f')\ndef answer(x: torch.Tensor) -> 'Other':\n"
        "    import cmath as c\n    return helper(x) + math.pi * c.exp(0).real\n"
    )
    text = cut_out(module, "answer")
    namespace: dict = {}
    exec(text, namespace)
    assert namespace["answer"](2.0) == pytest.approx(1 + 3.14159265)
    assert "OTHER" not in text and "autograder" not in text


def test_a_known_answer_that_needs_the_grader_is_refused(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("from reference.algebra.doubling import double\ndef answer(x):\n    return double(x)\n")
    with pytest.raises(BankError, match=r"reference\.algebra"):
        cut_out(module, "answer")


MISPRINT = """

from autograder.testing.errata import Erratum

ERRATA = (
    Erratum("double", "000", "eq. 2", printed="x²", correct="2 x", answers=(squared,)),
    Erratum("double", "000", "eq. 5", printed="2", correct="2 x"),
    Erratum("double", "000", "eq. 6", printed="2", correct="2 x", no_code="a misspelt word"),
)
"""


def test_what_a_source_misprints_is_graded_or_the_reason_given(audit):
    found = audit(hidden=MISPRINT)
    assert [problem for problem in found.problems if "erratum" in problem] == [
        "the erratum of the recitation notes of 5 March 2026, eq. 5 has no answer that computes what is printed; "
        "say in no_code why"
    ]
    ((_, result),) = found.misconceptions
    assert result.misconception is not None
    assert result.misconception.hint.endswith("this is misprinted in the recitation notes of 5 March 2026, eq. 2.")
