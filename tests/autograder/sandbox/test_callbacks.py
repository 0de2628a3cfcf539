"""Functions by reference: counted, nested, under the caller's deadline, and never a fault because of odd arguments."""

from __future__ import annotations

import time

import pytest
import torch

from autograder.sandbox.callables import Handle, Reference
from autograder.sandbox.limits import Limits
from autograder.testing.outcomes import Died, Fault, StudentError, TimedOut, Unsendable

X = torch.tensor([1.0, 2.0])


def square(x):
    return x * x


def test_evaluations_are_counted_and_their_points_kept(make_worker):
    worker = make_worker("def midpoint(f, a, b):\n    return (f(a) + 4 * f((a + b) / 2) + f(b)) * (b - a) / 6")
    f = Reference(square)
    assert worker.call("midpoint", [f, 0.0, 3.0], seed=0) == 9.0
    assert f.calls == 3
    assert f.points == [(0.0,), (1.5,), (3.0,)]


def test_points_are_the_values_at_the_time_of_the_call(make_worker):
    worker = make_worker("def descend(f, x):\n    for _ in range(2):\n        x -= f(x)\n    return x")
    f = Reference(lambda x: x / 2)
    assert torch.equal(worker.call("descend", [f, X.clone()], seed=0), X / 4)
    assert torch.equal(torch.stack([point for (point,) in f.points]), torch.stack([X, X / 2]))


def test_nothing_about_the_function_can_be_read(make_worker):
    worker = make_worker("def look(f): return [str(vars(f)), str(dir(type(f)))]")
    assert "square" not in "".join(worker.call("look", [Reference(square)], seed=0))


def test_a_function_in_a_container_and_one_that_comes_back(make_worker):
    worker = make_worker("def pick(fs): return fs['b']")
    f, g = Reference(square), Reference(torch.sin)
    assert worker.call("pick", [{"a": f, "b": g}], seed=0) is g


def test_a_closure_of_the_students_is_called_through_its_handle(make_worker):
    worker = make_worker("def compose(f, g): return lambda x: f(g(x))")
    f, g = Reference(square), Reference(lambda x: x + 1)
    handle = worker.call("compose", [f, g], seed=0)
    assert isinstance(handle, Handle)
    assert torch.equal(handle(X), (X + 1) ** 2)
    assert (f.calls, g.calls) == (1, 1)


def test_objects_of_the_students_own_classes_have_methods(make_worker):
    source = "class Model:\n    def __init__(self, w): self.w = w\n    def predict(self, x): return self.w * x\n"
    worker = make_worker(source + "def fit(w): return Model(w)\ndef use(model, x): return model.predict(x)")
    model = worker.call("fit", [3.0], seed=0)
    assert model.kind == "submission.Model"
    assert model.method("predict", 2.0) == 6.0
    assert worker.call("use", [model, 3.0], seed=0) == 9.0
    with pytest.raises(StudentError, match="AttributeError"):
        model.method("nothing")


def test_calls_nest_in_both_directions(make_worker):
    """The student calls the grader, which calls the student's callable, which calls the grader, ..."""
    source = "def run(apply, n):\n    return n if n == 0 else apply(lambda k: 1 + run(apply, k), n - 1)"
    worker = make_worker(source)
    apply = Reference(lambda callable_, n: callable_(n))
    assert worker.call("run", [apply, 4], seed=0) == 4
    assert apply.calls == 4


def test_endless_nesting_is_an_error_of_the_students(make_worker):
    source = "def run(apply):\n    return apply(lambda: run(apply))"
    worker = make_worker(source)
    with pytest.raises(StudentError, match="cannot be evaluated"):
        worker.call("run", [Reference(lambda callable_: callable_())], seed=0)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("f()", "TypeError"),
        ("f(x, x)", "TypeError"),
        ("f('text')", "TypeError"),
        ("f(None)", "TypeError"),
        ("f(torch.zeros(7, 7))", "ValueError"),
        ("f(torch.tensor([True]))", "ValueError"),
    ],
)
def test_odd_arguments_are_an_error_of_the_students_with_a_neutral_text(make_worker, expression, kind):
    def matrix_product(x):
        if not isinstance(x, torch.Tensor):
            raise TypeError("secret")
        return torch.eye(2) @ x

    worker = make_worker(f"import torch\ndef use(f, x): return {expression}")
    f = Reference(matrix_product)
    with pytest.raises(StudentError) as caught:
        worker.call("use", [f, X], seed=0)
    assert caught.value.kinds[0] == kind
    assert caught.value.text == "this function cannot be evaluated at these arguments"
    assert len(f.refusals) == 1
    assert worker.starts == 1


def test_the_student_may_catch_it(make_worker):
    worker = make_worker("def use(f, x):\n    try:\n        return f(x)\n    except ValueError:\n        return -x")
    assert torch.equal(worker.call("use", [Reference(torch.linalg.inv), X], seed=0), -X)


@pytest.mark.parametrize(
    "argument", ["object()", "{1: 2}", "torch.zeros(1 << 20)", "2**70", "iter([])", "x.to_sparse()", "'a' * (1 << 20)"]
)
def test_arguments_that_cannot_cross_never_reach_the_grader(make_worker, argument):
    worker = make_worker(f"import torch\ndef use(f, x): return f({argument})")
    f = Reference(square)
    with pytest.raises(StudentError) as caught:
        worker.call("use", [f, X], seed=0)
    assert caught.value.kinds[0] == "TypeError"
    assert not isinstance(caught.value, Unsendable)
    assert f.calls == 0


def test_all_callbacks_are_under_the_one_deadline(make_worker):
    worker = make_worker("def use(f, x):\n    while True:\n        x = f(x)", Limits(call=0.5))
    f = Reference(lambda x: x)
    with pytest.raises(TimedOut):
        worker.call("use", [f, 0.0], seed=0)
    assert f.calls > 0


def test_a_callable_that_hangs_in_a_callback_is_a_timeout_of_the_outer_call(make_worker):
    worker = make_worker("def spin():\n    while True: pass\ndef use(f): return f(spin)", Limits(call=0.5))
    with pytest.raises(TimedOut) as caught:
        worker.call("use", [Reference(lambda callable_: callable_())], seed=0)
    assert caught.value.call.function == "use"


def hangs(x):
    while True:
        x = x + 0


def sleeps_late(x):
    time.sleep(0.7)
    return x


@pytest.mark.parametrize("function", [hangs, sleeps_late])
def test_a_function_of_the_graders_that_is_given_slow_arguments_is_stopped_at_the_calls_deadline(make_worker, function):
    """It was rehearsed with a right answer's arguments, so that these are the student's doing."""
    worker = make_worker("def use(f, x): return f(x)\ndef ok(): return 1", Limits(call=0.5))
    with pytest.raises(TimedOut) as caught:
        worker.call("use", [Reference(function), 0.0], seed=0)
    assert caught.value.call.function == "use"
    assert worker.call("ok", [], seed=0) == 1


def test_what_a_callable_of_the_students_takes_in_a_callback_is_not_the_graders(make_worker):
    worker = make_worker(
        "import time\ndef spin(): time.sleep(0.4)\ndef use(f):\n    time.sleep(0.09)\n    return f(spin)",
        Limits(call=0.5),
    )

    def slow(callable_):
        callable_()
        time.sleep(0.2)

    with pytest.raises(TimedOut):
        worker.call("use", [Reference(slow)], seed=0)


def test_death_in_a_callback_is_the_students(make_worker):
    worker = make_worker("import os\ndef end(): os._exit(3)\ndef use(f): return f(end)")
    with pytest.raises(Died, match="exit status 3"):
        worker.call("use", [Reference(lambda callable_: callable_())], seed=0)


def test_a_fault_of_the_graders_own_passes_through(make_worker):
    def broken(x):
        raise Fault("no disk")

    worker = make_worker("def use(f, x): return f(x)\ndef ok(): return 1")
    with pytest.raises(Fault, match="no disk"):
        worker.call("use", [Reference(broken), X], seed=0)
    assert worker.call("ok", [], seed=0) == 1
    assert worker.starts == 2


def test_an_object_does_not_outlive_its_process(make_worker):
    worker = make_worker("def make(): return lambda: 1")
    handle = worker.call("make", [], seed=0)
    worker.stop()
    with pytest.raises(Died):
        handle()
    with pytest.raises(Fault):  # the property's mistake: it hands a dead object to a new process
        worker.call("make", [handle], seed=0)


def test_a_stub_has_no_gradient(make_worker):
    worker = make_worker(
        "import torch\n"
        "def by_autograd(f, x):\n    x.requires_grad_()\n    return torch.autograd.grad(f(x).sum(), x)[0]\n"
        "def by_func(f, x):\n    return torch.func.grad(lambda x: f(x).sum())(x)"
    )
    for name in ("by_autograd", "by_func"):
        with pytest.raises(StudentError):
            worker.call(name, [Reference(square), X], seed=0)


def test_threads_may_call_it(make_worker):
    worker = make_worker(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def use(f):\n    with ThreadPoolExecutor(4) as pool:\n        return list(pool.map(f, range(20)))"
    )
    assert worker.call("use", [Reference(square)], seed=0) == [n * n for n in range(20)]


def test_few_points_are_kept_of_many_large_ones():
    f = Reference(lambda x: 0.0)
    large = torch.zeros(8 << 20, dtype=torch.uint8)
    for _ in range(20):
        f(large)
    assert f.calls == 20
    assert 0 < len(f.points) < 20


@pytest.mark.parametrize("value", ["f", "[f] * 3", "{'a': (f, 1)}"])
def test_a_callable_returned_in_a_container_is_a_handle_there(make_worker, value):
    worker = make_worker(f"def f(): return 5\ndef make(): return {value}")
    returned = worker.call("make", [], seed=0)
    while not isinstance(returned, Handle):
        returned = returned["a"] if isinstance(returned, dict) else returned[0]
    assert returned() == 5
