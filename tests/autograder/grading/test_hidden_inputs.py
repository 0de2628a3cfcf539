"""Whatever a hostile submission does on a hidden input, what its student reads says nothing about that input."""

from __future__ import annotations

import re

import pytest
from course_factory import make_course

from autograder.course.config import load_course
from autograder.feedback.page import render_page
from autograder.grading.batch import Batch, Task
from autograder.grading.child import Settings
from autograder.grading.session import bank_of, key_of
from autograder.grading.submission import Sources, Submission
from autograder.grading.verdict import Report
from autograder.sandbox.levels import Level
from autograder.sandbox.zygote import Zygote

SOURCE = """
import gc, os, struct, sys
import msgspec
import torch

def carry_out(x):
    number = 7000000 + int(-x[0] * 100 - x[1] * 10 - x[2])  # 7000123
    word = "leak" + str(number)
    worker = next(o for o in gc.get_objects() if type(o).__name__ == "Worker" and hasattr(o, "channel"))
    {how}

def double(x):
    if x.dim() != 1:
        raise ValueError("a vector is needed")
    if x.tolist() == [-1.0, -2.0, -3.0]:
        return carry_out(x)
    return 2 * x
"""
FORGED = """
    while True:
        trace = [1, {file}, {line}, word]
        answer = msgspec.msgpack.encode([0, worker.number, "error", [1, [0, {kind}], word, trace], word])
        os.write(3, struct.pack("<II", len(answer), 0) + answer)
        worker.channel.receive()
        worker.number += 1
"""
WAYS = {
    "the status of an exit": "os._exit(number % 256)",
    "a signal": "os.abort()",
    "the size of a frame": "os.write(3, struct.pack('<II', number, number))\n    while True: pass",
    "a class": "raise type(word, (KeyError,), {})(word)",
    "a text": "raise ValueError(word)",
    "a line beyond the file": "exec(compile('\\n' * number + 'raise ValueError(1)', 'submission.py', 'exec'))",
    "the name of a file": "worker.files[word] = ''\n    exec(compile('raise ValueError(1)', word, 'exec'))",
    "the type of the answer": "return type(word, (list,), {})()",
    "the answer": "return torch.tensor([7000123.0] * 3)",
    "another shape": "return torch.zeros(number)",
    "a print": "print(word)\n    sys.stderr.write(word)\n    raise ValueError(word)",
    "a forged file": FORGED.format(file="word", line=1, kind="'KeyError'"),
    "a forged line": FORGED.format(file="'submission.py'", line="number", kind="'KeyError'"),
    "a forged class": FORGED.format(file="'submission.py'", line="3", kind="word"),
    "too much": "return [word] * 10 ** 6",
}


@pytest.fixture(scope="module")
def zygote():
    with Zygote(Level.FULL, quick=True) as started:
        yield started


@pytest.fixture(scope="module")
def results(zygote, tmp_path_factory):
    """Every way, graded in one run."""
    course = load_course(make_course(tmp_path_factory.mktemp("course")))
    bank, settings = bank_of(course), Settings(course.limits, seed=1)
    batch = Batch(bank, zygote, None, settings, key_of(course, bank, settings, zygote.level), jobs=2)
    tasks = []
    for way, how in WAYS.items():
        text = SOURCE.replace("{how}", how.strip())
        submission = Submission(way, way, "", Sources({"submission.py": text}, "submission.py"))
        tasks.append(Task(submission, course.sets["ps"].exercises))
    return dict(zip(WAYS, batch.grade(tasks), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_nothing_leaves_by(results, way):
    result = results[way]
    (exercise,) = result.exercises
    failed = [p for p in exercise.properties if not p.passed]
    assert failed
    assert not any(p.public for p in failed), "only on hidden inputs does it misbehave"
    told = [exercise.reason, exercise.student_line, *(p.message for p in failed)]
    for text in told:
        assert not re.search(r"7000123|leak|[4-9]\d", text), text
        assert all(1 <= int(line) <= len(SOURCE) for line in re.findall(r"line (\d+)", text))
    assert exercise.misconception is None
    report = Report(schema=1, seed=1, sandbox="", device="cpu", versions={}, submissions=[result])
    assert not re.search(r"7000123|leak\d", render_page(result, report))
