"""What bounds the process that grades one submission."""

from __future__ import annotations

import os

import pytest
import torch

from autograder.grading.child import MEMORY, bound_memory
from autograder.sandbox.callables import Reference
from autograder.sandbox.levels import Level
from autograder.sandbox.worker import Worker
from autograder.sandbox.zygote import Zygote
from autograder.testing.outcomes import StudentError

SOURCE = "import torch\ndef f(g): return g(torch.ones(100_000))\ndef h(g): return g(torch.ones(3))"


def test_a_function_of_the_graders_cannot_be_made_to_fill_the_machine():
    """A hundred thousand points are few bytes; the matrix of their products is not."""
    torch.set_num_threads(1)
    assert MEMORY < 100_000**2 * 4
    with Zygote(Level.FULL, quick=True) as zygote:
        assert zygote.alive()
        client = zygote.connect()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                bound_memory()
                worker, products = (
                    Worker(client, {"s.py": SOURCE}, "s.py"),
                    Reference(lambda x: torch.outer(x, x).sum()),
                )
                with pytest.raises(StudentError, match="cannot be evaluated"):
                    worker.call("f", [products], seed=0)
                assert worker.call("h", [products], seed=0).item() == 9.0
                assert worker.starts == 1
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
