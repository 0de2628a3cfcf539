"""A real exchange between real Unix users, by nbgrader's own commands. Needs root, as CI has it, to make the users."""

from __future__ import annotations

import datetime
import functools
import json
import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import nbformat
import pytest
from course_factory import RIGHT
from nbgrader_course import POLICY, TRIPLE, make_nbgrader_course, nbgrader, scores

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # some twenty commands of nbgrader's
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make Unix users"),
]


class Student:
    """A Unix user who runs nbgrader at home."""

    def __init__(self, name, root, exchange):
        self.name, self.exchange, self.home = name, exchange, root / name
        subprocess.run(["useradd", "--create-home", "--home-dir", self.home, name], check=True, capture_output=True)
        self.home.chmod(0o700)

    def run(self, *command, check=True):
        environment = {
            "HOME": str(self.home),
            "PATH": "/usr/sbin:/usr/bin:/bin",
            "PYTHONPATH": sysconfig.get_path("purelib"),
        }
        run = subprocess.run(
            ["runuser", "-u", self.name, "--", *map(str, command)],
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or run.returncode == 0, run.stdout + run.stderr
        return run

    def nbgrader(self, command, *arguments, check=True):
        options = ["--course=test", f"--Exchange.root={self.exchange}"]
        return self.run(self.python, "-m", "nbgrader", command, *arguments, *options, check=check)

    @functools.cached_property
    def python(self):
        """This interpreter, or the system's own where this one lies where only root may look."""
        for program in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
            if self.run(program, "-c", "import nbgrader", check=False).returncode == 0:
                return program
        raise AssertionError(f"{self.name} can run no Python {sys.version_info[:2]} that finds nbgrader")

    def write(self, **answers):
        path = self.home / "ps" / "ps.ipynb"
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        path.write_text(json.dumps(notebook))


@pytest.fixture(scope="module")
def root():
    folder = Path(tempfile.mkdtemp(prefix="exchange-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def exchange(root):
    folder = root / "exchange"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="module")
def course(root, exchange):
    (root / "course").mkdir(mode=0o700)
    due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    policy = POLICY.replace("2026-10-24 23:59", f"{due:%Y-%m-%d %H:%M}")
    course = make_nbgrader_course(root / "course", policy)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(f"get_config().Exchange.root = {str(exchange)!r}\n")
    nbgrader(course, "release_assignment", "ps")
    return course


@pytest.fixture(scope="module")
def students(root, exchange, course):
    names = [f"nbg{secrets.token_hex(3)}" for _ in range(2)]
    made = []
    try:
        for name in names:
            made.append(Student(name, root, exchange))
        yield made
    finally:
        for name in names:
            subprocess.run(["userdel", name], check=False, capture_output=True)


def graded(course, student):
    return {name: auto for name, (auto, _, _) in scores(course, student.name).items() if name != "why"}


def test_from_release_to_feedback(course, exchange, students):
    """The last hand-in counts, then the last on time; each student gets their own feedback and nobody else's."""
    ana, ben = students
    people = "".join(f"{s.name},,,\n" for s in students[:1])
    (course.parent / "roster.csv").write_text(f"id,lms_id,name,extensions\n{people}")
    for student in students:
        student.nbgrader("fetch_assignment", "ps")
    ana.write(double_solution=RIGHT, triple_solution=TRIPLE)
    ana.nbgrader("submit", "ps")
    ben.write(double_solution="def double(x): return x * x", triple_solution=TRIPLE)
    ben.nbgrader("submit", "ps")
    ana.write(double_solution="def double(x): return x")
    ana.nbgrader("submit", "ps")
    assert ben.run("ls", exchange / "test" / "inbound", check=False).returncode != 0

    said = nbgrader(course, "collect", "ps").stderr
    assert f"{ben.name} handed in ps and is not in the roster" in said
    nbgrader(course, "autograde", "ps")
    assert graded(course, ana) == {"double": 0.0, "triple": 6.0}
    assert graded(course, ben) == {"double": 0.0, "triple": 6.0}

    first = min((exchange / "test" / "inbound").glob(f"{ana.name}+*"))
    stamp = datetime.datetime.fromisoformat(first.name.split("+")[2].removesuffix(" UTC")).replace(tzinfo=datetime.UTC)
    due = (stamp + datetime.timedelta(seconds=1)).replace(microsecond=0)
    policy = course.parent / "grading.yml"
    text = POLICY.replace("2026-10-24 23:59", f"{due:%Y-%m-%d %H:%M:%S}").replace("Europe/Zurich", "UTC")
    policy.write_text("which: last_on_time\n" + text.replace("grace_minutes: 10, ", ""))
    nbgrader(course, "collect", "ps", "--update")
    nbgrader(course, "autograde", "ps", "--force")
    assert graded(course, ana) == {"double": 10.0, "triple": 6.0}
    assert graded(course, ben) == {"double": 0.0, "triple": 6.0}, "nothing on time: the late one counts"

    nbgrader(course, "generate_feedback", "ps")
    nbgrader(course, "release_feedback", "ps")
    ben.nbgrader("fetch_feedback", "ps")
    (page,) = (ben.home / "ps" / "feedback").rglob("ps.html")
    assert "What the grader says" in page.read_text()
    assert "Twice is not the square" in page.read_text()
    assert ben.run("ls", exchange / "test" / "feedback", check=False).returncode != 0


def test_an_exchange_without_permission_is_one_sentence(exchange, students):
    exchange.chmod(0o700)
    try:
        run = students[0].nbgrader("fetch_assignment", "ps", check=False)
    finally:
        exchange.chmod(0o777)
    assert run.returncode == 1
    assert "Unwritable directory, please contact your instructor" in run.stderr
    assert "Traceback" not in run.stderr
