"""What ``nbgrader autograde`` costs when the store knows every verdict, against its own ``--no-execute``.

    python tests/benchmarks/nbgrader_cost.py [STUDENTS]

Both read the same notebooks into a gradebook of their own. Times are CPU seconds of the whole command with all that it
starts, so that a busy machine matters little; the median ratio of a few rounds is to stay below 1.3.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "autograder" / "helpers"))

from nbgrader_course import answered, autograder, hand_in, make_nbgrader_course, nbgrader

ROUNDS = 3
LIMIT = 1.3


def seconds(course: Path, *arguments: str) -> tuple[float, float]:
    """(CPU, wall) of one command."""
    before = os.times()
    nbgrader(course, *arguments)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, after.elapsed - before.elapsed


def main() -> None:
    """Print a line per round and the ratio; exit status 1 where it is beyond the limit."""
    students = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    with tempfile.TemporaryDirectory() as folder:
        ours = make_nbgrader_course(Path(folder) / "ours")
        stock = make_nbgrader_course(Path(folder) / "stock")
        (stock / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'test'\n")
        for course in (ours, stock):
            for number in range(students):
                hand_in(course, f"s{number:03}", answered(course, f"def double(x):\n    return {number} * x"))
        autograder(ours.parent, "grade", ours / "submitted", "--assignment", "ps", "--json", ours / "out.json")
        for course, options in ((ours, ()), (stock, ("--no-execute",))):  # the first run also makes the rows
            seconds(course, "autograde", "ps", "--force", *options)
        ratios = []
        for _ in range(ROUNDS):
            mine = seconds(ours, "autograde", "ps", "--force")
            theirs = seconds(stock, "autograde", "ps", "--force", "--no-execute")
            ratios.append(mine[0] / theirs[0])
            print(
                f"{students} notebooks: {mine[0]:.2f} s CPU ({mine[1]:.1f} s wall), "
                f"--no-execute {theirs[0]:.2f} s ({theirs[1]:.1f} s wall): {ratios[-1]:.2f}"
            )
    ratio = statistics.median(ratios)
    print(f"ratio {ratio:.2f}, at most {LIMIT}")
    sys.exit(ratio > LIMIT)


if __name__ == "__main__":
    main()
