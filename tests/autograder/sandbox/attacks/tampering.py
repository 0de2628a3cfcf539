"""Changes what it can reach in its own process: torch, builtins, modules, hooks, callbacks, exceptions.

All of it is the student's own loss: the grader compares in another process.
"""

import builtins
import gc
import sys

import torch


class Talkative(BaseException):
    def __str__(self):
        return "x" * (1 << 26)


class Raising(Exception):
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class Leaving(Exception):
    def __str__(self):
        raise SystemExit


class Hanging(Exception):
    def __str__(self):
        while True:
            pass


class Endless(Exception):
    @property
    def __traceback__(self):
        return self

    @property
    def tb_next(self):
        return self


def patch_comparisons():
    """ok: everything is close to everything, here."""
    for name in ("equal", "allclose", "isclose", "eq", "isfinite"):
        setattr(torch, name, lambda *arguments, **options: True)
    torch.Tensor.__eq__ = lambda self, other: True
    torch.testing.assert_close = lambda *arguments, **options: None
    torch.manual_seed(0)
    return []


def patch_builtins():
    """ok: types, lengths and absolute values mean something else, here."""
    builtins.isinstance = lambda *arguments: True
    builtins.abs = lambda number: 0
    builtins.all = lambda items: True
    return []


def patch_the_types_of_the_codec():
    """ok | died | timeout | error: every value is sent as a float that is right."""
    wire = sys.modules["autograder.sandbox.inside.wire"]
    wire.type = lambda value: float
    return []


def remove_modules():
    """ok | died | error: the worker's own modules are gone."""
    for name in list(sys.modules):
        if name.startswith(("autograder", "torch", "msgspec", "os", "sys")):
            del sys.modules[name]
    return []


def clear_every_dict():
    """died | error | timeout: whatever the interpreter holds."""
    for thing in gc.get_objects():
        if type(thing) is dict and thing is not globals():
            thing.clear()
    return []


def replace_the_import_system():
    """ok: nothing can be imported any more."""
    sys.meta_path.clear()
    sys.path_hooks.clear()
    builtins.__import__ = lambda *arguments, **options: sys.modules[__name__]
    return []


def trace_the_worker():
    """ok | error | died | timeout: a tracer that raises in the worker's own lines."""

    def tracer(frame, event, argument):
        raise ValueError("from the tracer")

    sys.settrace(tracer)
    frame = sys._getframe()
    while frame is not None:
        frame.f_trace = tracer
        frame = frame.f_back
    return []


def watch_with_hooks():
    """ok: hooks of audit, of exceptions, of the display."""
    sys.addaudithook(lambda event, arguments: None)
    sys.excepthook = sys.unraisablehook = sys.displayhook = lambda *arguments: None
    return []


def limit_recursion():
    """ok | error | died: no room for the worker's own calls."""
    sys.setrecursionlimit(len_of_stack() + 5)
    return []


def len_of_stack():
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def change_the_arguments(x):
    """ok: its copy, not the grader's."""
    x.fill_(1e9)
    return []


def change_a_described_function(g):
    """ok: the parameters of its copy."""
    for name, value in vars(g).items():
        if isinstance(value, torch.Tensor):
            value.fill_(0)
        else:
            object.__setattr__(g, name, None)
    type(g).__call__ = lambda self, x: x * 0
    return []


def change_the_callback(f):
    """ok: its stub, not the function behind it."""
    type(f).__call__ = lambda self, *arguments: 0.0
    f._worker = None
    return [] if f(2.0) == 0.0 else ["unchanged"]


def keep_the_callback_for_later(f):
    """ok | died: and use it once more from a thread, while the answer is sent or between calls."""
    import threading

    def later():
        try:
            f(1.0)
        except BaseException:
            pass

    threading.Timer(0.0, later).start()
    return []


def raise_talkatively():
    """error: a text of 64 MB."""
    raise Talkative


def raise_what_raises():
    """error: its own text raises."""
    raise Raising


def raise_what_leaves():
    """error: its own text leaves the interpreter."""
    raise Leaving


def raise_what_hangs():
    """timeout: its own text never ends."""
    raise Hanging


def raise_what_has_an_endless_trace():
    """error | timeout | died: its trace leads back to itself."""
    raise Endless


def raise_a_class_that_was_made_for_it():
    """error: a name of a million characters with markup and escapes."""
    raise type("<script>\x1b[31m" + "x" * (1 << 20), (ValueError,), {})


def raise_a_group():
    """error: a hundred thousand exceptions at once."""
    raise ExceptionGroup("many", [ValueError(n) for n in range(100_000)])


def raise_a_chain():
    """error: every exception because of another."""
    cause = None
    for _ in range(10_000):
        error = ValueError("x")
        error.__cause__ = cause
        cause = error
    raise cause


def raise_what_claims_to_be_the_graders():
    """error: a class under the name of the grader's own fault."""
    raise type("Fault", (BaseException,), {"__module__": "autograder.testing.outcomes"})


def raise_that_memory_is_short():
    """memory: said, not so; it can only deny."""
    raise MemoryError


def raise_keyboard_interrupt():
    """error: no one pressed a key."""
    raise KeyboardInterrupt


def raise_stop_iteration():
    """error: into whatever loop it is called from."""
    raise StopIteration


def raise_generator_exit():
    """error: into whatever generator it is called from."""
    raise GeneratorExit
