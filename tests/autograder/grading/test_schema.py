"""The JSON of a grading run: its published schema, strictness, order, and that it is written whole."""

import json
import os
import stat
import subprocess
import sys

import jsonschema
import msgspec
import pytest

from autograder.files import write_atomically
from autograder.grading import schema
from autograder.grading.verdict import (
    Counterexample,
    ExerciseResult,
    Misconception,
    PropertyResult,
    Report,
    SubmissionResult,
    Verdict,
)


def report(**changes):
    counterexample = Counterexample(
        id="0123456789abcdef",
        function="f",
        arguments={"b": "2", "a": "[[1, 0]]"},
        expected="1",
        got="<b>&\u00e9\u2028",
        where="entry [0]: 1 instead of 2",
        plot={"kind": "curve", "x": [0, 1], "expected": [0.5, 1.0], "got": [0.5, 2.0]},
    )
    wrong = ExerciseResult(
        name="f",
        verdict=Verdict.WRONG,
        score=0.0,
        points=4,
        properties=[
            PropertyResult(
                name="test_p",
                public=True,
                passed=False,
                message="no",
                counterexample=counterexample,
                sentence="p holds",
            )
        ],
        misconception=Misconception(name="sign", hint="Look at the sign."),
        seconds=0.25,
        reason="p does not hold",
    )
    fault = ExerciseResult(
        name="g",
        verdict=Verdict.FAULT,
        score=None,
        points=1.5,
        properties=[],
        misconception=None,
        seconds=0,
        reason="the disk is full",
    )
    submission = SubmissionResult(path="class/ada", student="ada", score=None, points=5.5, exercises=[wrong, fault])
    fields = {
        "schema": 1,
        "seed": 7,
        "sandbox": "full",
        "device": "cpu",
        "versions": {"torch": "2.6", "python": "3.11"},
    }
    return Report(**(fields | {"submissions": [submission]} | changes))


def renamed(path):
    return report(submissions=[msgspec.structs.replace(report().submissions[0], path=path)])


def plotted(values):
    submission = report().submissions[0]
    exercise = submission.exercises[0]
    tried = exercise.properties[0]
    counterexample = msgspec.structs.replace(tried.counterexample, plot={"kind": "heatmap", "values": values})
    tried = msgspec.structs.replace(tried, counterexample=counterexample)
    exercise = msgspec.structs.replace(exercise, properties=[tried])
    return report(submissions=[msgspec.structs.replace(submission, exercises=[exercise])])


def test_the_published_schema_is_up_to_date():
    """If this fails: python -c "from autograder.grading.schema import publish; publish()"."""
    assert json.loads(schema.PUBLISHED.read_text()) == schema.report_schema()
    jsonschema.Draft202012Validator.check_schema(schema.report_schema())


def test_a_report_is_valid_and_comes_back():
    data = schema.encode_report(report())
    jsonschema.validate(json.loads(data), schema.report_schema(), cls=jsonschema.Draft202012Validator)
    assert msgspec.json.decode(data, type=Report) == report()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: tree.pop("seed"),
        lambda tree: tree.update(schema=2),
        lambda tree: tree["submissions"][0].update(score="3"),
        lambda tree: tree["submissions"][0]["exercises"][0].update(verdict="fine"),
        lambda tree: tree["submissions"][0]["exercises"][0]["properties"][0].pop("counterexample"),
    ],
)
def test_the_schema_refuses_what_is_not_a_report(spoil):
    tree = json.loads(schema.encode_report(report()))
    spoil(tree)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, schema.report_schema(), cls=jsonschema.Draft202012Validator)


def test_the_fields_of_the_contract_are_there():
    tree = json.loads(schema.encode_report(report()))
    assert {"schema", "seed", "sandbox", "device", "versions", "submissions"} <= tree.keys()
    submission = tree["submissions"][0]
    assert {"path", "student", "score", "points", "exercises"} <= submission.keys()
    wrong, fault = submission["exercises"]
    names = {"name", "verdict", "score", "points", "properties", "misconception", "seconds"}
    assert names <= wrong.keys() and names <= fault.keys()
    assert {"name", "public", "passed", "message", "counterexample"} <= wrong["properties"][0].keys()
    assert wrong["misconception"] == {"name": "sign", "hint": "Look at the sign."}
    assert (fault["verdict"], fault["score"], fault["misconception"]) == ("fault", None, None)


def test_equal_reports_are_equal_bytes():
    swapped = report(versions={"python": "3.11", "torch": "2.6"})
    assert schema.encode_report(swapped) == schema.encode_report(report())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused_with_its_place(number):
    place = r"\$\.submissions\[0\]\.exercises\[0\]\.properties\[0\]\.counterexample\.plot\.values\[1\]\[0\]"
    with pytest.raises(ValueError, match=f"{place} is {number}"):
        schema.encode_report(plotted([[1.0], [number]]))


def test_a_file_name_that_is_not_unicode_does_not_cost_the_report():
    path = os.fsdecode(b"class/andr\xe9")
    tree = json.loads(schema.encode_report(renamed(path)).decode("utf-8"))
    assert tree["submissions"][0]["path"] == r"class/andr\udce9"


def test_a_report_to_a_file_is_for_its_owner(tmp_path):
    path = tmp_path / "report.json"
    schema.write_report(path, report())
    assert path.read_bytes() == schema.encode_report(report())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_report_to_standard_output(capfdbinary):
    schema.write_report("-", report())
    assert capfdbinary.readouterr().out == schema.encode_report(report())


def test_a_report_that_cannot_be_encoded_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="is nan"):
        schema.write_report(path, plotted([[float("nan")]]))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    """A real limit of the system on the size of files, as a full disk would."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    code = (
        "import pathlib, resource, signal, sys\n"
        "from autograder.files import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_atomically(pathlib.Path(sys.argv[1]), bytes(5000))\n"
        "except OSError as error:\n"
        "    sys.exit(0 if error.errno == 27 else 3)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_keeps_the_file_it_has_opened(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new", mode=0o640)
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(path, b"data")
        assert os.read(reader, 100) == b"data"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)
