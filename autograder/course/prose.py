"""The text files of an assignment: MyST markdown, read by jupytext, to blocks that know where they came from.

``assignments/<set>/*.md`` in the order of their names. Between plain text stand colon fences and code cells:

    :::{exercise} sherman_morrison          what to derive; one block per exercise of the set
    :::{written} why_not_invert             a question that a person grades, with a rubric inside
    ::::{hidden}, ::::{rubric}              inside of these, with more colons outside: for instructors only
    ```{code-cell} with :tags: [experiment] shows the result at work; never run while grading
    ```{code-cell} with :tags: [given]      definitions that answers may use
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import jupytext.myst
from markdown_it import MarkdownIt
from mdit_py_plugins.colon_fence import colon_fence_plugin

from autograder.course.problems import did_you_mean
from autograder.course.yaml_lines import shown

_INFO = re.compile(r"\{(?P<directive>[\w-]+)\}\s*(?P<argument>.*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INSIDE = {"exercise": "hidden", "written": "rubric"}
_TAGS = ("experiment", "given", "raises-exception")
_DELIMITERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS", "MARK SCHEME")


class BuildError(Exception):
    """An assignment cannot be built. problems: all that is wrong, one sentence each, with file, line and cell."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a block stands. line and cell are counted from 1; cell: within the file, as jupytext splits it."""

    file: Path
    line: int
    cell: int

    def __str__(self) -> str:
        return f"{shown(self.file)}, line {self.line}, cell {self.cell}"


@dataclasses.dataclass(frozen=True)
class Text:
    """Plain markdown."""

    place: Place
    text: str


@dataclasses.dataclass(frozen=True)
class Code:
    """A code cell with its tags."""

    place: Place
    text: str
    tags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Posed:
    """An exercise or (kind "written") a written question.

    text: what students read.  private: the hidden result or the rubric, for instructors only.
    """

    kind: str
    place: Place
    name: str
    text: str
    private: str


Block = Text | Code | Posed


def read_prose(folder: Path) -> list[Block]:
    """All blocks of ``folder/*.md``, in order. Raises BuildError with every problem that was found."""
    files = sorted(folder.glob("*.md"))
    if not files:
        raise BuildError(f"{shown(folder)}: there is no text (*.md) of this set")
    reader = _Reader()
    for file in files:
        reader.read(file)
    if reader.problems:
        raise BuildError(*reader.problems)
    return reader.blocks


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.problems: list[str] = []

    def read(self, file: Path) -> None:
        try:
            lines = file.read_text("utf-8").splitlines()
            notebook = jupytext.myst.myst_to_notebook("\n".join(lines), add_source_map=True)
        except UnicodeDecodeError as error:
            self.problems.append(f"{shown(file)}: is not UTF-8 text (byte {error.start})")
            return
        except jupytext.myst.MystMetadataParsingError as error:
            self.problems.append(f"{shown(file)}: {error}")
            return
        for number, (start, cell) in enumerate(zip(notebook.metadata["source_map"], notebook.cells, strict=True), 1):
            line = start + 1
            while line <= len(lines) and not lines[line - 1].strip():  # blank lines before a cell's text are dropped
                line += 1
            place = Place(file, line, number)
            if cell.cell_type == "code":
                self._code(place, cell.source, dict(cell.metadata))
            elif cell.cell_type == "raw":
                self._wrong(place, "raw cells do not belong into an assignment")
            else:
                if cell.metadata:
                    self._wrong(place, "a '+++' line takes no metadata here")
                self._markdown(place, cell.source)

    def _wrong(self, place: Place, text: str) -> None:
        self.problems.append(f"{place}: {text}")

    def _code(self, place: Place, source: str, metadata: dict[str, object]) -> None:
        tags = metadata.pop("tags", [])
        if metadata:
            self._wrong(place, f"a code cell takes tags only, not {', '.join(sorted(metadata))}")
        tags = [tags] if isinstance(tags, str) else tags
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            self._wrong(place, "tags is a list of words, as in :tags: [experiment]")
            return
        for tag in tags:
            if tag not in _TAGS:
                self._wrong(place, f"unknown tag {tag!r}{did_you_mean(tag, _TAGS)}")
        if ("experiment" in tags) + ("given" in tags) != 1:
            self._wrong(place, "a code cell is tagged either experiment or given; solutions come from the reference")
        self._visible(place, source)
        if not source.strip():
            self._wrong(place, "this code cell is empty")
        self.blocks.append(Code(place, source, tuple(sorted(tags))))

    def _markdown(self, place: Place, text: str) -> None:
        for inner, piece, fence in _pieces(place, text):
            if fence is None:
                self._visible(inner, piece)
                for offset, line in enumerate(piece.split("\n")):
                    if line.startswith(":::"):
                        at = dataclasses.replace(inner, line=inner.line + offset)
                        self._wrong(at, f"{line.strip()} opens or closes nothing; code cells stand between fences")
                self.blocks.append(Text(inner, piece))
            else:
                self._fence(inner, piece, fence)

    def _fence(self, place: Place, content: str, fence: _Fence) -> None:
        match = _INFO.fullmatch(fence.info)
        directive = match["directive"] if match else fence.info
        if not fence.closed:
            self._wrong(place, f"{fence.markup}{fence.info} is not closed by {fence.markup} in the same cell")
        elif match is None or directive not in _INSIDE:
            home = next((outer for outer, inner in _INSIDE.items() if inner == directive), "")
            if home:
                self._wrong(place, f"{{{directive}}} stands inside of {{{home}}} only, whose fence has more colons")
            else:
                known = did_you_mean(directive, _INSIDE)
                self._wrong(place, f"unknown directive {directive!r}{known or '; known are exercise and written'}")
        elif not _NAME.fullmatch(match["argument"]):
            self._wrong(place, f"{{{directive}}} needs a name after it, such as {{{directive}}} sherman_morrison")
        else:
            self._posed(place, directive, match["argument"], content)

    def _posed(self, place: Place, kind: str, name: str, content: str) -> None:
        inner_name = _INSIDE[kind]
        visible, private = [], []
        for inner, piece, fence in _pieces(dataclasses.replace(place, line=place.line + 1), content):
            if fence is None:
                self._visible(inner, piece)
                visible.append(piece)
            elif fence.info.strip() == f"{{{inner_name}}}" and fence.closed:
                self._delimited(inner, piece)
                private.append(piece.strip("\n"))
            else:
                self._wrong(inner, f"inside of {{{kind}}} {name} only {{{inner_name}}} may stand, not {fence.info}")
        if not "".join(visible).strip():
            self._wrong(place, f"{{{kind}}} {name} says nothing to students")
        if len(private) > 1:
            self._wrong(place, f"{{{kind}}} {name} has more than one {{{inner_name}}}")
        if kind == "written" and not "".join(private).strip():
            self._wrong(place, f"{{written}} {name} has no {{rubric}}; a TA needs one to grade it")
        self.blocks.append(Posed(kind, place, name, "\n\n".join(visible), "\n\n".join(private)))

    def _visible(self, place: Place, text: str) -> None:
        """What students see must not look like a region that nbgrader cuts out."""
        self._delimited(place, text)

    def _delimited(self, place: Place, text: str) -> None:
        for offset, line in enumerate(text.split("\n")):
            for word in _DELIMITERS:
                if word in line:
                    at = dataclasses.replace(place, line=place.line + offset)
                    self._wrong(at, f"{word!r} is written by the build; a solution does not stand in the text")


@dataclasses.dataclass(frozen=True)
class _Fence:
    """An opening line, ``:::{exercise} name``: its colons, the rest, and whether the fence is closed."""

    markup: str
    info: str
    closed: bool


def _pieces(place: Place, text: str) -> Iterator[tuple[Place, str, _Fence | None]]:
    """Plain text and the contents of colon fences at the top level, in order, each with its own place."""
    lines = text.split("\n")
    done = 0
    for token in MarkdownIt("commonmark").use(colon_fence_plugin).parse(text):
        if token.type != "colon_fence" or token.level or token.map is None:
            continue
        start, end = token.map
        yield from _plain(place, lines, done, start)
        last = lines[end - 1].strip()
        closed = end - start > 1 and not last.strip(":") and len(last) >= len(token.markup)
        yield (
            dataclasses.replace(place, line=place.line + start),
            token.content,
            _Fence(token.markup, token.info, closed),
        )
        done = end
    yield from _plain(place, lines, done, len(lines))


def _plain(place: Place, lines: Sequence[str], start: int, end: int) -> Iterator[tuple[Place, str, None]]:
    while start < end and not lines[start].strip():
        start += 1
    if text := "\n".join(lines[start:end]).rstrip():
        yield dataclasses.replace(place, line=place.line + start), text, None
