"""The trusted end of the talk with one running worker: requests, callbacks, one deadline, and how it can end.

Nothing that arrives is believed beyond being a value of the codec. A worker that is late, dies or breaks the protocol
is killed, and the call raises what outcomes.py has for it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from autograder.sandbox.callables import Exchange, Handle, Reference
from autograder.sandbox.inside import wire
from autograder.sandbox.inside.channel import GREETING_BYTES, READY
from autograder.sandbox.limits import Limits
from autograder.sandbox.process import Client
from autograder.testing.deadline import at_most
from autograder.testing.outcomes import (
    Call,
    Died,
    Fault,
    Interrupted,
    OutOfMemory,
    StudentError,
    TimedOut,
    Trace,
    Unsendable,
)

MAX_NESTING = 16
AHEAD = 96 << 10
"""Bytes of calls that are sent before the first is answered: a socket holds them, so sending never has to wait."""
_GREETING_SECONDS, _NATURAL_DEATH_SECONDS = 30.0, 1.0
_SHORTEST = 1e-3  # seconds; a timer of zero would never ring
_LATE = "a function that stays with the grader is still being evaluated at the deadline of the call"
_SIGKILL, _SIGXCPU = 9, 24  # not every system has names for them
_MEMORY_TEXTS = ("not enough memory", "can't allocate memory", "cannot allocate memory", "std::bad_alloc")


class Conversation:
    """One worker process, from its start to its end."""

    def __init__(self, client: Client, limits: Limits) -> None:
        self.client, self.limits = client, limits
        self.exchange = Exchange(self._call_handle)
        bounds = wire.Bounds(limits.reply)
        self._encoder = wire.Encoder(wire.TO_WORKER, self.exchange.encode)
        self._decoder = wire.Decoder(bounds, self.exchange.decode)
        self._process = client.spawn(limits)
        self._channel = self._process.channel(bounds)
        self._number = self._depth = self._size = 0
        self._deadline = 0.0
        self._call: Call | None = None
        self.output = ""
        self.open = True
        self._await_confinement()

    def request(self, operation: str, parameters: Any, seconds: float, call: Call | None = None) -> Any:
        """The value of the reply. Raises StudentError, Unsendable, an Interrupted, or Fault.

        A request made while another one runs (a student's callable, called by a function the student called) shares
        the outer deadline.
        """
        if not self.open:
            raise Died("the process that held this object has ended", call)
        if self._depth >= MAX_NESTING:
            raise RecursionError("calls across the wall are nested too deeply")
        if self._depth == 0:
            self._deadline, self._call = time.monotonic() + seconds, call
        self._depth += 1
        try:
            frame = self._frame(operation, parameters)
            number = self._number
            self._send(frame)
            while True:
                kind, value = self._receive(number)
                if kind != "callback":
                    return self._result(kind, value)
                self._serve(number, value)
        except StudentError:
            raise
        except BaseException:  # also a KeyboardInterrupt: the worker is left in the middle of something
            self.close()
            raise
        finally:
            self._depth -= 1

    def request_ahead(self, calls: Sequence[Any], until: float) -> list[Any]:
        """Send several calls (their parameters) before the first is answered. -> values and StudentErrors, in order.

        For calls in which no function of the grader's takes part. The list is shorter where not all could be sent at
        once, and where one is not answered by ``until`` (of time.monotonic), whatever the reason: the worker is gone
        then, and who was to blame is not known.
        """
        frames, first, space, room = list[wire.Frame](), self._number + 1, AHEAD, self.limits.reply
        for parameters in calls:
            frame = self._frame("call", parameters)
            space -= sum(map(len, frame))
            if frames and space < 0:
                self._number -= 1
                break
            frames.append(frame)
        self._deadline, self._call, answers = until, None, list[Any]()
        try:
            self._send(*frames)
            for number in range(first, self._number + 1):
                kind, value = self._receive(number)
                room -= self._size
                if kind == "callback" or room < 0:
                    self.close()
                    break
                try:
                    answers.append(self._result(kind, value))
                except StudentError as error:
                    answers.append(error)
        except Interrupted:
            pass
        except BaseException:
            self.close()
            raise
        return answers

    def close(self) -> tuple[int, float]:
        """Kill and reap the worker. -> (exit status, seconds of processor time); Fault when the zygote is dead."""
        if not self.open:
            return 0, 0.0
        self.open = False
        return self._process.end()

    def _await_confinement(self) -> None:
        try:
            greeting = self._channel.exactly(GREETING_BYTES, time.monotonic() + _GREETING_SECONDS).rstrip()
        except (EOFError, TimeoutError):
            greeting = bytearray(b"no answer")
        if greeting != READY:
            self.close()
            raise Fault(f"a worker cannot be confined: {greeting.decode('utf-8', 'replace')}")

    def _frame(self, operation: str, parameters: Any) -> wire.Frame:
        """The next request."""
        self._number += 1
        try:
            return self._encoder.encode([self._number, operation, parameters])
        except wire.UnsendableError as error:
            raise Fault(f"the grader wants to send {error}") from None

    def _send(self, *frames: wire.Frame) -> None:
        """Send to a worker that must be waiting: whatever it has written before is a forgery."""
        try:
            if not self._channel.idle():
                self._end_with_forgery_or_death()
            self._channel.send(*frames, deadline=self._deadline)
        except TimeoutError:
            self._end_with_timeout()
        except EOFError:
            self._end_with_death()

    def _receive(self, number: int) -> tuple[str, Any]:
        """(kind, value) of the next message, which must answer or interrupt request ``number``."""
        try:
            frame = self._channel.receive(self._deadline)
            self._size = len(frame[1])
            message = self._decoder.decode(*frame)
            if type(message) is not list or len(message) != 4 or message[0] != number or type(message[0]) is not int:
                raise wire.WireError("not an answer to this request")
            _, kind, value, output = message
            if type(kind) is not str or type(output) is not str:
                raise wire.WireError("malformed message")
            if kind == "callback":
                if len(frame[1]) > self.limits.callback:
                    raise wire.WireError("large arguments")
                if type(value) is not list or len(value) != 2 or type(value[1]) is not list:
                    raise wire.WireError("malformed callback")
            else:
                self.output = output
        except TimeoutError:
            self._end_with_timeout()
        except EOFError:
            self._end_with_death()
        except wire.WireError as error:
            self._end_with(Died(f"the grader's channel was written to ({error})", self._call))
        return kind, value

    def _serve(self, number: int, value: list[Any]) -> None:
        """Evaluate a function of the grader's for the student; what goes wrong there is an error of the student's."""
        reference_number, arguments = value
        reference = None
        try:
            reference = self.exchange.reference(reference_number)
            result = self._evaluate(reference, arguments)
            frame = self._encoder.encode([number, "answer", {"value": result}])
        except Exception as error:
            if reference is not None:
                reference.note(error)
            kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
            text = "this function cannot be evaluated at these arguments"
            frame = self._encoder.encode([number, "refuse", {"kind": kind, "text": text}])
        if time.monotonic() > self._deadline:
            self._end_with_timeout()
        self._send(frame)

    def _evaluate(self, reference: Reference, arguments: Sequence[Any]) -> Any:
        """One evaluation, stopped at the deadline of the call.

        That the function is fast where a right answer calls it has been rehearsed: slow arguments are the student's.
        """
        try:
            with at_most(max(self._deadline - time.monotonic(), _SHORTEST), _LATE):
                return reference(*arguments)
        except Fault as fault:
            if str(fault) != _LATE:
                raise
            self._end_with_timeout()

    def _call_handle(self, handle: Handle, method: str, arguments: tuple[Any, ...]) -> Any:
        function = (handle, method) if method else handle
        call = Call(f"the {handle.kind} it returned", arguments)
        parameters = [function, list(arguments), None, "value"]
        return self.request("call", parameters, self.limits.call, call)

    def _result(self, kind: str, value: Any) -> Any:
        if kind == "ok":
            return value
        if kind == "unsendable" and type(value) is str:
            raise Unsendable(value[:500])
        if kind != "error":
            self._end_with(Died("the grader's channel was written to (malformed reply)", self._call))
        try:
            error = read_error(value)
        except wire.WireError:
            self._end_with(Died("the grader's channel was written to (malformed error)", self._call))
        if is_out_of_memory(error.kinds, error.text):
            self._end_with(OutOfMemory(f"more than {self.limits.memory >> 20} MiB of memory was needed", self._call))
        raise error

    def _end_with(self, outcome: Interrupted) -> NoReturn:
        self.close()
        raise outcome

    def _end_with_timeout(self) -> NoReturn:
        self._end_with(TimedOut("it took longer than it may", self._call))

    def _end_with_forgery_or_death(self) -> NoReturn:
        if self._channel.has_written():
            self._end_with(Died("the grader's channel was written to before there was a request", self._call))
        self._end_with_death()

    def _end_with_death(self) -> NoReturn:
        """The channel is closed: find out what became of the process."""
        natural = self._process.ended(_NATURAL_DEATH_SECONDS)
        status, cpu = self.close()
        if not natural and status == -_SIGKILL:
            raise Died("your code closed the grader's channel", self._call)
        if status == -_SIGXCPU or (status == -_SIGKILL and cpu >= self.limits.cpu):
            raise TimedOut(f"more than {self.limits.cpu} s of processor time were used", self._call)
        if status == -_SIGKILL and self.client.level.seccomp:  # which denies a worker the means to do this itself
            raise Fault("a worker was killed from outside (by hand, or by the kernel for lack of memory)")
        raise Died(f"your code ended its process ({_status_text(status)})", self._call)


def read_error(value: Any) -> StudentError:
    """A student's exception from a worker's description; WireError if it is not one."""
    if type(value) is not tuple or len(value) != 3:
        raise wire.WireError("malformed error")
    kinds, text, trace = value
    if (
        type(kinds) is not list
        or len(kinds) > 8
        or any(type(kind) is not str for kind in kinds)
        or type(text) is not str
    ):
        raise wire.WireError("malformed error")
    return StudentError(tuple(kind[:80] for kind in kinds), text[:1000], _read_trace(trace))


def _read_trace(trace: Any) -> Trace:
    if trace is None:
        return Trace()
    if type(trace) is not tuple or [type(part) for part in trace] != [str, int, str]:
        raise wire.WireError("malformed trace")
    return Trace(trace[0][:200], trace[1], trace[2][:200])


def is_out_of_memory(kinds: Sequence[str], text: str) -> bool:
    """Whether an exception says that memory ran out: Python's own, or torch's RuntimeError."""
    return "MemoryError" in kinds or ("RuntimeError" in kinds and any(part in text.lower() for part in _MEMORY_TEXTS))


def _status_text(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
