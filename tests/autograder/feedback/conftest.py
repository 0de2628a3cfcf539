"""The synthetic class and a browser, for every test of this folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"feedback_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    return load("sample_class")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    module = load("browser")
    program = module.find()
    if program is None:
        pytest.skip("needs chromium (apt-get install chromium) to open the pages")
    with module.Browser(program, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="session")
def pages(sample, tmp_path_factory):
    """The pages of the synthetic class, written once: {student: path}, and "index"."""
    from autograder.feedback.page import write_pages

    report = sample.sample_report()
    written = write_pages(report, tmp_path_factory.mktemp("pages"))
    students = sorted((s.student for s in report.submissions), key=lambda name: (name.casefold(), name))
    return dict(zip(["index", *students], written, strict=True))
