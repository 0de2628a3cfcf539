"""Hostile submissions, and a grader with things worth stealing for them to be tried on.

The functions of ``sandbox/attacks/*.py`` are submissions. The beginning of a docstring tells the ways in which a call
may end, and after "then" those of the next call of the same process, where that is not to be answered. An attack that
returns ("ok") returns the list of what it got, which must be empty. What it is told to look for (a file, a port, a
process, the beginning of a secret text) it takes as parameters of these names.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import dataclasses
import os
import platform
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from autograder.sandbox import policy
from autograder.sandbox.callables import Handle, Reference
from autograder.sandbox.inside.functions import Affine
from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Client, Zygote
from autograder.testing.outcomes import Died, OutOfMemory, StudentError, TimedOut, Unsendable

FOLDER = Path(__file__).resolve().parents[1] / "sandbox" / "attacks"
SOURCES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.py"))}
MARKER = ("CAN", "ARY-")
X = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
HANG_SECONDS = 0.4
PATIENT = Limits(call=120.0, load=120.0)  # with those who do no harm, however busy the machine is


@dataclasses.dataclass(frozen=True)
class Attack:
    """One function of one source. ends, then: the ways in which a call of it, and the next call, may end."""

    family: str
    name: str
    ends: frozenset[str]
    then: frozenset[str]
    wants: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.family}-{self.name}"


def attacks_of(family: str) -> Iterator[Attack]:
    for node in ast.parse(SOURCES[family]).body:
        if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
            ends, _, then = text.partition(":")[0].partition(", then ")
            ways, after = (frozenset(filter(None, part.split(" | "))) for part in (ends, then))
            yield Attack(family, node.name, ways, after, tuple(argument.arg for argument in node.args.args))


ATTACKS = [attack for family in SOURCES for attack in attacks_of(family)]
_PLAIN_CLAIMS = {"forging", "odd_values", "tampering"}
_PLAIN_CLAIMS_TOO = {
    *("exit_as_if_all_were_well", "exit_through_libc", "exit_from_a_thread", "exit_politely", "crash", "abort"),
    *("exit_with_unfinished_business", "run_an_illegal_instruction", "overflow_the_stack", "corrupt_the_interpreter"),
    *("close_every_descriptor", "replace_the_channel", "fill_memory_with_lists", "fill_memory_with_tensors"),
    *("ask_for_the_moon", "swallow_every_memory_error", "print_without_end", "answer_too_much"),
    *(attack.name for attack in ATTACKS if attack.name.startswith("hang_in")),
}
_LANDLOCK_LEAVES = {"learn_about_files"}


def claims(level: Level, attack: Attack) -> bool:
    """Whether a level promises to contain an attack; all promise it but those of which ``Level.lacks`` tells."""
    if level is Level.PLAIN:
        return attack.family in _PLAIN_CLAIMS or attack.name in _PLAIN_CLAIMS_TOO
    return not (level is Level.LANDLOCK and attack.name in _LANDLOCK_LEAVES)


class Vault:
    """Shared by all attacks on one zygote: secrets in files, in the environment and in memory; open ports."""

    def __init__(self, zygote: Zygote, folder: Path, listeners: list[socket.socket], secret_text: str) -> None:
        self.zygote, self.listeners, self.secret_text = zygote, listeners, secret_text
        self.pid = zygote.pid
        self.secret, self.other = folder / "secret.txt", folder / "submission_of_another.py"
        for path in (self.secret, self.other):
            path.write_text(f"NOTE = {secret_text!r}\n")
        shown = [parent for parent in folder.parents if parent.is_relative_to(tempfile.gettempdir())][:-1]
        for path in (self.secret, self.other, folder, *shown):  # nothing but the wall is in the way
            path.chmod(0o755)
        self.honest = {
            "submission.py": "import torch, concurrent.futures as futures\n"
            f"NOTE = {secret_text!r}\n"
            "def f(x): return torch.linalg.solve(x, x @ x) + torch.rand(2)\n"
            "def g(x):\n    with futures.ThreadPoolExecutor(2) as pool: return sum(pool.map(torch.sum, x))\n"
        }

    def check(self) -> None:
        """Files, sockets and the zygote are as they were."""
        expect({path.read_text() for path in (self.secret, self.other)} == {f"NOTE = {self.secret_text!r}\n"}, "files")
        expect(sorted(self.secret.parent.iterdir()) == sorted((self.secret, self.other)), "a new file")
        for listener in self.listeners:
            with contextlib.suppress(BlockingIOError):
                listener.recv(1) if listener.type == socket.SOCK_DGRAM else listener.accept()
                expect(False, "something arrived over the network")
        expect(self.zygote.alive() and self.zygote.pid == self.pid, "the zygote is gone")


@contextlib.contextmanager
def open_vault(level: Level) -> Iterator[Vault]:
    torch.set_num_threads(1)
    secret_text = "".join(MARKER) + secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        os.environ["AUTOGRADER_TOKEN"] = secret_text
        stack.callback(os.environ.pop, "AUTOGRADER_TOKEN")
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind("\0" + abstract_name())
        local.listen()
        for listener in (tcp, udp, local):
            listener.setblocking(False)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vault")))
        zygote = stack.enter_context(Zygote(level))
        yield Vault(zygote, folder, [tcp, udp, local], secret_text)


class Arena:
    """A line to the vault's zygote, with an honest student beside the attacker."""

    def __init__(self, vault: Vault, client: Client) -> None:
        self.vault, self.client = vault, client
        self.neighbour = Worker(client, vault.honest, "submission.py", PATIENT)
        self.expected = self.neighbour.call("f", [X], seed=1), self.neighbour.call("g", [X], seed=1)
        self.f, self.x, self.g = Reference(lambda x: x * 2.0), X.clone(), Affine(torch.eye(2), torch.ones(2))

    def lure(self, name: str) -> Any:
        vault, port = self.vault, self.vault.listeners[0].getsockname()[1]
        known = {"secret": str(vault.secret), "other": str(vault.other), "port": port, "abstract": abstract_name()}
        known |= {"marker": list(MARKER), "grader": os.getpid(), "zygote": vault.pid, "f": self.f, "g": self.g}
        known |= {"x": self.x, "forbidden": forbidden_calls(), "clone": policy.system_call("clone")}
        return known[name]

    def check(self) -> None:
        """The vault, this process, and others' submissions, running or new, are as they were."""
        self.vault.check()
        expect(torch.equal(self.x, X) and not torch.equal(X, X + 1) and builtins.abs(-1) == 1, "the grader's own data")
        expect(torch.equal(self.g(torch.ones(2)), torch.full((2,), 2.0)), "the grader's function")
        fresh = Worker(self.client, self.vault.honest, "submission.py", PATIENT)
        for worker in (self.neighbour, fresh):
            for function, expected in zip("fg", self.expected, strict=True):
                expect(torch.equal(worker.call(function, [X], seed=1), expected), "another submission's answers")
        fresh.stop()
        expect(self.neighbour.starts == 1, "another submission's process")

    def attack(self, attack: Attack) -> str:
        """How it ended; AssertionError, saying what it got or broke, if it was not contained."""
        limits = Limits(memory=1 << 28, load=120.0, call=HANG_SECONDS if attack.ends == {"timeout"} else 60.0)
        sources = {"submission.py": SOURCES[attack.family] + "\ndef honest(x): return x + 1\n"}
        attacker = Worker(self.client, sources, "submission.py", limits)
        try:
            expect(attacker.load().failures == (), "it does not load")
            first, what = end_of(attacker, attack.name, [self.lure(name) for name in attack.wants])
            expect(first in attack.ends, f"ends with {first}: {str(what)[:300]}")
            expect(what == [] or first != "ok", f"got {str(what)[:300]}")
            expect(self.vault.secret_text not in f"{what}{attacker.output}", "the secret")
            expect(len(str(what)) + len(attacker.output) < 10_000, "too many words")
            self.check()
            if first in ("ok", "error", "handle", "unsendable"):  # its own process may be damaged: its own loss
                how, what = end_of(attacker, "honest", [X])
                expect(what != ["free points"], "free points")
                allowed = attack.then or {"ok", "error", "died", "timeout"}
                expect(how in allowed, f"the next call ends with {how}: {str(what)[:300]}")
            attacker.stop()
            again = Worker(self.client, sources, "submission.py", PATIENT)
            expect(torch.equal(again.call("honest", [X], seed=0), X + 1), "a new process of the same submission")
            again.stop()
        finally:
            attacker.stop()
        return first


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def end_of(worker: Worker, function: str, arguments: list[Any]) -> tuple[str, Any]:
    """How a call ends, and with what. A Fault passes through: a student must not be able to cause one."""
    try:
        value = worker.call(function, arguments, seed=0)
    except Unsendable as error:
        return "unsendable", error.text
    except StudentError as error:
        return "error", [*error.kinds, error.text]
    except TimedOut as end:
        return "timeout", end.message
    except OutOfMemory as end:
        return "memory", end.message
    except Died as end:
        return "died", end.message
    return ("handle" if type(value) is Handle else "ok"), value


def abstract_name() -> str:
    return f"autograder-{os.getpid()}"


def forbidden_calls() -> dict[str, int]:
    """Every system call of the table that the policy does not name, conditionally or not."""
    conditional = {"clone", "clone3", "prlimit64", "prctl", "ioctl"}
    named = {policy.system_call(name) for name in (*policy.ALLOWED.split(), *conditional)}
    if platform.machine() == "x86_64":
        named |= {335, 336}  # for probes in user space; Linux leaves them out of every filter, and they are harmless
    return {f"call {number}": number for number in range(470) if number not in named}
