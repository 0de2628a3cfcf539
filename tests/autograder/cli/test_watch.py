"""``autograder check --watch``, as an author at work meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from course_factory import RIGHT, add_exercise

AGAIN = RIGHT.replace("double", "again")
HANGING = "\ndef again(x):\n    while True:\n        pass\n"
END = "Ctrl-C ends it."


class Watching:
    """A running watch whose output can be waited for."""

    def __init__(self, folder, *arguments):
        command = [sys.executable, "-P", "-m", "autograder", "check", "--watch", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.text, self.read = "", 0
        self.grown = threading.Condition()
        threading.Thread(target=self._gather, daemon=True).start()

    def _gather(self):
        for line in self.process.stdout:
            with self.grown:
                self.text += line
                self.grown.notify_all()

    def until(self, end=END):
        """What was printed since the last call, up to ``end``."""
        with self.grown:
            assert self.grown.wait_for(lambda: end in self.text[self.read :], 120), self.text
            start, self.read = self.read, self.text.index(end, self.read) + len(end)
            return self.text[start : self.read]

    def stop(self):
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture
def watching(homework):
    (homework / "tests/properties/hidden/algebra").mkdir(parents=True)
    (homework / "reference/algebra").mkdir(parents=True)
    add_exercise(homework, "again")
    policy = homework / "grading.yml"
    policy.write_text(policy.read_text().replace("call: 2", "call: 60").replace("exercise: 10", "exercise: 100"))
    (homework / "submission.py").write_text(RIGHT)
    started = Watching(homework)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


@pytest.mark.slow
def test_what_was_edited_is_checked_again_when_it_is_saved_and_nothing_else_is(watching, homework):
    file = homework / "submission.py"
    assert "1 of 2 right, next: again (10 points)." in watching.until()

    other = homework / "other"
    other.write_text(RIGHT + AGAIN.replace("x + x", "3 * x"))
    other.replace(file)
    said = watching.until()
    assert "again  Not right yet" in said
    assert "double  " not in said
    assert "1 of 2 right, next: again (10 points)." in said

    file.write_text(RIGHT + HANGING)  # a call may take a minute here: the next save does not wait for it
    watching.until("again ---")
    file.write_text(RIGHT + AGAIN)
    said = watching.until()
    assert "again  Right" in said
    assert "double  " not in said
    assert "2 of 2 right." in said

    file.unlink()
    assert "submission.py" in watching.until("there is no such file")
    file.write_text(RIGHT.replace("x + x", "x") + AGAIN)
    said = watching.until()
    assert "double  Not right yet" in said
    assert watching.stop() == 1
    assert "Traceback" not in watching.text


@pytest.mark.slow
def test_ctrl_c_ends_it_with_the_status_of_the_last_check(watching):
    watching.until()
    assert watching.stop() == 0
    assert "Traceback" not in watching.text
    assert "\x1b" not in watching.text  # colours are for terminals
