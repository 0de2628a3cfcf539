"""Hostile submissions: each ends as its docstring says, gets nothing, and harms no one else.

Here at the full level, as whoever runs the tests; test_attack_table.py tries every level and both kinds of users.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from attack_arena import ATTACKS, SOURCES, Arena, Attack, X, end_of, open_vault

from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.testing.outcomes import Died, OutOfMemory, StudentError, TimedOut

VISIBLE = {
    "read_the_secret_file",
    "read_another_submission",
    "learn_about_files",
    "read_system_files",
    "look_through_processes",
    "talk_to_the_network",
}
"""Attacks whose success without the wall can be shown without harm."""


@pytest.fixture(scope="module", params=[Level.FULL], ids=str)
def arena(request: pytest.FixtureRequest) -> Iterator[Arena]:
    with contextlib.ExitStack() as stack:
        vault = stack.enter_context(open_vault(request.param))
        yield Arena(vault, stack.enter_context(vault.zygote.connect()))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_attack(arena: Arena, attack: Attack) -> None:
    arena.attack(attack)


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
    arena.check()
    if how == "ok":
        assert end_of(attacker, "honest", [X])[0] in ("ok", "error", "died")
    attacker.stop()
