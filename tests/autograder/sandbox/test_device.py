"""Calls on a device, and the profile of the workers that may use one. No device is needed for what is tested here."""

from __future__ import annotations

import errno
import resource

import pytest
import torch

from autograder.sandbox.inside.device import call_on
from autograder.sandbox.inside.functions import Affine
from autograder.sandbox.levels import Level
from autograder.sandbox.limits import Limits
from autograder.sandbox.profiles import CPU, CUDA
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote
from autograder.testing.outcomes import Died, StudentError

SOURCE = """
import os, resource, socket
import torch

def double(x):
    return 2 * x

def bound(x):
    return resource.getrlimit(resource.RLIMIT_AS)[0]

def nested(field, weights, x):
    return {"value": field(x), "weights": [2 * weight for weight in weights], "text": "kept"}

def attempt(what):
    try:
        {
            "read": lambda: open("/etc/passwd").read(),
            "write": lambda: open("/tmp/x", "w"),
            "fork": os.fork,
            "connect": lambda: socket.socket().connect(("127.0.0.1", 22)),
            "look around": lambda: os.listdir("/proc"),
        }[what]()
    except OSError as error:
        return error.errno
    return 0

def end(x):
    os._exit(3)
"""


@pytest.fixture(scope="module")
def client():
    with Zygote(Level.FULL, quick=True, device=CUDA) as zygote, zygote.connect() as client:
        yield client


def worker(client):
    return Worker(client, {"submission.py": SOURCE}, "submission.py", Limits(call=5.0))


def test_arguments_go_to_the_device_and_answers_come_back():
    x = torch.ones(2)
    places, value = call_on("meta", lambda a, n: (a[0].device.type, n), [[x], 3])
    assert (places, value) == ([], ("meta", 3))


def test_an_answer_that_was_left_behind_is_seen():
    places, value = call_on("cpu", lambda a: (a, torch.empty(2, device="meta").shape[0]), [torch.ones(2)])
    assert places == ["cpu"] and value[1] == 2


def test_the_parameters_of_a_described_function_go_along():
    field = Affine(torch.eye(2), torch.ones(2))
    _, value = call_on("meta", lambda f: (f.W.device.type, f.b.device.type), [field])
    assert value == ("meta", "meta")


def test_a_function_that_stays_elsewhere_is_evaluated_there():
    seen = []

    def stub(x):
        seen.append(x.device.type)
        return x + 1

    places, value = call_on("cpu", lambda f, x: f(x), [stub, torch.ones(2)])
    assert seen == ["cpu"] and places == ["cpu"] and torch.equal(value, torch.full((2,), 2.0))


def test_only_workers_beside_have_no_bound_on_their_address_space(client):
    assert (client.profile, client.beside.profile) == (CPU, CUDA)
    assert worker(client).call("bound", [0], 1) > 0
    assert worker(client.beside).call("bound", [0], 1) == resource.RLIM_INFINITY


def test_a_call_on_a_device_crosses_the_wall_with_all_its_arguments(client):
    field, weights = Affine(torch.eye(2), torch.ones(2)), (torch.ones(3), torch.zeros(1))
    places, value = worker(client.beside).call_on("cpu", "nested", [field, weights, torch.ones(2)], 1)
    assert places == ["cpu"] * 3
    assert torch.equal(value["value"], torch.full((2,), 2.0)) and value["text"] == "kept"
    assert [len(weight) for weight in value["weights"]] == [3, 1]


def test_a_device_that_is_not_there_is_an_error_of_the_call(client):
    with pytest.raises(StudentError):
        worker(client.beside).call_on("cuda" if not torch.cuda.is_available() else "xpu", "double", [torch.ones(2)], 1)


@pytest.mark.parametrize("what", ["read", "write", "fork", "connect", "look around"])
def test_the_profile_of_a_device_still_confines(client, what):
    assert worker(client.beside).call("attempt", [what], 1) in (errno.EPERM, errno.EACCES, errno.ENOENT, errno.EROFS)


def test_a_worker_beside_that_ends_is_the_students_doing(client):
    with pytest.raises(Died):
        worker(client.beside).call_on("cpu", "end", [torch.ones(1)], 1)


def test_a_zygote_with_a_second_one_ends_and_restarts_both():
    with Zygote(Level.FULL, quick=True, device=CUDA) as zygote:
        first = (zygote.pid, zygote._beside.pid)
        zygote.restart()
        assert {zygote.pid, zygote._beside.pid}.isdisjoint(first) and zygote.alive()
        with zygote.connect() as client:
            assert torch.equal(worker(client.beside).call("double", [torch.ones(1)], 1), torch.full((1,), 2.0))
