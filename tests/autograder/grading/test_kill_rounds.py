"""Two hundred kills (-9) at random moments of ``autograder grade``, spread over what is killed and when.

The grader 100 times, ten in each phase of a run; workers and forked children 48 times each, the zygote 12 times.

After each, what is stored is whole and stays; the next run completes it; nothing is lost, doubled or half-written; and
what a kill cost is a fault that says what happened.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import shutil
import signal
import statistics

import pytest
import torch
from course_factory import RIGHT, add_exercise, hand_in, make_course
from forked_grader import PHASES, Grader, children_of, faults_of, report_of, stored, warm

from autograder.grading.store import store_path
from autograder.sandbox.levels import probe
from autograder.sandbox.zygote import Zygote

ANSWERS = {
    "ada": RIGHT,
    "bob": RIGHT.replace("x + x", "x * x"),
    "cyd": RIGHT.replace("x + x", "x.no_such_thing"),
    "dan": "def double(x:\n",
    "fay": "import os\n" + RIGHT.replace("return", "os._exit(0)\n    return"),
}
"""Right, wrong, and broken, and none so slow that a loaded machine would change its verdict."""
COUNT = 2 * len(ANSWERS)
SLOW = pytest.mark.slow
PER_RUN = 4
"""Workers, or forked children, that are killed in one run."""
GRADE = ["grade", "class", "--seed", 1, "--jobs", 2, "--json", "out/report.json", "--html", "out/pages"]
NAMED = ("killed from outside", "was killed (SIGKILL)", "zygote", "cannot be confined: no answer")


class Course:
    """The class, and what a run gives that nobody disturbs. pages: by name, without the durations."""

    def __init__(self, folder, zygote):
        self.root, self.zygote = folder, zygote
        path = make_course(folder)
        add_exercise(folder, "twice")
        hand_in(folder / "class", {name: text + text.replace("double", "twice") for name, text in ANSWERS.items()})
        self.store, self.out = store_path(path), folder / "out"
        self.out.mkdir()
        warm(zygote, folder, GRADE)
        self.forget()
        run = self.grade()
        assert run.end() == 0, run.stderr
        self.expected, self.written = report_of(self.out / "report.json"), self.files()
        assert len(stored(self.store)) == COUNT
        shutil.copytree(self.out, folder / "earlier")
        self.occurrences = collections.Counter(event.phase for event in run.events if event.entered)
        self.seconds = durations(run.events)
        assert set(self.seconds) == set(PHASES), "each phase takes place"

    def grade(self):
        if not self.zygote.alive():
            self.zygote.restart()
            assert self.zygote.pid
        return Grader(self.zygote, self.root, self.root, GRADE)

    def forget(self):
        self.store.unlink(missing_ok=True)
        shutil.rmtree(self.out)
        self.out.mkdir()

    def files(self):
        return sorted(path.relative_to(self.out) for path in self.out.rglob("*") if path.is_file())

    def check_whole(self):
        """What a killed run has written can be read; the store is intact. -> what it holds."""
        report = self.out / "report.json"
        assert not report.exists() or report_of(report) == self.expected
        for page in self.out.glob("pages/*.html"):
            assert page.read_text().rstrip().endswith("</html>")
        return stored(self.store)

    def check_completed(self, before):
        """The next run gives what an undisturbed one gives, keeps what is stored, and leaves nothing else behind."""
        run = self.grade()
        assert run.end() == 0, run.stderr
        assert report_of(self.out / "report.json") == self.expected
        assert self.files() == self.written
        assert before.items() <= stored(self.store).items()
        assert len(stored(self.store)) == COUNT
        forked = sum(event.phase == "store" and event.entered for event in run.events)
        assert forked == COUNT - len(before), "what was stored is not graded again"


def durations(events):
    """The usual seconds of each phase."""
    found, begun = collections.defaultdict(list), {}
    for event in events:
        if event.entered:
            begun[event.phase] = event.moment
        else:
            found[event.phase].append(event.moment - begun[event.phase])
    return {phase: statistics.median(times) for phase, times in found.items()}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    torch.set_num_threads(1)  # this process forks
    with Zygote(probe().level) as zygote:
        assert zygote.pid
        yield Course(tmp_path_factory.mktemp("course"), zygote)


def kill_the_grader(course, chance, phase):
    """At a random moment of a random occurrence of one phase. -> what is stored afterwards."""
    for _ in range(20):
        course.forget()
        if chance.random() < 0.5:  # an earlier report and earlier pages may be there
            shutil.copytree(course.root / "earlier", course.out, dirs_exist_ok=True)
        run, occurrence = course.grade(), chance.randint(1, course.occurrences[phase])
        while occurrence and (event := run.follow()) is not None:
            occurrence -= event.entered and event.phase == phase
        run.wait(chance.uniform(0, 1.5 * course.seconds[phase]))
        run.kill()
        status, stored_now = run.end(), course.check_whole()
        if status == -signal.SIGKILL:
            return stored_now
        assert (status, len(stored_now)) == (0, COUNT), "it was faster than the kill"
    raise AssertionError("it always ends before it is killed")


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=SLOW) for seed in range(1, 10))])
def test_a_grader_killed_in_each_phase(course, seed):
    chance = random.Random(seed)
    for phase in PHASES:
        before = kill_the_grader(course, chance, phase)
        course.check_completed(before)


def kill(course, chance, victims, kills):
    """So many kills, within one run unless it ends before its last moment has come. -> how many faults they cost."""
    killed = faults = runs = 0
    while killed < kills:
        more, broken = kill_within_one_run(course, chance, victims, kills - killed)
        killed, faults, runs = killed + more, faults + broken, runs + 1
        assert runs < 20, "there is nothing to kill"
    return faults


def kill_within_one_run(course, chance, victims, kills):
    """Kill one of ``victims(run)`` at so many random moments of a run. -> how many were killed, how many faults."""
    course.forget()
    run, killed = course.grade(), 0
    forks = course.occurrences["fork"]
    moments = sorted(chance.choices(range(1, forks + 1), k=kills))
    while moments and run.follow() is not None:
        while moments and moments[0] <= sum(event.entered and event.phase == "fork" for event in run.events):
            run.wait(chance.uniform(0, 3 * course.seconds["take"]))
            moments.pop(0)
            if found := victims(run):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(found), signal.SIGKILL)
                    killed += 1
    status = run.end()
    report = report_of(course.out / "report.json")
    broken = list(faults_of(report))
    assert status == (1 if broken else 0), run.stderr
    for student, exercise, reason in broken:
        assert any(text in reason for text in NAMED), reason
        assert f"{student}, {exercise}: " in run.stdout, "the terminal names it, too"
    for got, expected in zip(report["submissions"], course.expected["submissions"], strict=True):
        for ours, theirs in zip(got["exercises"], expected["exercises"], strict=True):
            assert ours["verdict"] == "fault" or ours == theirs
    assert len(stored(course.store)) == COUNT - len(broken), "a fault is not stored, all else is"
    course.check_completed(stored(course.store))
    return killed, len(broken)


def workers_of(course):
    return lambda run: children_of(course.zygote.pid)


def forked_by(run):
    return children_of(run.pid)


@pytest.mark.parametrize("target", ["worker", "child"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=SLOW) for seed in range(1, 11))])
def test_workers_and_children_killed_within_one_run(course, target, seed):
    victims = workers_of(course) if target == "worker" else forked_by
    kill(course, random.Random(seed), victims, PER_RUN)


@pytest.mark.parametrize(
    ("target", "seed"),
    [
        ("zygote", 0),
        *(pytest.param(target, seed, marks=SLOW) for target in ("worker", "child") for seed in range(4)),
        *(pytest.param("zygote", seed, marks=SLOW) for seed in range(1, 12)),
    ],
)
def test_one_kill_costs_nobody_anything(course, target, seed):
    victims = {"worker": workers_of(course), "child": forked_by, "zygote": lambda run: [course.zygote.pid]}[target]
    assert kill(course, random.Random(100 + seed), victims, 1) == 0
