"""formgrader in a browser: the button grades with what lies on disk now, and no student's script runs."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader_course import answered, hand_in, make_nbgrader_course, scores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"
NO_ERROR = "def double(x):\n    return x + x"
BAD_INPUT = '(BadInput("matrix", lambda: (tensor([[1.0]]),), "a matrix raises ValueError"),)'
ATTACKS = [
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "<svg onload=\"document.title='taken'\">",
    "[press](javascript:document.title='taken')",
    "<iframe srcdoc=\"<script>parent.document.title='taken'</script>\"></iframe>",
]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_nbgrader_course(tmp_path_factory.mktemp("course"))
    hand_in(course, "ana", answered(course, NO_ERROR))
    notebook = answered(course)
    roles = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells}
    roles["why"].source = "\n\n".join(["My answer.", *ATTACKS])
    html = {"text/html": " ".join(ATTACKS), "text/plain": "a table"}
    roles["double_solution"].outputs = [new_output("display_data", data=html)]
    roles["triple_solution"].outputs = [new_output("display_data", data={"application/javascript": ATTACKS[0][8:-9]})]
    notebook.cells.append(new_markdown_cell("\n\n".join(ATTACKS)))
    hand_in(course, "mal", notebook)
    return course


@pytest.fixture(scope="module")
def address(course):
    """formgrader, served as ``jupyter lab`` would, with a token."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    extension = "nbgrader.server_extensions.formgrader"
    command = [sys.executable, "-P", "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"]
    command += [
        "--ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        f"--ServerApp.jpserver_extensions={{'{extension}': True}}",
    ]
    env = {
        **os.environ,
        "PATH": "/usr/bin:/bin",
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(course.parent / "jupyter"),
    }
    with (course.parent / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=course, env=env, stdout=log, stderr=log)
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/api", server, course.parent / "server.log")
        yield (
            lambda page: f"http://127.0.0.1:{port}/login?token={token}&next=%2Fformgrader%2F{page.replace('/', '%2F')}"
        )
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_it_answers(url, server, log):
    while True:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=60):
            return


@pytest.fixture(scope="module")
def page():
    """A tab of a headless Chromium."""
    sync = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "needs chromium (apt-get install chromium)"
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        tab = browser.new_page(viewport={"width": 1200, "height": 1000})
        tab.set_default_timeout(240_000)
        # Mathematics is fetched from the net, where there is one; the pages must do without.
        tab.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        yield tab
        browser.close()


def shot(page, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"formgrader-{name}.png", full_page=True)


def press_autograde(page, address, student):
    """Press the button in the student's row; the score that the row then shows."""
    page.goto(address("manage_submissions/ps"))
    row = page.locator("tr", has=page.locator("td", has_text=re.compile(rf"^\s*{student}\s*$")))
    row.locator(".autograde a").click()
    done = page.locator(".modal-body", has_text="Successfully autograded")
    failed = page.locator(".modal-body", has_text="error")
    done.or_(failed).first.wait_for()
    assert done.count(), page.locator(".modal-body").inner_text()
    shot(page, f"autograded-{student}")
    page.goto(address("manage_submissions/ps"))
    row.locator(".score", has_text=re.compile(r"\d")).wait_for()
    return row.locator(".score").inner_text()


def test_the_button_grades_with_what_lies_on_disk_now(course, address, page):
    """The server lives on; the second press sees the mended property all the same."""
    shown = press_autograde(page, address, "ana")
    partial = scores(course, "ana")["double"][0]
    assert 0 < partial < 10
    assert float(shown.split("/")[0]) == pytest.approx(partial + 6, abs=0.01)
    public = course.parent / "tests/properties/public/algebra/doubling.py"
    text = public.read_text()
    assert BAD_INPUT in text
    public.write_text(text.replace(BAD_INPUT, "()"))
    try:
        shown = press_autograde(page, address, "ana")
    finally:
        public.write_text(text)
    assert scores(course, "ana")["double"][0] == 10.0
    assert float(shown.split("/")[0]) == 16.0


def test_no_script_runs_when_the_submission_is_opened(course, address, page):
    press_autograde(page, address, "mal")
    page.goto(address("gradebook/ps/ps"))
    link = page.locator("tbody tr a", has_text="Submission #").first
    link.wait_for()
    asked, titles = [], []
    page.on("request", lambda request: asked.append(request.url))
    for number in range(page.locator("tbody tr a", has_text="Submission #").count()):
        page.goto(address("gradebook/ps/ps"))
        page.locator("tbody tr a", has_text="Submission #").nth(number).click()
        page.locator("textarea.comment").first.wait_for()
        page.wait_for_load_state("load")
        text = page.locator("body").inner_text()
        if "My answer." not in text:
            continue
        shot(page, "opened")
        titles.append(page.title())
        assert "not verified" in text and "a table" in text
        assert (
            page.locator(".rendered_html script, .output script, .rendered_html iframe, .rendered_html svg").count()
            == 0
        )
        assert page.locator("[onerror], [onload]").count() == 0
        assert page.locator("a[href^='javascript']").count() == 0
    assert titles and "taken" not in titles
    assert scores(course, "mal")["double"][0] == 10.0
    assert not [url for url in asked if url.endswith("/x")], "no picture of the student's was asked for"
