"""One submission in the sandbox: what its calls see, and how each way of failing is told apart."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from autograder.sandbox.callables import Reference
from autograder.sandbox.inside.functions import Affine, GaussianMixtureLogDensity, Shifted
from autograder.sandbox.limits import Limits
from autograder.testing.outcomes import Died, Fault, OutOfMemory, StudentError, TimedOut, Trace, Unsendable
from autograder.testing.sandboxed import Sandboxed
from autograder.testing.student import Operator

X = torch.tensor([[2.0, 1.0], [1.0, 3.0]])


# ---- calls


def test_values_and_errors_with_the_students_own_line(make_worker):
    source = "import torch\nimport helper\ndef f(a): return a @ a\ndef g(a):\n    return helper.solve(a)  # here\n"
    helper = "import torch\ndef solve(a):\n    return torch.linalg.inv(a)\n"
    worker = make_worker(source, files={"helper.py": helper})
    assert torch.equal(worker.call("f", [X], seed=0), X @ X)
    with pytest.raises(StudentError) as caught:
        worker.call("g", [torch.zeros(2, 2)], seed=0)
    assert caught.value.kinds[:2] == ("_LinAlgError", "RuntimeError")
    assert caught.value.trace == Trace("helper.py", 3, "return torch.linalg.inv(a)")


def test_a_missing_function_is_an_error(make_worker):
    with pytest.raises(StudentError, match="NameError"):
        make_worker("").call("f", [], seed=0)


def test_generators_are_seeded_before_every_call(make_worker):
    draws = "[torch.rand(2).tolist(), random.random(), float(numpy.random.rand())]"
    source = f"import torch, random, numpy\ndef f(): return {draws}"
    worker = make_worker(source)
    first, second, third = (worker.call("f", [], seed=seed) for seed in (1, 2, 1))
    assert first == third
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_the_default_type_that_a_student_sets_is_kept(make_worker):
    worker = make_worker("import torch\ntorch.set_default_dtype(torch.float64)\ndef f(): return torch.ones(1)")
    for _ in range(2):
        assert worker.call("f", [], seed=0).dtype == torch.float64


def test_arguments_as_they_are_afterwards(make_worker):
    worker = make_worker("def f(a, b):\n    a[0] += 1\n    return a\n")
    a, b = worker.call("f", [X, 2.0], seed=0, want="arguments")
    assert torch.equal(a, X + torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    assert b == 2.0


def test_functions_among_the_arguments_come_back_as_they_are_afterwards(make_worker):
    worker = make_worker("def f(g, h, more):\n    g.W[0, 0] = 7.0\n    return 0")
    g, h = Affine(torch.zeros(2, 2), torch.zeros(2)), Reference(torch.sin)
    after = worker.call("f", [g, h, [Shifted(g, 1.0)]], seed=0, want="arguments")
    assert after[0].W.tolist() == [[7.0, 0.0], [0.0, 0.0]]
    assert after[1] is h
    assert type(after[2][0]) is Shifted
    assert torch.equal(after[2][0].f.b, g.b)


def test_operators_are_seen_in_torch_and_in_numpy_however_they_are_spelled(make_worker):
    source = """
import torch, numpy
from numpy.linalg import inv
def by_torch(a): return (a @ a).inverse() + 1
def by_numpy(a): return torch.from_numpy(inv(a.numpy()))
def by_gradient(f, a): return torch.func.grad(lambda a: f(a).sum())(a)
def failing(a): raise ValueError
def many(a):
    for _ in range(5000): a = a + 1
    return a
"""
    worker = make_worker(source)
    names = [name for name, _ in worker.call("by_torch", [X], seed=0, want="operators")]
    assert names[0] == "mm"
    assert "linalg_inv_ex" in names
    assert ("numpy.inv", ((2, 2),)) in worker.call("by_numpy", [X], seed=0, want="operators")
    assert worker.call("failing", [X], seed=0, want="operators") == []
    assert len(worker.call("many", [X], seed=0, want="operators")) == 5000


def test_what_a_described_function_evaluates_is_not_the_students_doing(make_worker):
    mixture = GaussianMixtureLogDensity(torch.zeros(1), torch.zeros(1, 2), torch.eye(2)[None])
    worker = make_worker("def f(g, x): return g(x) * 2")
    operators = worker.call("f", [mixture, X], seed=0, want="operators")
    assert [name for name, _ in operators] == ["mul"]


def test_what_is_printed_is_captured_and_cut(make_worker):
    worker = make_worker("import sys\ndef f(n):\n    print('a' * n)\n    print('b', file=sys.stderr)")
    worker.call("f", [2], seed=0)
    assert worker.output == "aa\nb\n"
    worker.call("f", [1 << 22], seed=0)
    assert worker.output == "a" * 4096


@pytest.mark.parametrize(
    "expression",
    [
        "numpy.ones(2)",
        "numpy.float64(1)",
        "(i for i in [1])",
        "torch.zeros(1 << 26)",
        "torch.ones(1).to_sparse()",
        "{1: 2}",
    ],
)
def test_what_is_not_plain_data_cannot_be_looked_at(make_worker, expression):
    worker = make_worker(f"import torch, numpy\ndef f(): return {expression}")
    with pytest.raises(Unsendable):
        worker.call("f", [], seed=0)
    assert worker.starts == 1


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "Odd"])
def test_exceptions_of_every_kind_are_the_students(make_worker, name):
    source = "class Odd(BaseException):\n    def __str__(self): raise self\n"
    worker = make_worker(source + f"def f(): raise {name}")
    with pytest.raises(StudentError) as caught:
        worker.call("f", [], seed=0)
    assert caught.value.kinds[0] == name
    assert worker.starts == 1


# ---- the ends of a worker


@pytest.mark.parametrize("body", ["while True: pass", "(10 ** 10 ** 8)", "import time; time.sleep(1000)"])
def test_a_call_that_takes_too_long(make_worker, body):
    worker = make_worker(f"def f():\n    {body}\ndef ok(): return 1", Limits(call=0.4))
    with pytest.raises(TimedOut) as caught:
        worker.call("f", [], seed=0)
    assert caught.value.call.function == "f"
    assert worker.call("ok", [], seed=0) == 1
    assert worker.starts == 2


def test_processor_time_is_limited_too(make_worker):
    ignore = "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
    for first_line in ("", ignore):
        worker = make_worker(first_line + "def f():\n    while True: pass", Limits(cpu=1, call=60))
        with pytest.raises(TimedOut, match="processor time"):
            worker.call("f", [], seed=0)


@pytest.mark.parametrize(
    "expression", ["torch.zeros(1 << 32)", "bytearray(1 << 34)", "[0] * (1 << 33)", "torch.ones(1 << 17) @ big()"]
)
def test_memory_is_limited(make_worker, expression):
    source = "import torch\ndef big(): return torch.ones(1 << 17, 1 << 14)\ndef ok(): return 1\n"
    source += f"def f(): return {expression}"
    worker = make_worker(source, Limits(memory=1 << 29))
    with pytest.raises(OutOfMemory):
        worker.call("f", [], seed=0)
    assert worker.call("ok", [], seed=0) == 1
    assert worker.starts == 2


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("os._exit(0)", "exit status 0"),
        ("os._exit(7)", "exit status 7"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("os.write(3, b'x' * 100)", "written to"),
        ("os.close(3)", "closed"),
    ],
)
def test_ways_to_die(make_worker, body, word):
    worker = make_worker(f"import os\ndef f():\n    {body}\n    while True: pass\ndef ok(): return 1")
    with pytest.raises(Died, match=word):
        worker.call("f", [], seed=0)
    assert worker.call("ok", [], seed=0) == 1


def test_a_reply_before_its_request_is_a_forgery(make_worker):
    forge = make_worker(
        "import os\nfrom autograder.sandbox.inside import wire\nimport struct, gc\n"
        "def f():\n"
        "    worker = next(o for o in gc.get_objects() if type(o).__name__ == 'Worker')\n"
        "    head, data = worker.encoder.encode([worker.number + 1, 'ok', 42, ''])\n"
        "    own, _ = worker.encoder.encode([worker.number, 'ok', 1, ''])\n"
        "    os.write(3, b''.join(struct.pack('<II', len(frame), 0) + frame for frame in (own, head)))\n"
        "    while True: pass\n"
        "def ok(): return 1\n"
    )
    assert forge.call("f", [], seed=0) == 1
    with pytest.raises(Died, match="before there was a request"):
        forge.call("ok", [], seed=0)


def test_a_submission_that_hangs_when_it_is_loaded_says_so_once(make_worker):
    worker = make_worker("while True: pass", Limits(load=0.5))
    for _ in range(2):
        with pytest.raises(TimedOut, match="loading"):
            worker.call("f", [], seed=0)
    with pytest.raises(TimedOut, match="loading"):
        worker.load()
    assert worker.starts == 1


def test_a_submission_that_dies_when_it_is_loaded(make_worker):
    with pytest.raises(Died, match="exit status 5"):
        make_worker("import os\nos._exit(5)").load()


def test_memory_that_runs_out_while_loading_costs_the_statement(make_worker):
    worker = make_worker("import torch\nbig = torch.zeros(1 << 34)\ndef f(): return 1")
    assert len(worker.load().failures) == 1
    assert worker.call("f", [], seed=0) == 1


def test_a_worker_killed_from_outside_is_a_fault_and_not_the_students(make_worker):
    worker = make_worker("def f(): return 1")
    worker.load()
    signal.pidfd_send_signal(worker._conversation._process.pidfd, signal.SIGKILL)
    with pytest.raises(Fault, match="from outside"):
        worker.call("f", [], seed=0)
    assert worker.call("f", [], seed=0) == 1


def test_a_worker_has_no_rights_left(make_worker):
    worker = make_worker("def f(): return 1")
    worker.load()
    fdinfo = Path(f"/proc/self/fdinfo/{worker._conversation._process.pidfd}").read_text()
    pid = next(line.split()[1] for line in fdinfo.splitlines() if line.startswith("Pid:"))
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    assert "0" not in status["Uid"].split()
    assert status["Uid"].split() == ([str(os.getuid())] * 4 if os.getuid() else ["65534"] * 4)
    open_files = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if int(fd.name) > 2]
    assert [name.partition(":")[0] for name in open_files] == ["socket"]


# ---- as a property sees it


@pytest.fixture
def student(client):
    source = """
import torch
count = 0
1 / 0
def noise(): return torch.rand(3)
def counter():
    global count
    count += 1
    return count
def add(a):
    a += 1
    print("hello")
    return a
"""
    with_source = Sandboxed(client, {"submission.py": source}, "submission.py", seed=5)
    yield with_source
    with_source.close()
    with_source.close()


def test_a_sandboxed_student(student):
    assert student.has("noise")
    assert not student.has("nothing")
    assert [failure.line for failure in student.failures] == [4]
    assert torch.equal(student.add(X), X + 1)
    assert student.output == "hello\n"
    assert student.last.function == "add"
    assert torch.equal(student.answer, X + 1)
    assert torch.equal(student.arguments_after("add", [X])[0], X + 1)
    assert student.operators("add", [X]) == [Operator("add_", ((2, 2),))]


def test_equal_seeds_give_equal_noise_call_by_call(student):
    first, second = student.noise(), student.noise()
    assert not torch.equal(first, second)
    again, other = student.fresh(5), student.fresh(6)
    assert torch.equal(again.noise(), first)
    assert torch.equal(again.noise(), second)
    assert not torch.equal(other.noise(), first)
    again.close()
    other.close()


def test_a_fresh_student_has_no_memory_of_earlier_calls(student):
    assert [student.counter(), student.counter()] == [1, 2]
    fresh = student.fresh(1)
    assert fresh.counter() == 1
    fresh.close()


def test_what_a_call_leaves_behind_is_seen_through_the_wall(client):
    source = """
import torch

def clean(x):
    return 2 * x

def careless(x):
    x.requires_grad_()
    torch.set_default_dtype(torch.float64)
    return 2 * x
"""
    student = Sandboxed(client, {"submission.py": source}, "submission.py")
    x = torch.ones(2, dtype=torch.float64)
    assert student.traces("clean", (x,)) == []
    assert student.traces("careless", (x,)) == [("default dtype", -1), ("requires_grad", 0)]
    student.close()
