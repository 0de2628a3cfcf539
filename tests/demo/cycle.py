"""``make demo``: a whole course in a minute, with nbgrader's own commands, from the text to the pages.

    python tests/demo/cycle.py [FOLDER]

FOLDER (default build/demo) becomes a course of its own: built, released, handed in, collected,
graded, returned and exported. It is made anew each time; only the kept verdicts stay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hand_in import HAND_INS, write_download
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SET = "ps00_demo"
KEPT = ".autograder"


def main() -> None:
    """Run every step, then say what there is to see."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "demo").absolute()
    console = Console(highlight=False, soft_wrap=True)
    set_up(folder)
    course, config = folder / "course", ["--config", str(folder / "grading.yml")]
    quiet = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)
    )
    with quiet as progress:

        def step(title: str, *command: str, where: Path = course, status: tuple[int, ...] = (0,)) -> str:
            row = progress.add_task(title, total=1)
            run = subprocess.run(
                [sys.executable, "-P", "-m", *command], cwd=where, capture_output=True, text=True, check=False
            )
            progress.update(row, completed=1)
            if run.returncode not in status:
                progress.stop()
                raise SystemExit(f"{title}: '{' '.join(command)}' ended with {run.returncode}:\n{run.stderr}")
            return run.stdout + run.stderr

        step("Build the notebook from text, references and grading.yml", "autograder", *config, "build", where=folder)
        step("Make the students' version (nbgrader generate_assignment)", "nbgrader", "generate_assignment", SET)
        row = progress.add_task(f"{len({h.student for h in HAND_INS})} students hand in on the learning platform")
        archive = course / "downloaded" / SET / "archive"
        archive.mkdir(parents=True)
        write_download(course / "release" / SET / f"{SET}.ipynb", archive / "submissions.zip")
        progress.update(row, total=1, completed=1)
        collected = step("Collect the download (nbgrader zip_collect)", "nbgrader", "zip_collect", SET)
        pages = ["--html", str(folder / "pages"), "--json", str(folder / "report.json")]
        table = step(
            "Grade the class in parallel, in the sandbox (autograder grade)",
            *("autograder", *config, "grade", "course/submitted", "--assignment", SET, *pages),
            where=folder,
            status=(0, 1),
        )
        step("Enter scores and reasons (nbgrader autograde)", "nbgrader", "autograde", SET)
        step("Write the feedback (nbgrader generate_feedback)", "nbgrader", "generate_feedback", SET, status=(0, 1))
        exported = ["export", "--course", str(course), "--format", "canvas", "--to", str(folder / "canvas.csv")]
        step("Export the marks (autograder export)", "autograder", *config, *exported, where=folder, status=(0, 1))
    left_out = [line.split("] ", 1)[-1] for line in collected.splitlines() if "left out" in line]
    console.print(table, markup=False)
    for line in left_out:
        console.print(f"Collecting: {line.split('| ')[-1]}", markup=False)
    tell(console, folder)


def set_up(folder: Path) -> None:
    """A fresh course, with the verdicts that an earlier run has kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.name != KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    policy = (HERE / "grading.yml").read_text()
    for room in ("reference", "tests/properties/public", "tests/properties/hidden"):
        policy = policy.replace(f"../../{room}", os.path.relpath(ROOT / room, folder))
    (folder / "grading.yml").write_text(policy)
    shutil.copy(HERE / "roster.csv", folder)
    shutil.copytree(HERE / "assignments", folder / "assignments")


def tell(console: Console, folder: Path) -> None:
    """Where to look."""

    def shown(path: Path) -> str:
        return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

    course = folder / "course"
    console.print(
        f"\nThe class's pages:  {shown(folder / 'pages' / 'index.html')}"
        f"\nWhat students get:  {shown(course / 'feedback')}/<student>/{SET}/{SET}.html"
        f"\nMarks for Canvas:   {shown(folder / 'canvas.csv')}  (written answers wait for a TA)"
        f"\nThe notebook:       {shown(course / 'release' / SET)}/{SET}.ipynb"
        f"\nformgrader:         cd {shown(course)} && {shown(Path(sys.executable).parent / 'jupyter')} lab"
        "   then Nbgrader > Formgrader",
        markup=False,
    )


if __name__ == "__main__":
    main()
