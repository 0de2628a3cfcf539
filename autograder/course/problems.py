"""What is wrong with a configuration, each problem in one sentence with its file, line and key."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, cast

from autograder.course.schemas import ValidationError

Key = tuple[str | int, ...]

TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "object": "a mapping of keys to values",
    "array": "a list",
    "boolean": "true or false",
}


class ConfigError(Exception):
    """The course's configuration cannot be used. problems: all of them, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclasses.dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, and where."""

    line: int
    key: Key
    text: str

    def sentence(self, file: str) -> str:
        """``grading.yml, line 12: limits.call: 0 is not greater than 0``."""
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.key).lstrip(".")
        return f"{file}, line {self.line}: {key}: {self.text}" if key else f"{file}, line {self.line}: {self.text}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'points'?``, or "" where nothing known is close."""
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def from_schema(error: ValidationError, lines: Mapping[Key, int]) -> list[Problem]:
    """The problems behind one violation of the schema. lines: the line of every key."""
    key: Key = tuple(error.absolute_path)
    schema, value, wanted = cast(Any, error.schema), cast(Any, error.instance), cast(Any, error.validator_value)
    if "propertyNames" in error.absolute_schema_path:
        text = f"a name cannot be spelt like this; an example is {schema['examples'][0]}"
        return [Problem(lines[*key, value], (*key, value), text)]
    if error.validator == "required":
        return [Problem(lines[key], (*key, name), "is missing") for name in wanted if name not in value]
    if error.validator == "additionalProperties":
        known = schema["properties"]
        return [
            Problem(lines[*key, name], (*key, name), f"is not a known key{did_you_mean(name, known)}")
            for name in value
            if name not in known
        ]
    return [Problem(lines[key], key, _sentence(str(error.validator), wanted, value, schema) or error.message)]


def _sentence(validator: str, wanted: Any, value: Any, schema: Any) -> str:
    match validator:
        case "type":
            types = " or ".join(TYPES[name] for name in ([wanted] if isinstance(wanted, str) else wanted))
            return f"is empty, it should be {types}" if value is None else f"{_shown(value)} is not {types}"
        case "minimum":
            return f"{_shown(value)} is less than {wanted}"
        case "exclusiveMinimum":
            return f"{_shown(value)} is not greater than {wanted}"
        case "maximum":
            return f"{_shown(value)} is more than {wanted}"
        case "minLength":
            return "is empty"
        case "pattern":
            return f"{_shown(value)} is not of the form {schema['examples'][0]}"
        case "enum":
            return f"{_shown(value)} is not {' or '.join(wanted)}"
        case _:
            return ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
