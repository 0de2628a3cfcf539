"""Hostile submissions, at the full level: each ends as its docstring says, gets nothing, and harms no one else.

The functions of ``attacks/*.py`` are submissions. The beginning of a docstring tells the ways in which a call may end,
and after "then" those of the next call of the same process, where that is not to be answered. An attack that returns
("ok") returns the list of what it got, which must be empty. What it is told to look for (a file, a port, a process, the
beginning of a secret text) it takes as parameters of these names.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from autograder.sandbox import policy
from autograder.sandbox.callables import Handle, Reference
from autograder.sandbox.inside.functions import Affine
from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Client, Zygote
from autograder.testing.outcomes import Died, OutOfMemory, StudentError, TimedOut, Unsendable

SOURCES = {path.stem: path.read_text() for path in sorted(Path(__file__).with_name("attacks").glob("*.py"))}
MARKER = ("CAN", "ARY-")
SECRET = "".join(MARKER) + secrets.token_hex(16)
X = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
HONEST = {
    "submission.py": "import torch, concurrent.futures as futures\n"
    f"NOTE = {SECRET!r}\n"
    "def f(x): return torch.linalg.solve(x, x @ x) + torch.rand(2)\n"
    "def g(x):\n    with futures.ThreadPoolExecutor(2) as pool: return sum(pool.map(torch.sum, x))\n"
}


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
VISIBLE = {
    "read_the_secret_file",
    "read_another_submission",
    "learn_about_files",
    "read_system_files",
    "look_through_processes",
    "talk_to_the_network",
}
"""Attacks whose success without the wall can be shown without harm."""


class Arena:
    """A grader with things worth stealing, and an honest student beside the attacker."""

    def __init__(self, zygote: Zygote, client: Client, folder: Path, listeners: list[socket.socket]) -> None:
        self.zygote, self.client, self.listeners = zygote, client, listeners
        self.pid = zygote.pid
        self.secret, self.other = folder / "secret.txt", folder / "submission_of_another.py"
        for path in (self.secret, self.other):
            path.write_text(f"NOTE = {SECRET!r}\n")
        shown = [parent for parent in folder.parents if parent.is_relative_to(tempfile.gettempdir())][:-1]
        for path in (self.secret, self.other, folder, *shown):  # nothing but the wall is in the way
            path.chmod(0o755)
        self.neighbour = Worker(client, HONEST, "submission.py")
        self.expected = self.neighbour.call("f", [X], seed=1), self.neighbour.call("g", [X], seed=1)
        self.f, self.x, self.g = Reference(lambda x: x * 2.0), X.clone(), Affine(torch.eye(2), torch.ones(2))

    def lure(self, name: str) -> Any:
        port = self.listeners[0].getsockname()[1]
        known = {"secret": str(self.secret), "other": str(self.other), "port": port, "abstract": abstract_name()}
        known |= {"marker": list(MARKER), "grader": os.getpid(), "zygote": self.pid, "f": self.f, "g": self.g}
        known |= {"x": self.x, "forbidden": forbidden_calls(), "clone": system_call("clone")}
        return known[name]

    def assert_untouched(self) -> None:
        """Files, sockets, the zygote, this process, and others' submissions, running or new."""
        assert {path.read_text() for path in (self.secret, self.other)} == {f"NOTE = {SECRET!r}\n"}
        assert sorted(self.secret.parent.iterdir()) == sorted((self.secret, self.other))
        for listener in self.listeners:
            with pytest.raises(BlockingIOError):
                listener.recv(1) if listener.type == socket.SOCK_DGRAM else listener.accept()
        assert self.zygote.alive()
        assert self.zygote.pid == self.pid
        assert torch.equal(self.x, X)
        assert torch.equal(self.g(torch.ones(2)), torch.full((2,), 2.0))
        assert not torch.equal(X, X + 1)
        assert builtins.abs(-1) == 1
        fresh = Worker(self.client, HONEST, "submission.py")
        for worker in (self.neighbour, fresh):
            for function, expected in zip("fg", self.expected, strict=True):
                assert torch.equal(worker.call(function, [X], seed=1), expected)
        fresh.stop()
        assert self.neighbour.starts == 1


def abstract_name() -> str:
    return f"autograder-{os.getpid()}"


def system_call(name: str) -> int:
    import pyseccomp

    return pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)


def forbidden_calls() -> dict[str, int]:
    """Every system call of the table that the policy does not name, conditionally or not."""
    conditional = {"clone", "clone3", "prlimit64", "prctl", "ioctl"}
    named = {system_call(name) for name in (*policy.ALLOWED.split(), *conditional)}
    if platform.machine() == "x86_64":
        named |= {335, 336}  # for probes in user space; Linux leaves them out of every filter, and they are harmless
    return {f"call {number}": number for number in range(470) if number not in named}


@pytest.fixture(scope="module", params=[Level.FULL], ids=str)
def arena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    torch.set_num_threads(1)
    os.environ["AUTOGRADER_TOKEN"] = SECRET
    with contextlib.ExitStack() as stack:
        stack.callback(os.environ.pop, "AUTOGRADER_TOKEN")
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        local.bind("\0" + abstract_name())
        local.listen()
        for listener in (tcp, udp, local):
            listener.setblocking(False)
        zygote = stack.enter_context(Zygote(request.param))
        client = stack.enter_context(zygote.connect())
        yield Arena(zygote, client, tmp_path_factory.mktemp("vault"), [tcp, udp, local])


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


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_attack(arena: Arena, attack: Attack) -> None:
    hangs = attack.ends == {"timeout"}
    limits = Limits(memory=1 << 28, call=0.4 if hangs else 20.0)
    sources = {"submission.py": SOURCES[attack.family] + "\ndef honest(x): return x + 1\n"}
    attacker = Worker(arena.client, sources, "submission.py", limits)
    assert attacker.load().failures == ()
    how, what = end_of(attacker, attack.name, [arena.lure(name) for name in attack.wants])
    assert how in attack.ends, what
    assert what == [] or how != "ok"
    assert SECRET not in f"{what}{attacker.output}"
    assert len(str(what)) + len(attacker.output) < 10_000
    arena.assert_untouched()
    if how in ("ok", "error", "handle", "unsendable"):  # its own process may be damaged now, which is its own loss
        how, what = end_of(attacker, "honest", [X])
        assert what != ["free points"]
        assert how in (attack.then or {"ok", "error", "died", "timeout"}), what
    attacker.stop()
    assert torch.equal(attacker.call("honest", [X], seed=0), X + 1), "a new process of the same submission"
    attacker.stop()


def test_the_suite_is_as_large_as_it_claims() -> None:
    assert len(ATTACKS) >= 100
    assert {attack.family for attack in ATTACKS} == set(SOURCES)
    assert frozenset().union(*(attack.ends | attack.then for attack in ATTACKS)) <= {
        *("ok", "error", "unsendable", "handle", "timeout", "memory", "died")
    }


@pytest.mark.parametrize("arena", [Level.PLAIN], ids=str, indirect=True)
@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.name in VISIBLE], ids=str)
def test_without_the_wall_the_same_attack_gets_something(arena: Arena, attack: Attack) -> None:
    """So the attacks look in the right places."""
    attacker = Worker(arena.client, {"submission.py": SOURCES[attack.family]}, "submission.py")
    how, what = end_of(attacker, attack.name, [arena.lure(name) for name in attack.wants])
    assert how == "ok"
    assert what != []
    attacker.stop()


@pytest.mark.parametrize(
    ("statement", "ends"),
    [
        ("import os; os._exit(0)", "died"),
        ("while True: pass", "timeout"),
        ("import os; os.write(3, bytes(1000))", "died"),
        ("import os; os.close(3)", "died"),
        ("raise SystemExit", "ok"),
        ("class E(BaseException):\n    def __str__(self): raise self\nraise E", "ok"),
        ("import sys; sys.modules.clear()", "ok died error"),
        ("x = []\nwhile True: x.append(bytearray(1 << 22))", "ok memory"),
        ("globals().update({f'f{n}': print for n in range(10 ** 5)})", "ok unsendable"),
        ("globals().update({'f' * 10 ** 6: print})", "ok died error unsendable"),
        ("globals()[1] = print", "ok died error"),
        ("class C:\n    def __getattr__(self, name): raise SystemExit\nc = C()", "ok"),
        ("for n in range(1000): exec('1/0')", "ok"),
        ("\n".join(["1 / 0"] * 5000), "ok"),
        ("import __main__; __main__.__dict__.clear()", "ok"),
        ("__name__ = __file__ = __builtins__ = None", "ok"),
    ],
)
def test_attacks_while_loading(arena: Arena, statement: str, ends: str) -> None:
    source = f"{statement}\ndef honest(x): return x + 1\n"
    attacker = Worker(arena.client, {"submission.py": source}, "submission.py", Limits(memory=1 << 28, load=2.0))
    try:
        attacker.load()
        how = "ok"
    except StudentError:
        how = "error"
    except TimedOut:
        how = "timeout"
    except OutOfMemory:
        how = "memory"
    except Died:
        how = "died"
    assert how in ends.split()
    arena.assert_untouched()
    if how == "ok":
        assert end_of(attacker, "honest", [X])[0] in ("ok", "error", "died")
    attacker.stop()


def test_the_wall_holds_for_an_ordinary_user_too(as_ordinary_user: Callable[..., None]) -> None:
    as_ordinary_user("tests/autograder/sandbox/test_attacks.py::test_attack")
