"""``autograder check --watch``: what changed is checked again whenever the file is saved.

The main thread watches; a second one tries exercises and is stopped when a newer version is saved meanwhile. What was
left untried then stays due.
"""

from __future__ import annotations

import datetime
import threading
import time
from pathlib import Path

from autograder.cli.check import Checker
from autograder.cli.saved import POLL, Saved
from autograder.cli.standing import Standing
from autograder.feedback.terminal import legible
from autograder.grading.changes import concerned
from autograder.grading.submission import Submission
from autograder.grading.verdict import ExerciseResult


def watch_file(checker: Checker, file: Path) -> bool:
    """Until Ctrl-C. -> whether everything was right the last time."""
    watch = _Watch(checker, file)
    try:
        while True:
            watch.step(time.monotonic())
            time.sleep(POLL)
    except KeyboardInterrupt:
        checker.console.print()
    finally:
        watch.stop()
    return watch.right


class _Watch:
    def __init__(self, checker: Checker, file: Path) -> None:
        self.checker, self.console = checker, checker.console
        self.saved = Saved(file)
        self.standing = Standing(checker.course, checker.asked)
        names = self.standing.to_try(checker.bank)
        self.functions = {name: [f.name for f in checker.bank[name].record.functions] for name in names}
        self.due: dict[str, bool] = dict.fromkeys(names, True)  # in the order to try them: whether to show the result
        self.submission: Submission | None = None
        self.round: _Round | None = None
        self.told = ""

    @property
    def right(self) -> bool:
        """Whether what was begun is right, and nothing is left to try."""
        return not self.due and self.standing.right

    def step(self, now: float) -> None:
        """Look at the file once. Raises what ended the running round, if anything did."""
        if self.round is not None and self.round.failure is not None:
            raise self.round.failure
        submission = self.saved.look(now)
        if self.saved.problem != self.told:
            self.told = self.saved.problem
            if self.told:
                self._headline("nothing to check")
                self.console.print(self.told, markup=False, highlight=False, soft_wrap=True)
        if submission is not None:
            self.stop()
            self._begin(submission)

    def stop(self) -> None:
        """End the round that runs, if one does, and wait for it."""
        if self.round is not None:
            self.round.stop()
            self.round = None

    def _begin(self, submission: Submission) -> None:
        old, self.submission = self.submission, submission
        if old is not None:
            assert old.sources is not None and submission.sources is not None
            direct, others = concerned(old.sources, submission.sources, self.functions)
            unseen = {name: show for name, show in self.due.items() if name not in direct}
            self.due = {**dict.fromkeys(direct, True), **unseen, **{n: False for n in others if n not in unseen}}
            shown = ", ".join(direct[:3]) + (f" and {len(direct) - 3} more" if len(direct) > 3 else "")
            self._headline(shown or ("saved" if self.due else "saved, and no function changed"))
        for note in submission.notes if old is None or old.notes != submission.notes else ():
            self.console.print(f"Note: {note}", markup=False, highlight=False)
        self.round = _Round(self, submission)

    def take(self, result: ExerciseResult) -> None:
        """A result: shown where the exercise itself changed, or its verdict did."""
        show = self.due.pop(result.name)
        known = self.standing.results.get(result.name)
        self.checker.take(self.standing, result, show or known is None or known.verdict is not result.verdict)

    def end(self) -> None:
        """Nothing is left to try."""
        self.checker.end(self.standing)
        self.console.print("Watching; Ctrl-C ends it.", style="dim", highlight=False)

    def _headline(self, text: str) -> None:
        with legible(self.console):
            self.console.rule(f"{datetime.datetime.now():%H:%M:%S}  {text}", style="dim", align="left", characters="-")


class _Round:
    """Tries what is due, in a thread of its own."""

    def __init__(self, watch: _Watch, submission: Submission) -> None:
        self._watch, self._submission = watch, submission
        self._client = watch.checker.workers.connect()
        self._stopped = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Its workers are killed, so that it ends soon, whatever the student's code does."""
        self._stopped.set()
        self._client.close()
        self._thread.join()

    def _run(self) -> None:
        names = list(self._watch.due)
        try:
            for result in self._watch.checker.results(self._submission, names, self._client):
                if self._stopped.is_set():
                    return
                self._watch.take(result)
        except BaseException as error:
            self.failure = None if self._stopped.is_set() else error
        else:
            self._watch.end()
