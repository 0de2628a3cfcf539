"""``nbgrader zip_collect`` of a download with everything that goes wrong in one, to graded and returned work."""

from __future__ import annotations

import json
import zipfile

import pytest
from nbgrader_course import answered, make_nbgrader_course, nbgrader, scores

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SQUARE = "def double(x):\n    return x * x"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make_nbgrader_course(tmp_path_factory.mktemp("course"))
    archive = course / "downloaded" / "ps" / "archive"
    archive.mkdir(parents=True)
    right, wrong = json.dumps(answered(course)), json.dumps(answered(course, SQUARE))
    with zipfile.ZipFile(archive / "submissions.zip", "w") as canvas:
        for name, when, text in (
            ("aana_101_9001_ps.ipynb", (2026, 10, 24, 10, 0, 0), wrong),
            ("aana_101_9002_ps-1.ipynb", (2026, 10, 24, 11, 0, 0), right),
            ("bben_LATE_102_9003_My work.ipynb", (2026, 10, 26, 9, 0, 0), right),
            ("stranger_999_9004_ps.ipynb", (2026, 10, 24, 10, 0, 0), right),
        ):
            canvas.writestr(zipfile.ZipInfo(name, when), text)
    with zipfile.ZipFile(archive / "moodle.zip", "w") as moodle:
        moodle.writestr(zipfile.ZipInfo("Cem C_103_assignsubmission_file_/ps.ipynb", (2026, 10, 24, 9, 0, 0)), wrong)
    (archive / "broken.zip").write_bytes(b"PK\x03\x04 half a downl")
    return course


@pytest.fixture(scope="module")
def collected(course):
    return nbgrader(course, "zip_collect", "ps")


def test_everyones_last_hand_in_is_collected(course, collected):
    assert sorted(path.name for path in (course / "submitted").iterdir()) == ["ana", "ben", "cem"]
    for student in ("ana", "ben", "cem"):
        names = {path.name for path in (course / "submitted" / student / "ps").iterdir()}
        assert names == {"ps.ipynb", "timestamp.txt", "submission_secret.txt"}
    times = [(course / "submitted" / s / "ps" / "timestamp.txt").read_text().strip() for s in ("ana", "ben")]
    assert times == ["2026-10-24 09:00:00 UTC", "2026-10-26 08:00:00 UTC"], "local times, before and after the change"


def test_what_cannot_be_collected_is_one_sentence_each(collected):
    assert collected.stderr.count("broken.zip cannot be read as an archive") == 1
    assert collected.stderr.count("nobody in the roster has the lms_id 999; it was left out.") == 1
    assert "Traceback" not in collected.stderr


def test_collected_work_is_graded_and_returned(course, collected, tmp_path):
    nbgrader(course, "autograde", "ps")
    assert {s: scores(course, s)["double"][0] for s in ("ana", "ben", "cem")} == {"ana": 10.0, "ben": 10.0, "cem": 0.0}
    nbgrader(course, "generate_feedback", "ps")
    (tmp_path / "exchange").mkdir()
    nbgrader(course, "release_feedback", "ps", f"--Exchange.root={tmp_path / 'exchange'}")
    assert len(list((tmp_path / "exchange").rglob("*.html"))) == 3
