"""grading.yml: what it may say, and that every problem is named with its file, line and key."""

import datetime
import json
import zoneinfo
from pathlib import Path

import jsonschema
import pytest

from autograder.course.config import (
    Bank,
    ExercisePolicy,
    Limits,
    check_exercises,
    check_properties,
    grading_schema,
    load_course,
)
from autograder.course.late import LateRule
from autograder.course.problems import ConfigError

ROOT = Path(__file__).parents[3]

HEAD = """\
course: {id: c, title: T, timezone: Europe/Berlin}
bank: {public: public}
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes grading.yml into an otherwise sensible folder, which becomes the current one."""
    (tmp_path / "public").mkdir()
    (tmp_path / "hidden").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(text):
        path = tmp_path / "grading.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems(path):
    with pytest.raises(ConfigError) as caught:
        load_course(path)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def one_problem(path):
    found = problems(path)
    assert len(found) == 1, found
    return found[0]


def test_the_course_of_this_repository_loads():
    core = load_course(ROOT / "grading.yml").sets["ps00_core"]
    points = {name: policy.points for name, policy in core.exercises.items()}
    few = {"sherman_morrison": 4.0, "tweedie_posterior_mean": 4.0, "relu_gaussian_moments": 4.0, "init_weights": 3.0}
    assert points.items() >= few.items()


def test_everything_that_can_be_said(written, tmp_path):
    course = load_course(
        written("""\
course:
  id: ml
  title: "Machine learning: an introduction"
  timezone: Europe/Berlin
bank: {public: public, hidden: hidden}
limits: {call: 2.5, exercise: 10, submission: 60, memory_mb: 512, reply_mb: 8, examples: 5}
sets:
  ps2:
    title: Second
    due: 2026-07-01T23:59
    exercises:
      b: {points: 3, weights: {test_q: 2, test_p: 0.5}}
      a: 1.5
  ps1: {title: First, due: "2026-01-15 12:00:30", exercises: {}}
""")
    )
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    assert (course.id, course.title, course.timezone) == ("ml", "Machine learning: an introduction", berlin)
    assert course.bank == Bank(public=tmp_path / "public", hidden=tmp_path / "hidden", reference=None)
    assert course.limits == Limits(2.5, 10.0, 60.0, 512, 8, 5)
    assert list(course.sets) == ["ps2", "ps1"], "sets keep the order of the file"
    second = course.sets["ps2"]
    assert list(second.exercises.items()) == [
        ("b", ExercisePolicy(3.0, {"test_q": 2.0, "test_p": 0.5})),
        ("a", ExercisePolicy(1.5)),
    ]
    assert second.due.astimezone(datetime.UTC) == datetime.datetime(2026, 7, 1, 21, 59, tzinfo=datetime.UTC)
    first_due = datetime.datetime(2026, 1, 15, 11, 0, 30, tzinfo=datetime.UTC)
    assert course.sets["ps1"].due.astimezone(datetime.UTC) == first_due


def test_limits_left_out_have_defaults_and_their_types(written):
    limits = load_course(written(HEAD + "limits: {call: 1, memory_mb: 256.0}\nsets: {}\n")).limits
    assert limits == Limits(call=1.0, memory_mb=256)
    assert (type(limits.call), type(limits.memory_mb)) == (float, int)


def test_the_schema_tells_editors_the_defaults_in_force():
    for name, schema in grading_schema()["properties"]["limits"]["properties"].items():
        assert schema["default"] == getattr(Limits(), name)


def test_the_schema_is_valid_and_the_file_names_it():
    jsonschema.Draft202012Validator.check_schema(grading_schema())
    first_line = (ROOT / "grading.yml").read_text().splitlines()[0]
    named = first_line.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((ROOT / named).read_text()) == grading_schema()


def test_all_problems_at_once_in_the_order_of_the_file(written):
    assert problems(
        written("""\
course:
  id: ml
  title: T
bank:
  public: public
  hiden: hidden
limits:
  call: 0
  examples: many
sets:
  ps00_core:
    title: Core
    exercises:
      sherman_morrison: -1
      tweedie: {point: 4}
""")
    ) == [
        "grading.yml, line 1: course.timezone: is missing",
        "grading.yml, line 6: bank.hiden: is not a known key; did you mean 'hidden'?",
        "grading.yml, line 8: limits.call: 0 is not greater than 0",
        "grading.yml, line 9: limits.examples: 'many' is not a whole number",
        "grading.yml, line 14: sets.ps00_core.exercises.sherman_morrison: -1 is less than 0",
        "grading.yml, line 15: sets.ps00_core.exercises.tweedie.point: is not a known key; did you mean 'points'?",
        "grading.yml, line 15: sets.ps00_core.exercises.tweedie.points: is missing",
    ]


def test_points_of_the_long_form_are_checked_alike(written):
    text = "sets:\n  s:\n    title: T\n    exercises:\n      a:\n        points: -1\n"
    assert one_problem(written(HEAD + text)) == "grading.yml, line 8: sets.s.exercises.a.points: -1 is less than 0"


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        ("", "line 3: sets: is empty, it should be a mapping of keys to values"),
        ("[a, b]", "line 3: sets: a list is not a mapping of keys to values"),
        ("{s: {title: 7, exercises: {}}}", "line 3: sets.s.title: 7 is not text"),
        ("{s: {title: '', exercises: {}}}", "line 3: sets.s.title: is empty"),
        ("{s: {title: T}}", "line 3: sets.s.exercises: is missing"),
        ("{s: {title: T, exercises: {a: true}}}", "true is not a number or a mapping of keys to values"),
        ("{s: {title: T, exercises: {a: '4'}}}", "'4' is not a number or a mapping of keys to values"),
        ("{s: {title: T, exercises: {a: .nan}}}", "'.nan' is not a number or a mapping of keys to values"),
        ("{s: {title: T, exercises: {a: 1e999}}}", "sets.s.exercises.a: inf is more than 1000000"),
        ("{s: {title: T, exercises: {a: " + "9" * 5000 + "}}}", "sets.s.exercises.a: "),
        ("{s: {title: T, exercises: {a: {points: 1, weights: {p: -1}}}}}", "weights.p: -1 is less than 0"),
        ("{s: {title: T, exercises: {a-b: 1}}}", "sets.s.exercises.a-b: a name cannot be spelt like this"),
        ("{../s: {title: T, exercises: {}}}", "sets.../s: a name cannot be spelt like this"),
    ],
)
def test_wrong_values(written, sets, sentence):
    assert sentence in one_problem(written(HEAD + f"sets: {sets}\n"))


def test_a_key_given_twice_names_both_lines(written):
    sets = "sets:\n  s:\n    title: T\n    exercises:\n      a: 1\n      b: 2\n      a: 3\n"
    expected = "grading.yml, line 9: sets.s.exercises.a: is given twice, first on line 7"
    assert one_problem(written(HEAD + sets)) == expected


def test_numbers_and_words_are_read_as_they_look(written):
    """YAML 1.1 would read 1e1 as text, 010 as 8, and the exercise `no` as false."""
    sets = "sets: {2026: {title: T, exercises: {a: 1e1, b: 010, no: 1}}}\n"
    exercises = load_course(written(HEAD + sets)).sets["2026"].exercises
    assert {name: policy.points for name, policy in exercises.items()} == {"a": 10.0, "b": 10.0, "no": 1.0}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "grading.yml is empty."),
        (b"# nothing yet\n", "grading.yml is empty."),
        (b"course:\n  id: a: b\n", "grading.yml, line 2: not valid YAML: mapping values are not allowed here"),
        (b"course:\n\tid: a\n", "grading.yml, line 2: not valid YAML: a tab where spaces should indent"),
        (b"course:\n  id: [a\n", "grading.yml, line 3: not valid YAML: "),
        (b"a: 1\n---\nb: 2\n", "grading.yml, line 2: not valid YAML: "),
        (b"a: &x 1\nb: *x\n", "grading.yml, line 1: not valid YAML: anchors and aliases are not supported"),
        (b"a:\n  !!python/object/apply:os.getcwd []\n", "grading.yml, line 2: not valid YAML: tags are not supported"),
        (b"a: 1\nb: \xff\n", "grading.yml, line 2: not UTF-8 text."),
        (b"a: 1\n\nb: \x00\n", "grading.yml, line 3: not valid YAML: a control character"),
        (b"a: " + b"[" * 20_000, "grading.yml: nested too deeply."),
        (b"#" * (1 << 20) + b"\n", "grading.yml is larger than 1 MiB."),
        (b"just text\n", "grading.yml, line 1: 'just text' is not a mapping of keys to values"),
        (b"? [a]\n: 1\n", "grading.yml, line 1: a key must be plain text"),
    ],
)
def test_files_that_are_no_policy(written, text, sentence):
    assert any(problem.startswith(sentence) for problem in problems(written(text)))


def test_a_byte_order_mark_and_windows_line_ends_are_fine(written):
    text = (HEAD + "sets: {}\n").replace("\n", "\r\n")
    assert load_course(written(b"\xef\xbb\xbf" + text.encode())).id == "c"


def test_a_file_that_is_missing_or_a_folder(written, tmp_path):
    assert one_problem(tmp_path / "nowhere.yml") == "nowhere.yml cannot be read: No such file or directory."
    assert one_problem(tmp_path / "public") == "public is not a file."


@pytest.mark.parametrize("zone", ["Europe/Berlim", "../../etc/passwd", "/etc/localtime", "America", "UTC+1"])
def test_unknown_time_zones(written, zone):
    text = HEAD.replace("Europe/Berlin", zone) + "sets: {}\n"
    sentence = one_problem(written(text))
    assert sentence.startswith(f"grading.yml, line 1: course.timezone: {zone!r} is not an IANA time zone")
    assert ("'Europe/Berlin'" in sentence) == (zone == "Europe/Berlim")


@pytest.mark.parametrize(
    ("due", "sentence"),
    [
        ("2026-03-29T02:30", "does not exist in Europe/Berlin, where clocks go forward over it"),
        ("2026-02-30T10:00", "is not a date"),
        ("2026-03-05", "is not of the form 2026-03-05T23:59"),
        ("2026-03-05T23:59Z", "is not of the form 2026-03-05T23:59"),
        ("2026-03-05T23:59+01:00", "is not of the form 2026-03-05T23:59"),
        ("5 March", "is not of the form 2026-03-05T23:59"),
    ],
)
def test_dates_that_are_none(written, due, sentence):
    found = one_problem(written(HEAD + f"sets:\n  s:\n    title: T\n    due: {due}\n    exercises: {{}}\n"))
    assert found.startswith(f"grading.yml, line 6: sets.s.due: {due!r} {sentence}")


def test_a_time_that_comes_twice_is_the_later_one(written):
    course = load_course(written(HEAD + "sets: {s: {title: T, due: '2026-10-25T02:30', exercises: {}}}\n"))
    due = course.sets["s"].due.astimezone(datetime.UTC)
    assert due == datetime.datetime(2026, 10, 25, 1, 30, tzinfo=datetime.UTC)


def test_folders_of_the_bank_must_be_there_and_relative(written, tmp_path):
    text = (
        f"course: {{id: c, title: T, timezone: UTC}}\nbank: {{public: publik, hidden: {tmp_path}/hidden}}\nsets: {{}}\n"
    )
    assert problems(written(text)) == [
        f"grading.yml, line 2: bank.hidden: '{tmp_path}/hidden' is absolute; write it relative to grading.yml",
        "grading.yml, line 2: bank.public: there is no folder 'publik' beside grading.yml",
    ]


def test_paths_are_relative_to_the_file_not_to_the_current_folder(written, tmp_path, monkeypatch):
    path = written(HEAD + "sets: {}\n")
    monkeypatch.chdir("/")
    assert load_course(path).bank.public == tmp_path / "public"
    path.write_text("bank: {}\n")
    assert problems(path)[0].startswith(f"{str(path).lstrip('/')}, line 1: ")


def test_an_exercise_the_bank_does_not_have(written):
    text = "sets:\n  s:\n    title: T\n    exercises:\n      sherman_morison: 4\n      qr: 1\n      known: 1\n"
    course = load_course(written(HEAD + text))
    check_exercises(course, {"sherman_morison", "qr", "known"})
    with pytest.raises(ConfigError) as caught:
        check_exercises(course, {"sherman_morrison", "known"})
    assert caught.value.problems == (
        "grading.yml, line 7: sets.s.exercises.sherman_morison: "
        "the bank has no such exercise; did you mean 'sherman_morrison'?",
        "grading.yml, line 8: sets.s.exercises.qr: the bank has no such exercise",
    )


def test_a_weight_of_a_property_that_is_not_there(written):
    course = load_course(written(HEAD + "sets: {s: {title: T, exercises: {a: {points: 1, weights: {test_p: 2}}}}}\n"))
    check_properties(course, {"a": {"test_p"}})
    with pytest.raises(ConfigError, match=r"line 3: .*weights\.test_p: a has no such property; did you mean 'test_pp'"):
        check_properties(course, {"a": {"test_pp"}})


def test_what_is_said_about_late_work_dates_and_written_questions(written, tmp_path):
    course = load_course(
        written(
            HEAD + "late: {grace_minutes: 15, late_days: 3, percent_per_day: 10}\n"
            "which: last_on_time\nroster: private/roster.csv\nvoid: {a: [test_p, test_q]}\n"
            "sets:\n"
            "  s: {title: S, due: '2026-09-21 23:59', closes: 2026-10-01T12:00, exercises: {a: 1}, written: {why: 2}}\n"
            "  t: {title: T, late: {percent_per_day: 50, max_percent: 80}, exercises: {}}\n"
        )
    )
    first, second = course.sets["s"], course.sets["t"]
    assert first.late == LateRule(grace_minutes=15, late_days=3, percent_per_day=10, max_percent=100)
    assert second.late == LateRule(grace_minutes=15, late_days=3, percent_per_day=50, max_percent=80)
    assert (course.which, course.roster) == ("last_on_time", tmp_path / "private/roster.csv")
    assert course.void == {"a": ("test_p", "test_q")}
    assert first.written == {"why": 2.0}
    assert first.due.astimezone(datetime.UTC) == datetime.datetime(2026, 9, 21, 21, 59, tzinfo=datetime.UTC)
    assert first.closes.astimezone(datetime.UTC) == datetime.datetime(2026, 10, 1, 10, 0, tzinfo=datetime.UTC)


def test_what_is_left_out_costs_nothing(written):
    course = load_course(written(HEAD + "sets: {s: {title: S, exercises: {}}}\n"))
    assert (course.which, course.roster, course.void) == ("last", None, {})
    assert course.sets["s"].late == LateRule(0, 0, 0, 100)
    assert (course.sets["s"].closes, course.sets["s"].written) == (None, {})


def test_the_schema_tells_editors_the_late_rule_in_force():
    for name, schema in grading_schema()["$defs"]["late"]["properties"].items():
        assert schema["default"] == getattr(LateRule(), name)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("due: 2026-10-02T10:00, closes: 2026-10-01T10:00", "closes: '2026-10-01T10:00' is before the set is due"),
        ("closes: 2026-10-01T10:00", "sets.s.closes: needs a date on which the set is due"),
        ("due: 2026-03-01T10:00, closes: 2026-03-29T02:30", "sets.s.closes: '2026-03-29T02:30' does not exist in"),
        ("written: {a: 2}", "sets.s.written.a: is an exercise of this set, too"),
        ("written: {a-b: 2}", "sets.s.written.a-b: a name cannot be spelt like this"),
        ("late: {percent_per_day: 101}", "sets.s.late.percent_per_day: 101 is more than 100"),
        ("late: {late_days: 0.5}", "sets.s.late.late_days: 0.5 is not a whole number"),
        ("late: {grace_minute: 5}", "sets.s.late.grace_minute: is not a known key; did you mean 'grace_minutes'?"),
    ],
)
def test_sets_that_contradict_themselves(written, entry, sentence):
    assert sentence in one_problem(written(HEAD + f"sets: {{s: {{title: S, {entry}, exercises: {{a: 1}}}}}}\n"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("which: first", "which: 'first' is not last or last_on_time"),
        ("void: {a: test_p}", "void.a: 'test_p' is not a list"),
        ("void: {a: [3]}", "void.a[0]: 3 is not text"),
        ("roster: ''", "roster: is empty"),
        ("late: 10", "late: 10 is not a mapping of keys to values"),
    ],
)
def test_wrong_values_beside_the_sets(written, line, sentence):
    assert one_problem(written(HEAD + f"{line}\nsets: {{}}\n")) == f"grading.yml, line 3: {sentence}"


def test_void_must_name_what_the_bank_has(written):
    course = load_course(written(HEAD + "sets: {}\nvoid:\n  a:\n  - test_p\n  - test_q\n"))
    with pytest.raises(ConfigError, match=r"line 5: void\.a: the bank has no such exercise; did you mean 'aa'"):
        check_exercises(course, ["aa"])
    check_properties(course, {"a": ["test_p", "test_q"]})
    with pytest.raises(ConfigError, match=r"line 7: void\.a\[1\]: 'test_q': a has no such property"):
        check_properties(course, {"a": ["test_p"]})
