"""A class in which every submission is broken in another way, graded to the end with the verdict each must get."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile

import pytest
import torch
from course_factory import RIGHT, make_course
from forked_grader import Grader, report_of, stored

from autograder.grading.store import store_path
from autograder.sandbox.levels import probe
from autograder.sandbox.zygote import Zygote

pytestmark = pytest.mark.slow

LIMITS = "limits: {call: 0.5, exercise: 4, submission: 20, memory_mb: 256, examples: 3}"
CHECK = "    if x.dim() != 1: raise ValueError('a vector is needed')\n"
ARGUMENTS = ["grade", "class", "--seed", 1, "--json", "report.json", "--html", "pages"]
MEBI = 1 << 20


def body(text, before=""):
    """``double`` that rejects matrices and then does ``text``."""
    lines = "".join(f"    {line}\n" for line in text.split("\n"))
    return f"import torch\n{before}\ndef double(x):\n{CHECK}{lines}"


def top(text):
    """Code outside the function, before a right one."""
    return f"{text}\n{RIGHT}"


def module(text):
    def make(folder, name):
        (folder / name).mkdir()
        (folder / name / "submission.py").write_bytes(text if isinstance(text, bytes) else text.encode())

    return make


def file(name, data):
    """One file of that name in the student's folder."""

    def make(folder, student):
        (folder / student).mkdir()
        (folder / student / name).write_bytes(data if isinstance(data, bytes) else data.encode())

    return make


def entry(suffix, data):
    """The class folder's entry is a file of that name."""
    return lambda folder, student: (folder / f"{student}{suffix}").write_bytes(data)


def link(target):
    def make(folder, student):
        (folder / student).mkdir()
        (folder / student / "submission.py").symlink_to(target)

    return make


def pipe(folder, student):
    (folder / student).mkdir()
    os.mkfifo(folder / student / "submission.py")


def nothing(folder, student):
    (folder / student).mkdir()
    (folder / student / "report.pdf").write_bytes(b"%PDF")


def twins(folder, student):
    (folder / student).mkdir()
    (folder / student / "submission.py").write_text(RIGHT)
    (folder / student / "submission-1.py").write_text(RIGHT.replace("x + x", "x - x"))


def zipped(**members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_py", ".py").replace("UP", ".."), text)
    return data.getvalue()


def tarred(data, kind=tarfile.REGTYPE):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("submission.py")
        info.type, info.linkname, info.size = kind, "/etc/passwd", len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def notebook(*cells, **more):
    parts = [c if isinstance(c, dict) else {"cell_type": "code", "metadata": {}, "source": c} for c in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": parts, **more})


WHOLE = notebook(RIGHT)
NOTHING = "Nothing that could be read was handed in."
NO_FUNCTION = "There is no function named double"
SLOW = "Takes too long"

BROKEN = {
    # files
    "empty": (module(""), "missing", NO_FUNCTION),
    "only_a_pdf": (nothing, "missing", "There is no .py or .ipynb file"),
    "not_utf8": (module(b"x = '\xff\xfe\xe9'\n"), "missing", "save it as UTF-8"),
    "null_bytes": (module(b"def double(x):\0\n"), "missing", "null characters"),
    "odd_codec": (module("# coding: rot13\n" + RIGHT), "missing", "an encoding that is not read"),
    "link": (link("/etc/passwd"), "missing", "a link is not followed"),
    "link_to_itself": (link("submission.py"), "missing", "a link is not followed"),
    "pipe": (pipe, "missing", "a pipe is not read"),
    "too_large": (module("#" * (2 * MEBI)), "missing", "more than 1 MiB"),
    "endless_name": (module("import a" + ".a" * 5000), "missing", "a name of 200 parts"),
    "wrong_name": (module(RIGHT.replace("double", "doubel")), "missing", NO_FUNCTION),
    "newer_upload": (twins, "wrong", "Not right yet"),
    # archives
    "zip_damaged": (entry(".zip", zipped(submission_py=RIGHT)[:-40]), "missing", "The archive is damaged"),
    "zip_bomb": (entry(".zip", zipped(submission_py="#" * (30 * MEBI))), "missing", "more than 1 MiB"),
    "zip_that_leads_out": (entry(".zip", zipped(UP__submission_py=RIGHT)), "missing", "leads out of its folder"),
    "tgz_damaged": (entry(".tgz", b"\x1f\x8b\x08" + bytes(50)), "missing", "The archive is damaged"),
    "tgz_link": (entry(".tgz", tarred(b"", tarfile.SYMTYPE)), "missing", "a link is not followed"),
    "tgz_bomb": (entry(".tgz", gzip.compress(bytes(70 * MEBI), 1)), "missing", "unpacks to more than 64 MiB"),
    # syntax
    "syntax": (module("def double(x:\n    return x"), "error", "Python cannot read your file"),
    "indentation": (module("def double(x):\nreturn x"), "error", "Python cannot read your file"),
    "nested_too_deeply": (module("(" * 5000 + ")" * 5000), "error", "too many nested parentheses"),
    "tab_and_merge_marks": (module("<<<<<<< HEAD\n" + RIGHT), "error", "Python cannot read your file"),
    # notebooks
    "nb_empty": (file("hw.ipynb", ""), "missing", "hw.ipynb: it is empty"),
    "nb_cut": (file("hw.ipynb", WHOLE[:-30]), "missing", "damaged, or not a notebook"),
    "nb_not_json": (file("hw.ipynb", "<html>"), "missing", "damaged, or not a notebook"),
    "nb_list": (file("hw.ipynb", "[1, 2]"), "missing", "it is not a notebook"),
    "nb_no_cells": (file("hw.ipynb", "{}"), "missing", "it has no cells"),
    "nb_cells_are_text": (file("hw.ipynb", '{"cells": "many"}'), "missing", "it has no cells"),
    "nb_cells_are_numbers": (file("hw.ipynb", '{"cells": [1, 2, null]}'), "missing", NO_FUNCTION),
    "nb_source_is_a_number": (file("hw.ipynb", notebook(5)), "missing", NO_FUNCTION),
    "nb_deep": (file("hw.ipynb", "[" * 100_000), "missing", "damaged, or not a notebook"),
    "nb_cell_is_shell": (
        file("hw.ipynb", notebook("%%bash\nrm -rf /")),
        "missing",
        "cell 1 was not run: it is not Python",
    ),
    "nb_cell_broken": (file("hw.ipynb", notebook("def double(x:", "y = 1")), "missing", "Cell 1 was left out"),
    "nb_only_text": (file("hw.ipynb", notebook({"cell_type": "markdown", "source": "hi"})), "missing", NO_FUNCTION),
    # what runs when it is loaded
    "loops_at_import": (module(top("while True: pass")), "timeout", SLOW),
    "memory_at_import": (
        module(body("return x + len(hoard)", "hoard = [bytearray(1 << 28) for _ in range(99)]")),
        "error",
        "NameError",  # the statement costs only itself
    ),
    "exits_at_import": (module(top("import os; os._exit(0)")), "error", "Could not be loaded"),
    "kills_itself": (module(top("import os; os.kill(os.getpid(), 9)")), "right", "every property holds"),
    "raises_before": (module("1 / 0\n" + RIGHT.replace("double", "other")), "missing", "ZeroDivisionError"),
    "imports_nothing_there": (
        module("import no_such_module\n" + body("return no_such_module.f(x)")),
        "error",
        "NameError",
    ),
    "monkeypatches_torch": (
        module(
            body(
                "return x + x",
                "torch.equal = torch.allclose = lambda *a, **k: True\ntorch.Tensor.__add__ = lambda a, b: a",
            )
        ),
        "wrong",
        "Not right yet",
    ),
    # what runs when it is called
    "system_exit": (module(body("raise SystemExit(0)")), "error", "SystemExit"),
    "keyboard_interrupt": (module(body("raise KeyboardInterrupt")), "error", "KeyboardInterrupt"),
    "base_exception": (module(body("raise BaseException('all')")), "error", "BaseException"),
    "own_exception": (module(body("raise type('Right', (Exception,), {'__str__': 5})()")), "error", "Exception"),
    "recursion": (module(body("return double(x)")), "error", "RecursionError"),
    "recursion_in_c": (module(body("a = []\nfor _ in range(20_000): a = [a]\nreturn a")), "wrong", "nested too deeply"),
    "hangs": (module(body("while True: pass")), "timeout", SLOW),
    "sleeps": (module(body("import time\ntime.sleep(99)")), "timeout", SLOW),
    "hungry": (module(body("return bytes(1 << 40)")), "memory", "Needs too much memory"),
    "exits": (module(body("import os\nos._exit(0)")), "error", "ended its process (exit status 0)"),
    "segfaults": (module(body("import ctypes\nctypes.string_at(0)")), "error", "SIGSEGV"),
    "thread_never_ends": (
        module(
            body("import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\nreturn x + x")
        ),
        "any",
        "",
    ),
    "many_threads": (
        module(
            body(
                "import threading, time\nfor _ in range(9999):\n    threading.Thread(target=time.sleep,"
                " args=(99,)).start()\nreturn x + x"
            )
        ),
        "error",
        "can't start new thread",
    ),
    "prints_a_lot": (module(body("print('x' * (1 << 24))\nreturn x - x")), "wrong", "Not right yet"),
    "no_arguments": (module("def double(): return 1"), "error", "TypeError"),
    "three_arguments": (module("def double(x, y, z): return x"), "error", "TypeError"),
    "generator": (module(body("yield x + x")), "wrong", "a value of type generator"),
    "coroutine": (module(RIGHT.replace("def double", "async def double")), "wrong", "a value of type coroutine"),
    "returns_none": (module(body("x + x")), "wrong", "returns None"),
    "returns_text": (module(body("return str(x + x)")), "wrong", "returns a string"),
    "returns_a_class": (module(body("return type(x)")), "wrong", "returns a function"),
    "returns_itself": (module(body("a = []\na.append(a)\nreturn a")), "wrong", "nested too deeply"),
    "returns_huge": (
        module(body("return torch.zeros(1, dtype=torch.float64).expand(1 << 40)")),
        "wrong",
        "a value of 8796093022230 bytes",
    ),
    "returns_nan": (module(body("return x * float('nan')")), "wrong", "entry [0] is nan"),
    "returns_a_subclass": (module(body("return torch.nn.Parameter(x - x)")), "wrong", "entry [2] is 0 instead"),
    "returns_a_liar": (
        module(
            "import torch\nclass Liar(torch.Tensor):\n    __eq__ = lambda *a: True\n"
            + CHECK.join(["def double(x):\n", "    return x.as_subclass(Liar)\n"])
        ),
        "wrong",
        "submission.Liar",
    ),
    "del_raises": (
        module(body("D()\nreturn x - x", "class D:\n    def __del__(self): raise SystemExit")),
        "wrong",
        "entry [2] is 0 instead",
    ),
    "del_never_ends": (
        module(body("D()\nreturn x", "class D:\n    def __del__(self):\n        while True: pass")),
        "timeout",
        SLOW,
    ),
    "changes_its_argument": (module(body("x *= 2\nreturn x")), "wrong", "changes its argument x"),
    "random": (module(body("return 2 * x + torch.rand(1).double()[0]")), "wrong", "Not right yet"),
    "not_a_function": (module("double = 5"), "missing", NO_FUNCTION),
    "a_class": (module("class double:\n    def __init__(self, x): pass"), "wrong", "returns a function"),
}
"""student -> (what makes the submission, the verdict it must get, a part of the reason or of a note).

"any": whether the thread leaves the calls enough time depends on the machine; it is never a fault.
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    path = make_course(root)
    lines = [LIMITS if line.startswith("limits:") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    (root / "class").mkdir()
    for student, (make, _, _) in BROKEN.items():
        make(root / "class", student)
    torch.set_num_threads(1)  # this process forks
    with Zygote(probe().level) as zygote:
        assert zygote.pid
        run = Grader(zygote, root, root, ARGUMENTS)
        status = run.end()
        yield zygote, root, run, status, report_of(root / "report.json")


def result_of(report, student):
    (submission,) = [s for s in report["submissions"] if s["student"] == student]
    return submission, submission["exercises"][0]


def test_it_is_graded_to_the_end(graded):
    zygote, root, run, status, report = graded
    assert len(BROKEN) >= 60
    assert (status, run.stderr) == (0, "")
    assert {s["student"] for s in report["submissions"]} == set(BROKEN)
    assert len(list((root / "pages").glob("*.html"))) == len(BROKEN) + 1
    nothing_read = sum(s["exercises"][0]["reason"].startswith(NOTHING) for s in report["submissions"])
    assert len(stored(store_path(root / "grading.yml"))) == len(BROKEN) - nothing_read - 3, (
        "four notebooks without Python are alike"
    )
    again = Grader(zygote, root, root, ARGUMENTS)
    assert again.end() == 0 and report_of(root / "report.json") == report
    assert not [event for event in again.events if event.phase == "fork"], "nothing was graded twice"


@pytest.mark.parametrize("student", BROKEN)
def test_the_verdict_and_its_reason(graded, student):
    _, verdict, text = BROKEN[student]
    submission, exercise = result_of(graded[4], student)
    told = " ".join([exercise["reason"], *submission["notes"]])
    assert exercise["verdict"] != "fault", told
    assert verdict in (exercise["verdict"], "any"), told
    assert text in told
    if exercise["verdict"] == "missing":
        assert exercise["reason"].startswith((NOTHING, NO_FUNCTION))
