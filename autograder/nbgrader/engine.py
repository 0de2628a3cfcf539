"""The engine as nbgrader's steps see it: a fresh process per question, which may be about many submissions at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from autograder.nbgrader.serve import Answer, Request


class EngineError(Exception):
    """The engine could not answer. The text is one sentence."""


def ask(config: Path, assignment: str, submissions: Sequence[Path], *, unsafe: bool = False) -> Answer:
    """The verdicts on submissions, in order. Raises EngineError; what one student does never makes it fail."""
    request = Request(config=str(config), assignment=assignment, submissions=list(map(str, submissions)), unsafe=unsafe)
    run = subprocess.run(
        [sys.executable, "-P", "-m", "autograder.nbgrader.serve"],
        input=msgspec.json.encode(request),
        stdout=subprocess.PIPE,
        cwd=config.parent,
        check=False,
    )
    try:
        answer = msgspec.json.decode(run.stdout, type=Answer)
    except msgspec.DecodeError:
        raise EngineError(f"the grader stopped (exit status {run.returncode}); nothing was graded.") from None
    if answer.error:
        raise EngineError(answer.error)
    return answer
