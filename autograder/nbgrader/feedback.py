"""``nbgrader generate_feedback``: the engine's page on top of nbgrader's, for students whose faults are resolved."""

from __future__ import annotations

import html
import shutil
from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbgrader.preprocessors import GetGrades

from autograder.course.problems import ConfigError
from autograder.feedback.page import render_page
from autograder.nbgrader import gradebook, kept
from autograder.nbgrader.setting import course_of, roster_of

_START = '<div class="panel-body">'
_FRAME = (
    '<iframe title="What the grader says" sandbox="" srcdoc="{page}" '
    'style="width: 100%; height: 75vh; border: 1px solid #ddd; margin-bottom: 1em"></iframe>'
)
Resources = dict[str, Any]


class FeedbackExporter(HTMLExporter):
    """One run of ``nbgrader generate_feedback``. Students with an unresolved fault are left out, and it says so."""

    parent: Any

    def __init__(self, config: Any = None, **kwargs: Any) -> None:
        super().__init__(config=config, **kwargs)
        if hasattr(self.parent, "assignments"):
            self._leave_out_faults()

    def _leave_out_faults(self) -> None:
        coursedir = self.parent.coursedir
        try:
            course, roster = course_of(self), roster_of(self)
        except ConfigError as error:
            self.log.error(str(error))
            self.parent.assignments.clear()
            return
        gradebook.private_folders(Path(coursedir.root))
        with gradebook.opened(coursedir.db_url, coursedir.course_id) as book:
            gradebook.recompute_penalties(book, course, roster)
            for folder in list(self.parent.assignments):
                student = Path(folder).parent.name
                if found := gradebook.faults(book, course, coursedir.assignment_id, student):
                    self.log.error(f"{student} gets no feedback on {coursedir.assignment_id} yet: {unresolved(found)}")
                    del self.parent.assignments[folder]
                    old = coursedir.format_path(coursedir.feedback_directory, student, coursedir.assignment_id)
                    shutil.rmtree(old, ignore_errors=True)

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> Any:
        """The engine's page in a frame of its own, where no script runs, above nbgrader's."""
        body, resources = super().from_notebook_node(nb, resources, **kw)
        page = resources.get("autograder", "")
        if page:
            frame = _FRAME.format(page=html.escape(page, quote=True))
            body = body.replace(_START, f"{_START}\n{frame}", 1)
        return body, resources


class Results(GetGrades):
    """Scores and comments from the gradebook, and the page that goes with the verdicts they came from."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Part of nbconvert's protocol."""
        nb, resources = super().preprocess(nb, resources)
        report = kept.read(Path(self.parent.parent.coursedir.root), resources["nbgrader"])
        if report is not None:
            resources["autograder"] = render_page(report.submissions[0], report)
        return nb, resources


def unresolved(names: list[str]) -> str:
    """What to do about faults, in one sentence."""
    return (
        f"the grader could not decide {', '.join(names)}; run 'autograder regrade' once the cause is mended, "
        "or give a score by hand in formgrader."
    )
