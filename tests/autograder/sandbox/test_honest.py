"""Honest code of many kinds works at every level, with the very bits that an unprotected process computes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from autograder.sandbox import mounts
from autograder.sandbox.inside import wire
from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote

SOURCE = Path(__file__).with_name("honest.py").read_text()
KINDS = [
    node.name
    for node in ast.parse(SOURCE).body
    if isinstance(node, ast.FunctionDef) and not node.args.args and not node.decorator_list
]
SEED = 5


OUTSIDE = """
import pathlib, random, sys, types
import msgspec, numpy, torch
import torch._dynamo
from autograder.sandbox.inside import wire
torch.set_num_threads(1)
torch._dynamo.config.disable = True
module = sys.modules["honest"] = types.ModuleType("honest")
module.__file__ = sys.argv[1]
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec", dont_inherit=True), module.__dict__)
answers = {}
for kind in sys.argv[3:]:
    torch.default_generator.manual_seed(SEED); random.seed(SEED); numpy.random.seed(SEED)
    answers[kind] = wire.Encoder(wire.TO_WORKER).encode(getattr(module, kind)())
pathlib.Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode(answers))
""".replace("SEED", str(SEED))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the same functions answer in a bare process with the same environment."""
    saved = tmp_path_factory.mktemp("outside") / "answers"
    source = Path(__file__).with_name("honest.py")
    places = dict.fromkeys(("HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR"), str(saved.parent))
    command = [sys.executable, "-W", "ignore", "-c", OUTSIDE, str(source), str(saved), *KINDS]
    subprocess.run(
        command, check=True, env=mounts.ENVIRONMENT | places, cwd=saved.parent, stdout=subprocess.DEVNULL, timeout=120
    )
    decoder, answers = wire.Decoder(wire.TO_WORKER), msgspec.msgpack.decode(saved.read_bytes())
    return {kind: decoder.decode(skeleton, bytearray(data)) for kind, (skeleton, data) in answers.items()}


def places() -> Iterator[Any]:
    """Every level as for grading, the strongest also as for a student's own check."""
    yield pytest.param((Level.FULL, True), id="quick")
    for level in Level:
        yield pytest.param((level, False), id=level.value, marks=[] if level is Level.FULL else pytest.mark.slow)


@pytest.fixture(scope="module", params=places())
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    """One process for all, as a submission's exercises share one."""
    level, quick = request.param
    with Zygote(level, quick=quick) as zygote, zygote.connect() as client:
        worker = Worker(client, {"honest.py": SOURCE}, "honest.py", Limits(call=60.0, load=60.0))
        assert worker.load().failures == ()
        yield worker
        worker.stop()


def bits(tensor: torch.Tensor) -> bytes:
    plain = tensor.detach().resolve_conj().contiguous()
    return (plain.view(torch.int16) if plain.dtype is torch.bfloat16 else plain).numpy().tobytes()


def identical(first: Any, second: Any) -> bool:
    """Same types, shapes, and bits; a parameter crosses as a tensor."""
    if isinstance(first, torch.Tensor):
        if type(second) is not torch.Tensor or (first.dtype, first.shape) != (second.dtype, second.shape):
            return False
        return bits(first) == bits(second)
    if type(first) is not type(second):
        return False
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(identical, first, second))
    if isinstance(first, dict):
        return list(first) == list(second) and all(identical(first[key], second[key]) for key in first)
    return first == second


@pytest.mark.parametrize("kind", KINDS)
def test_honest_code_gives_the_same_bits(worker, outside, kind):
    assert identical(outside[kind], worker.call(kind, [], seed=SEED))
    assert worker.starts == 1


def test_the_comparison_sees_a_single_bit():
    one = torch.ones(2)
    assert identical([one, 1.0], [one.clone(), 1.0])
    for other in (torch.nextafter(one, one + 1), one.double(), torch.ones(2, 1), 1.0):
        assert not identical(one, other)
    assert not identical(torch.tensor(0.0), torch.tensor(-0.0))
    assert not identical((1.0,), [1.0])
    assert not identical(1, 1.0)


def test_the_suite_is_as_large_as_it_claims():
    assert len(KINDS) >= 40


@pytest.mark.slow
def test_honest_code_of_an_ordinary_user(as_ordinary_user):
    as_ordinary_user("tests/autograder/sandbox/test_honest.py", "-k", "same_bits and not quick")
