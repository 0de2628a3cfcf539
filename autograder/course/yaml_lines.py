"""Plain data from a YAML file, with the line of every key; nothing is constructed but text, numbers, lists, mappings.

Scalars follow YAML 1.2's core schema, so that ``12:30`` or ``no`` stay text and ``1e3`` is a number. Anchors, aliases
and tags are refused: a policy needs none, and without them a file is never larger than it looks.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from autograder.course.problems import ConfigError, Key, Problem

LARGEST_FILE = 1 << 20


@dataclasses.dataclass
class Document:
    """A YAML file. data: what it says.  lines: the line of every key.  problems: keys given twice, keys not text."""

    path: Path
    data: Any = None
    lines: dict[Key, int] = dataclasses.field(default_factory=dict)
    problems: list[Problem] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        """The file as a person would name it from here."""
        return shown(self.path)

    def line(self, key: Key) -> int:
        """The line of that key, or of the nearest one that contains it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def shown(path: Path) -> str:
    """``path`` as seen from the current directory, where it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def read_yaml(path: Path) -> Document:
    """The document in ``path``. Raises ConfigError where it cannot be read or is not YAML."""
    document = Document(path)
    text = _read(path)
    try:
        node = _Loader(text).get_single_node()
        if node is None:
            raise ConfigError(f"{document.name} is empty.")
        document.data = _plain(node, (), document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{document.name}, line {line}: not valid YAML: {_reason(error)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{document.name}, line {line}: not valid YAML: a control character") from None
    except RecursionError:
        raise ConfigError(f"{document.name}: nested too deeply.") from None
    return document


def _reason(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "it cannot be understood"
    return "a tab where spaces should indent" if "'\\t'" in problem else problem


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{shown(path)} is not a file.")
        with path.open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{shown(path)} cannot be read: {error.strerror or error}.") from None
    if len(raw) > LARGEST_FILE:
        raise ConfigError(f"{shown(path)} is larger than {LARGEST_FILE >> 20} MiB.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{shown(path)}, line {line}: not UTF-8 text.") from None


class _Loader(yaml.SafeLoader):
    """Composes nodes only; its resolvers are those of YAML 1.2's core schema, without infinities and NaN."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own way to say it)

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None):
            raise ComposerError(None, None, "anchors and aliases are not supported", event.start_mark)
        if getattr(event, "tag", None) not in (None, "!"):
            raise ComposerError(None, None, "tags are not supported", event.start_mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,18}", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def _plain(node: Node, key: Key, document: Document) -> Any:
    document.lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, MappingNode):
        return _mapping(node, key, document)
    if isinstance(node, SequenceNode):
        return [_plain(item, (*key, index), document) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: MappingNode, key: Key, document: Document) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name_node, value_node in node.value:
        line = name_node.start_mark.line + 1
        if not isinstance(name_node, ScalarNode):
            document.problems.append(Problem(line, key, "a key must be plain text"))
            continue
        name = name_node.value
        if name in result:
            first = document.lines[*key, name]
            document.problems.append(Problem(line, (*key, name), f"is given twice, first on line {first}"))
            continue
        document.lines[*key, name] = line
        result[name] = _plain(value_node, (*key, name), document)
    return result


def _scalar(node: Node) -> Any:
    text: str = node.value
    match node.tag.rpartition(":")[2]:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text)
        case "float":
            return float(text)
        case _:
            return text
