"""The Jinja environment of all pages: everything is escaped unless it was built escaped."""

from __future__ import annotations

import functools

import jinja2

from autograder.feedback.grid import marked
from autograder.feedback.snippet import snippet
from autograder.feedback.svg import render_plot
from autograder.feedback.words import WORDS, count, points


@functools.cache
def environment() -> jinja2.Environment:
    """Templates of feedback/ and reports/; a misspelt name in a template is an error, not an empty string."""
    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader("autograder.feedback"), jinja2.PackageLoader("autograder.reports")],
    )
    env = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.globals.update(words=WORDS, count=count, points=points, render_plot=render_plot, snippet=snippet, marked=marked)
    return env
