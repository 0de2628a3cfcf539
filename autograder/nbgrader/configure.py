"""``nbgrader_config.py`` in three lines: tell nbgrader's own commands and formgrader to grade with this engine."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from pathlib import Path
from typing import Any

from autograder.course.config import load_course
from autograder.course.problems import ConfigError

_ROOM = "autograder.nbgrader"


def configure(c: Any, grading_file: str | Path, *, course: str | Path | None = None, unsafe: bool = False) -> None:
    """Set up ``c``, the object that ``get_config()`` gives. What nbgrader_config.py sets afterwards is kept.

    grading_file: the course's grading.yml, absolute or relative to the course folder.  course: nbgrader's course folder
    (default: where the file lies that calls this).  unsafe: grade even where students' code cannot be confined.
    Ends the command where grading.yml has a mistake.
    """
    root = Path(course).absolute() if course is not None else _caller().parent
    path = Path(os.path.normpath(root / grading_file))
    try:
        policy = load_course(path)
    except ConfigError as error:
        raise SystemExit(f"autograder: {error}") from None
    _find_alembic()
    c.Autograder.grading_file = str(path)
    c.Autograder.unsafe = unsafe
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.course_id = policy.id
    c.Exchange.root = str(_exchange(root))
    c.Exchange.timezone = str(policy.timezone)
    c.ExchangeFactory.collect = f"{_ROOM}.collect.Collect"

    c.Autograde.exporter_class = f"{_ROOM}.grade.GradingExporter"
    c.Autograde.sanitize_preprocessors = [
        f"{_ROOM}.grade.Rebuild",
        "nbgrader.preprocessors.OverwriteKernelspec",
        "nbgrader.preprocessors.OverwriteCells",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.Autograde.autograde_preprocessors = [
        f"{_ROOM}.grade.Grade",
        f"{_ROOM}.grade.SaveScores",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.AssignLatePenalties.plugin_class = f"{_ROOM}.grade.LatePenalty"

    c.HTMLExporter.sanitize_html = True
    c.GenerateFeedback.exporter_class = f"{_ROOM}.feedback.FeedbackExporter"
    c.GenerateFeedback.preprocessors = [
        f"{_ROOM}.feedback.Results",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    c.ExportApp.plugin_class = f"{_ROOM}.export.PerExercise"
    c.ZipCollectApp.extractor_plugin = f"{_ROOM}.lms.Unpack"
    c.ZipCollectApp.collector_plugin = f"{_ROOM}.lms.Assign"


def _caller() -> Path:
    """The file that calls ``configure``."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return Path(frame.f_code.co_filename if frame is not None else "nbgrader_config.py").absolute()


def _exchange(root: Path) -> Path:
    """Where assignments are exchanged unless nbgrader_config.py says otherwise: fine for one user, or a first try."""
    folder = root / "exchange"
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    return folder


def _find_alembic() -> None:
    """nbgrader calls ``alembic`` by name; it lies beside this interpreter, which may not be on the path."""
    here = str(Path(sys.executable).absolute().parent)
    paths = os.environ.get("PATH", os.defpath).split(os.pathsep)
    if here not in paths:
        os.environ["PATH"] = os.pathsep.join([*paths, here])
