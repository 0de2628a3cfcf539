"""The report of a grading run as strict JSON, and the JSON Schema it is published with (report.schema.json)."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import msgspec

from autograder.files import write_atomically
from autograder.grading.verdict import Report

VERSION = 1
PUBLISHED = Path(__file__).with_name("report.schema.json")


def report_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a report."""
    schema = msgspec.json.schema(Report)
    schema["$defs"]["Report"]["properties"]["schema"] = {"const": VERSION}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Report", **schema}


def encode(value: Any) -> bytes:
    """A verdict, or anything made of them, as compact JSON in a stable order.

    Raises ValueError, naming the place, where a number is not finite: JSON has no NaN. Text that is not Unicode (from
    a file name) is written with backslashes.
    """
    return msgspec.json.encode(_strict(msgspec.to_builtins(value, order="deterministic"), "$"))


def encode_report(report: Report) -> bytes:
    """``report`` as strict JSON for people and programs: indented, in a stable order. ValueError as in ``encode``."""
    return msgspec.json.format(encode(report), indent=2) + b"\n"


def write_report(destination: Path | str, report: Report) -> None:
    """Write ``report`` to a file, whole or not at all, or to standard output for ``-``. Raises OSError, ValueError.

    The file is for its owner alone: it may hold hidden counterexamples.
    """
    data = encode_report(report)
    if str(destination) == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_atomically(Path(destination), data, mode=0o600)


def publish() -> None:
    """Write report.schema.json anew, after the structures of verdict.py have changed."""
    PUBLISHED.write_text(json.dumps(report_schema(), indent=2) + "\n", "utf-8")


def _strict(value: Any, place: str) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case float() if not math.isfinite(value):
            raise ValueError(f"{place} is {value}, which JSON cannot say")
        case dict():
            return {_strict(key, place): _strict(item, f"{place}.{key}") for key, item in value.items()}
        case list():
            return [_strict(item, f"{place}[{index}]") for index, item in enumerate(value)]
        case _:
            return value
