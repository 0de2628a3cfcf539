"""The loop that runs student code. Everything in this process is untrusted once the sources are loaded.

Requests and replies are lists: [number, "load", {parameters}] or [number, "call", [parameters]] is answered by
[number, "ok" | "error" | "unsendable", value, output]. Several requests may come at once; they are done in order. While
a call runs, student code may call a function that stayed with the grader: the worker sends [number, "callback",
[reference, arguments], ""] and waits for [number, "answer", {"value"}] or [number, "refuse", {"kind", "text"}]; the
grader may first make further requests, which nest.
"""

from __future__ import annotations

import io
import linecache
import random
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograder.sandbox.inside import observe, wire
from autograder.sandbox.inside.channel import Channel
from autograder.sandbox.inside.device import call_on
from autograder.sandbox.inside.functions import FAMILIES, Described
from autograder.sandbox.inside.inert import InertModules
from autograder.sandbox.inside.modules import MemoryModules, run_statements
from autograder.sandbox.inside.pipes import PipeChannel

MAX_FAILURES, MAX_NAMES, MAX_OUTPUT, MAX_UNSENT = 50, 4000, 4096, 64 << 10
_PLAIN = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    list,
    tuple,
    dict,
    set,
    frozenset,
    torch.Tensor,
    np.ndarray,
    np.generic,
)


class Output(io.TextIOBase):
    """What the student prints: the beginning, up to a bound."""

    def __init__(self, limit: int = MAX_OUTPUT) -> None:
        self._limit = self._left = limit
        self._parts: list[str] = []

    def writable(self) -> bool:
        """As print asks."""
        return True

    def write(self, text: str) -> int:
        """Keep what still fits."""
        if self._left > 0:
            self._parts.append(text[: self._left])
            self._left -= len(text)
        return len(text)

    def take(self) -> str:
        """What was printed since the last call of this."""
        text, self._parts, self._left = "".join(self._parts), [], self._limit
        return text


class Stub:
    """A function that stayed with the grader. Its values carry no gradient."""

    def __init__(self, worker: Worker, reference: int) -> None:
        self._worker, self._reference = worker, reference

    def __call__(self, *arguments: Any) -> Any:
        """ValueError or TypeError when the function cannot be evaluated there."""
        return self._worker.ask(self._reference, arguments)


class Worker:
    """Serves one grader over one channel, which accepts wire.TO_WORKER.

    reply, callback: bytes of tensors in one reply, and in the arguments of one callback.
    """

    def __init__(self, channel: Channel | PipeChannel, reply: int, callback: int) -> None:
        self.channel = channel
        self.decoder = wire.Decoder(wire.TO_WORKER, self._from_grader)
        self.encoder = wire.Encoder(wire.Bounds(reply), self._to_grader)
        self.questions = wire.Encoder(wire.Bounds(callback), self._to_grader)
        self.objects: list[Any] = []
        self.stubs: dict[int, Stub] = {}
        self.files: dict[str, str] = {}
        self.module: Any = None
        self.draws = True  # whether the sources mention the random modules at all, which take long to seed
        self.number = 0
        self.asking = threading.RLock()
        self.output = Output()
        sys.stdout = sys.stderr = self.output

    def serve(self) -> None:
        """Until the grader hangs up. Replies to requests that came together leave together."""
        replies: list[wire.Frame] = []
        unsent = 0
        while True:
            if unsent > MAX_UNSENT or not self.channel.more():
                self.channel.send(*replies)
                replies, unsent = [], 0
            try:
                frame = self.channel.receive()
            except EOFError:
                return
            reply = self._answer(*self.decoder.decode(*frame))
            replies.append(reply)
            unsent += len(reply[0]) + len(reply[1])

    def ask(self, reference: int, arguments: tuple[Any, ...]) -> Any:
        """Call a function of the grader; serve what the grader asks meanwhile."""
        try:
            question = self.questions.encode([self.number, "callback", [reference, list(arguments)], ""])
        except wire.UnsendableError as error:
            raise TypeError(f"this function cannot be called with {error}") from None
        with self.asking:
            self.channel.send(question)
            while True:
                number, operation, parameters = self.decoder.decode(*self.channel.receive())
                if operation == "answer":
                    return parameters["value"]
                if operation == "refuse":
                    raise (TypeError if parameters["kind"] == "TypeError" else ValueError)(parameters["text"])
                self.channel.send(self._answer(number, operation, parameters))

    def _answer(self, number: int, operation: str, parameters: Any) -> wire.Frame:
        """Do one request. -> its reply."""
        outer, self.number = self.number, number
        try:
            value = self._load(**parameters) if operation == "load" else self._call(*parameters)
            frame = self.encoder.encode([number, "ok", value, self.output.take()])
        except wire.UnsendableError as error:
            frame = self.encoder.encode([number, "unsendable", str(error)[:500], self.output.take()])
        except BaseException as error:
            frame = self.encoder.encode([number, "error", self._describe(error), self.output.take()])
        self.number = outer
        return frame

    def _load(self, files: dict[str, str], main: str) -> dict[str, Any]:
        """Run the main file. -> names of the callables it defines; failures as (file, line, kinds, text)."""
        failures: list[Any] = []

        def fail(error: BaseException, line: int) -> None:
            if len(failures) < MAX_FAILURES:
                kinds, text, trace = self._describe(error)
                file, at, _ = trace or (main, line, "")
                failures.append((file, at or line, kinds, text))

        self.files, self.draws = files, any("random" in text for text in files.values())
        sys.meta_path.insert(0, InertModules())
        sys.meta_path.insert(0, MemoryModules(files, main))
        name = main.rpartition("/")[2].removesuffix(".py")
        self.module = run_statements(files[main], main, fail, name if name.isidentifier() else "submission")
        names = [name for name, value in vars(self.module).items() if callable(value) and not name.startswith("_")]
        return {"names": names[-MAX_NAMES:], "failures": failures}

    def _call(self, function: Any, arguments: list[Any], seed: int | None, want: str, device: str = "") -> Any:
        """function: the name of a module's member, or what a handle stands for, or (that, the name of its method).

        device: where the call takes place, if not where the arguments are.
        """
        if isinstance(function, str):
            name, function = function, getattr(self.module, function, None)
            if function is None:
                raise NameError(f"the submission defines no {name}")
        elif isinstance(function, tuple):
            function = getattr(*function)
        if seed is not None:
            torch.default_generator.manual_seed(seed)
            if self.draws:
                random.seed(seed)
                np.random.seed(seed % 2**32)
        if device:
            return call_on(device, function, arguments)
        if want == "operators":
            return self._operators(function, arguments)
        if want == "traces":
            return observe.traces(function, arguments)
        value = function(*arguments)
        return tuple(map(_as_data, arguments)) if want == "arguments" else value

    def _operators(self, function: Callable[..., Any], arguments: list[Any]) -> observe.Evidence | None:
        """None where the call fails while it is watched: no evidence."""
        try:
            with observe.recording() as recorder:
                function(*arguments)
        except Exception:
            return None
        return recorder.evidence()

    def _from_grader(self, node: list[Any], recurse: wire.Recurse) -> Any:
        """Callables as they arrive: a family's member, a stub, or what a handle stands for."""
        if node[0] == wire.DESCRIBED:
            return FAMILIES[node[1]](**recurse(node[2]))
        if node[0] == wire.REFERENCE:
            return self.stubs.setdefault(node[1], Stub(self, node[1]))
        if node[0] == wire.HANDLE:
            return self.objects[node[1]]
        raise wire.WireError("unknown tag")

    def _to_grader(self, value: Any, recurse: wire.Recurse) -> list[Any]:
        """Callables, and objects of the student's own classes, stay here; the grader gets a handle."""
        if isinstance(value, Stub):
            return [wire.REFERENCE, value._reference]
        own = type(value).__module__ in sys.modules and self._is_own(sys.modules[type(value).__module__])
        if isinstance(value, _PLAIN) or not (callable(value) or own or isinstance(value, Described)):
            raise wire.UnsendableError(f"a value of type {wire.type_name(value)}")
        self.objects.append(value)
        return [wire.HANDLE, len(self.objects) - 1, wire.type_name(value)]

    def _is_own(self, module: Any) -> bool:
        return getattr(module, "__file__", None) in self.files

    def _describe(self, error: BaseException) -> tuple[list[str], str, tuple[str, int, str] | None]:
        """Class names, text, and the innermost frame in the student's files; an exception may itself misbehave."""
        kinds = [kind.__name__[:80] for kind in type(error).__mro__[:8]]
        try:
            text = str(error)[:1000]
        except BaseException:
            text = ""
        trace, frame = None, error.__traceback__
        while frame is not None:
            file = frame.tb_frame.f_code.co_filename
            if file in self.files:
                trace = file, frame.tb_lineno, linecache.getline(file, frame.tb_lineno).strip()[:200]
            frame = frame.tb_next
        if isinstance(error, SyntaxError) and error.filename in self.files:
            trace = str(error.filename), error.lineno or 0, (error.text or "").strip()[:200]
        return kinds, text, trace


def _as_data(argument: Any) -> Any:
    """An argument with every described function replaced by its parameters, which a student may have changed, too."""
    if isinstance(argument, Described):
        return {name: _as_data(value) for name, value in argument.parameters().items()}
    if type(argument) is dict:
        return {key: _as_data(value) for key, value in argument.items()}
    return type(argument)(map(_as_data, argument)) if type(argument) in (list, tuple) else argument
