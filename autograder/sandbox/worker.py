"""A submission in the sandbox: started on demand, replaced after it ended, called by name."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from autograder.sandbox.conversation import Conversation
from autograder.sandbox.inside import observe, wire
from autograder.sandbox.inside.functions import Described
from autograder.sandbox.limits import Limits
from autograder.sandbox.process import Client
from autograder.testing.outcomes import Call, Died, Interrupted, StudentError
from autograder.testing.student import Want

Operators = list[tuple[str, tuple[tuple[int, ...], ...]]]


@dataclasses.dataclass(frozen=True)
class LoadFailure:
    """A statement of the submission that raised, or (kinds: SyntaxError, ...) a file that does not parse.

    file, line: in the student's own sources.  kinds: the exception's classes, most special first.  Untrusted text.
    """

    file: str
    line: int
    kinds: tuple[str, ...]
    text: str


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What running the sources gave. names: the callables that the main file defines or imports."""

    names: frozenset[str]
    failures: tuple[LoadFailure, ...]


class Worker:
    """One submission (sources by posix name, the name of the main one), one process at a time, one call at a time.

    When loading times out, dies or runs out of memory, it does so again at once for every later call: a fresh Worker
    tries anew.
    """

    def __init__(self, client: Client, sources: Mapping[str, str], main: str, limits: Limits | None = None) -> None:
        self.client, self.sources, self.main = client, dict(sources), main
        self.limits = limits or Limits()
        self.starts = 0
        self._conversation: Conversation | None = None
        self._loaded: Loaded | None = None
        self._load_end: Interrupted | None = None

    @property
    def output(self) -> str:
        """What the last call printed, cut after 4096 characters. Untrusted text."""
        return "" if self._conversation is None else self._conversation.output

    def load(self) -> Loaded:
        """What loading gave; start if that is not known yet. Raises an Interrupted or Fault."""
        if self._loaded is None:
            self._running()
        assert self._loaded is not None
        return self._loaded

    def call(self, function: str, arguments: Sequence[Any], seed: int, want: Want = "value") -> Any:
        """Call a function of the main file with torch, numpy and random seeded from ``seed``.

        want: "value"; "arguments" for the tuple of arguments as they are afterwards; "operators" for the operators that
        ran, in order: empty where there is no evidence; "traces" for what the call leaves behind, see observe.traces.
        All but the value are self-reported.
        Raises StudentError, UnsendableError, an Interrupted, or Fault.
        """
        conversation = self._running()
        call, parameters = Call(function, tuple(arguments)), _parameters(function, arguments, seed, want)
        value = conversation.request("call", parameters, self.limits.call, call)
        return self._read(value, call, want)

    def call_ahead(self, calls: Sequence[tuple[Call, int, Want]], until: float) -> list[Any]:
        """Several calls, each with its seed, sent before the first is answered. -> values and StudentErrors, in order.

        No argument may be a function that stays here. Where a call cannot be answered by ``until`` (of time.monotonic),
        or not without anything happening to the worker, the list ends before it, and the worker has ended, too: make
        the calls one by one to learn which of them it is. Raises as load does.
        """
        answers: list[Any] = []
        while len(answers) < len(calls):
            conversation, rest = self._running(), calls[len(answers) :]
            requests = [_parameters(call.function, call.arguments, seed, want) for call, seed, want in rest]
            replies = conversation.request_ahead(requests, until)
            with contextlib.suppress(Died):
                for reply, (call, _, want) in zip(replies, rest, strict=False):
                    answers.append(reply if isinstance(reply, StudentError) else self._read(reply, call, want))
            if not conversation.open:
                break
        return answers

    def call_on(self, device: str, function: str, arguments: Sequence[Any], seed: int) -> tuple[list[str], Any]:
        """Call a function with its arguments moved to ``device`` ("cuda"), in a worker that may use it.

        -> (the kinds of devices of the result's tensors, self-reported; the result on the CPU). Raises as call does.
        """
        conversation = self._running()
        call, parameters = Call(function, tuple(arguments)), [*_parameters(function, arguments, seed), device]
        reply = conversation.request("call", parameters, self.limits.call, call)
        if type(reply) is not tuple or [type(part) for part in reply[:1]] != [list] or len(reply) != 2:
            conversation.close()
            raise Died("the grader's channel was written to (malformed reply)", call)
        places, value = reply
        return [str(place) for place in places], value

    def stop(self) -> None:
        """End the process, if there is one; the next call starts another."""
        if self._conversation is not None:
            self._conversation.close()

    def _read(self, value: Any, call: Call, want: Want) -> Any:
        """What a reply means. Died where it means nothing."""
        if want == "value":
            return value
        try:
            if want == "traces":
                return _read_traces(value, len(call.arguments))
            return _read_operators(value) if want == "operators" else _read_arguments(value, call.arguments)
        except wire.WireError as error:
            self.stop()
            raise Died(f"the grader's channel was written to ({error})", call) from None

    def _running(self) -> Conversation:
        if self._conversation is not None and self._conversation.open:
            return self._conversation
        if self._load_end is not None:
            raise type(self._load_end)(self._load_end.message)
        self.starts += 1
        self._conversation = conversation = Conversation(self.client, self.limits)
        try:
            reply = conversation.request("load", {"files": self.sources, "main": self.main}, self.limits.load)
            self._loaded = _read_loaded(reply)
        except wire.WireError:
            conversation.close()
            self._load_end = Died("loading the submission: the grader's channel was written to")
            raise self._load_end from None
        except Interrupted as end:
            self._load_end = type(end)(f"loading the submission: {end.message}")
            raise self._load_end from None
        return conversation


def _parameters(function: str, arguments: Sequence[Any], seed: int, want: Want = "value") -> list[Any]:
    return [function, list(arguments), seed, want]


def _read_loaded(reply: Any) -> Loaded:
    if type(reply) is not dict or reply.keys() != {"names", "failures"}:
        raise wire.WireError("malformed report")
    names, failures = reply["names"], reply["failures"]
    if type(names) is not list or any(type(name) is not str for name in names) or type(failures) is not list:
        raise wire.WireError("malformed report")
    return Loaded(frozenset(names), tuple(map(_read_failure, failures)))


def _read_failure(failure: Any) -> LoadFailure:
    if type(failure) is not tuple or [type(part) for part in failure] != [str, int, list, str]:
        raise wire.WireError("malformed failure")
    file, line, kinds, text = failure
    if any(type(kind) is not str for kind in kinds):
        raise wire.WireError("malformed failure")
    return LoadFailure(file, line, tuple(kinds), text)


def _read_traces(value: Any, count: int) -> list[tuple[str, int]]:
    possible = [(name, -1) for name in observe.MODES] + [(n, i) for n in observe.MARKS for i in range(count)]
    if type(value) is not list or any(type(trace) is not tuple or trace not in possible for trace in value):
        raise wire.WireError("malformed traces")
    return value


def _read_arguments(value: Any, originals: Sequence[Any]) -> tuple[Any, ...]:
    if type(value) is not tuple or len(value) != len(originals):
        raise wire.WireError("malformed arguments")
    return tuple(map(_like, value, originals))


def _like(value: Any, original: Any) -> Any:
    """``value`` with a described function where ``original`` has one and ``value`` has its parameters."""
    if isinstance(original, Described):
        parameters = original.parameters()
        same = type(value) is dict and value.keys() == parameters.keys()
        return type(original)(**{name: _like(value[name], parameters[name]) for name in parameters}) if same else value
    if type(value) is not type(original) or type(value) not in (list, tuple, dict) or len(value) != len(original):
        return value
    if type(value) is dict:
        return {key: _like(item, original.get(key)) for key, item in value.items()}
    return type(value)(map(_like, value, original))


def _read_operators(value: Any) -> Operators:
    if value is None:
        return []
    if type(value) is not tuple or len(value) != 2 or type(value[0]) is not list or type(value[1]) is not torch.Tensor:
        raise wire.WireError("malformed operators")
    table, order = [_read_operator(row) for row in value[0]], value[1]
    if order.dtype != torch.int64 or order.dim() != 1:
        raise wire.WireError("malformed operators")
    if order.numel() and not (order.min() >= 0 and order.max() < len(table)):
        raise wire.WireError("malformed operators")
    return [table[index] for index in order.tolist()]


def _read_operator(row: Any) -> tuple[str, tuple[tuple[int, ...], ...]]:
    if type(row) is not tuple or [type(part) for part in row] != [str, list]:
        raise wire.WireError("malformed operator")
    if any(type(shape) is not list or any(type(size) is not int for size in shape) for shape in row[1]):
        raise wire.WireError("malformed operator")
    return row[0], tuple(tuple(shape) for shape in row[1])
