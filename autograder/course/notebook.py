"""An instructor's notebook of one set, made of prose, references and points; nbgrader makes the students' from it.

Every cell's id is its nbgrader grade_id, made of names alone, so that the same sources give the same bytes.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import nbformat
from nbformat import NotebookNode

from autograder.course.config import Course, ProblemSet
from autograder.course.problems import did_you_mean
from autograder.course.prose import Block, BuildError, Code, Posed, Text
from autograder.course.solution import BEGIN, END, IMPORTS, helpers_of, solution_cell
from autograder.course.yaml_lines import shown
from autograder.testing.bank import Bank, Entry

SCHEMA_VERSION = 3
"""Of nbgrader's cell metadata."""
SETUP = f"""\
try:
    from autograder import check
except ImportError:
    raise ImportError(
        "autograder is not installed for this notebook: run '%pip install autograder-*.whl' in a cell (the "
        "file lies beside the notebook; README.md says more), then restart the kernel."
    ) from None

{IMPORTS}"""
_SPECIAL = re.compile(r"([\\`*<$]|(?<!\w)_|_(?!\w))")
"""What markdown would read as markup; an underscore inside a word is none."""


def instructor_notebook(course: Course, problem_set: ProblemSet, blocks: Sequence[Block], bank: Bank) -> NotebookNode:
    """The notebook with solutions and rubrics. Raises BuildError with every mismatch of prose, policy and bank."""
    problems = [*_mismatches(course, problem_set, blocks, bank), *_clashes(problem_set, bank)]
    if problems:
        raise BuildError(*problems)
    builder = _Builder(problem_set, bank)
    cells = [builder.header(), builder.setup()]
    for block in blocks:
        cells += builder.cells(block)
    notebook: NotebookNode = nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _validate(problem_set, notebook)
    return notebook


def total_points(problem_set: ProblemSet) -> float:
    """What a set is worth: exercises and written questions."""
    return sum(policy.points for policy in problem_set.exercises.values()) + sum(problem_set.written.values())


def counted(points: float) -> str:
    """``1 point``, ``2.5 points``."""
    return f"{points:g} point{'' if points == 1 else 's'}"


def sentences(entry: Entry) -> tuple[list[str], list[str]]:
    """What will be checked, as students read it: what their own check tries, and what grading tries besides."""
    own = [p.sentence for p in entry.properties if p.public and not p.needs_reference]
    own += [f"The code {rule.sentence}" for rule in entry.record.rules]
    further = [p.sentence for p in entry.properties if p.sentence not in own and (p.needs_reference or not p.public)]
    return list(dict.fromkeys(own)), list(dict.fromkeys(further))


class _Builder:
    def __init__(self, problem_set: ProblemSet, bank: Bank) -> None:
        self.set, self.bank = problem_set, bank
        self.counts: collections.Counter[str] = collections.Counter()

    def header(self) -> NotebookNode:
        """Title and points."""
        rows = [f"- `{name}`: {counted(policy.points)}" for name, policy in self.set.exercises.items()]
        rows += [f"- {name}, a written question: {counted(points)}" for name, points in self.set.written.items()]
        text = f"# {self.set.title}\n\n{counted(total_points(self.set))} in all:\n\n" + "\n".join(rows)
        return _cell("markdown", "text_title", text, locked=True)

    def setup(self) -> NotebookNode:
        """The first code cell."""
        return _cell("code", "setup", SETUP, locked=True)

    def cells(self, block: Block) -> Iterator[NotebookNode]:
        """The cells of one block."""
        match block:
            case Text():
                yield _cell("markdown", self._numbered("text", block), block.text, locked=True)
            case Code():
                kind = "experiment" if "experiment" in block.tags else "given"
                yield _cell("code", self._numbered(kind, block), block.text, locked=True, tags=block.tags)
            case Posed(kind="exercise"):
                yield from self._exercise(block)
            case Posed():
                yield from self._written(block)

    def _numbered(self, kind: str, block: Text | Code) -> str:
        name = re.sub(r"[^A-Za-z0-9]+", "_", block.place.file.stem)
        self.counts[f"{kind}_{name}"] += 1
        return f"{kind}_{name}_{self.counts[f'{kind}_{name}']}"

    def _exercise(self, block: Posed) -> Iterator[NotebookNode]:
        entry, points = self.bank[block.name], self.set.exercises[block.name].points
        heading = f"### {entry.record.title}\n\n`{block.name}` · {counted(points)}"
        yield _cell("markdown", f"{block.name}_text", f"{heading}\n\n{block.text}", locked=True)
        yield _cell("markdown", f"{block.name}_checks", _checks(entry), locked=True)
        yield _cell("code", f"{block.name}_solution", solution_cell(entry, block.private), solution=True)
        functions = ", ".join(function.name for function in entry.record.functions)
        yield _cell("code", block.name, f'check("{block.name}", {functions})', grade=True, locked=True, points=points)

    def _written(self, block: Posed) -> Iterator[NotebookNode]:
        points = self.set.written[block.name]
        yield _cell(
            "markdown", f"{block.name}_text", f"*A written question* · {counted(points)}\n\n{block.text}", locked=True
        )
        source = f"{BEGIN}\n\n{block.private}\n\n{END}"
        yield _cell("markdown", block.name, source, grade=True, solution=True, points=points)


def _checks(entry: Entry) -> str:
    own, further = sentences(entry)
    parts = ["**What will be checked.** `check` tries, with examples that you see:", _listed(own)]
    if further:
        parts += ["Grading tries, besides, on inputs of its own:", _listed(further)]
    return "\n\n".join(parts)


def _listed(texts: Sequence[str]) -> str:
    return "\n".join("- " + _SPECIAL.sub(r"\\\1", " ".join(text.split())) for text in texts)


def _cell(
    cell_type: str,
    grade_id: str,
    source: str,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    points: float | None = None,
    tags: Sequence[str] = (),
) -> NotebookNode:
    role: dict[str, object] = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": SCHEMA_VERSION,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        role["points"] = int(points) if points == int(points) else points
    metadata: dict[str, object] = {"nbgrader": dict(sorted(role.items()))}
    if tags:
        metadata["tags"] = sorted(tags)
    new: Callable[..., NotebookNode] = getattr(nbformat.v4, f"new_{cell_type}_cell")
    return new(source=source, metadata=metadata, id=grade_id[:64])


def _mismatches(course: Course, problem_set: ProblemSet, blocks: Sequence[Block], bank: Bank) -> Iterator[str]:
    """Exercises and questions that stand in the text or in grading.yml alone, or twice."""
    policy = shown(course.path)
    for kind, word, known in (
        ("exercise", "exercises", list(problem_set.exercises)),
        ("written", "written", list(problem_set.written)),
    ):
        posed: dict[str, Posed] = {}
        for block in blocks:
            if not isinstance(block, Posed) or block.kind != kind:
                continue
            if block.name in posed:
                yield f"{block.place}: {{{kind}}} {block.name} stands at {posed[block.name].place} already"
            elif block.name not in known:
                where = f"{policy} gives it no points in sets.{problem_set.name}.{word}"
                yield f"{block.place}: {{{kind}}} {block.name}: {where}{did_you_mean(block.name, known)}"
            posed.setdefault(block.name, block)
        for name in known:
            if name not in posed:
                line = course.lines.get(("sets", problem_set.name, word, name), 1)
                key = f"sets.{problem_set.name}.{word}.{name}"
                yield (
                    f"{policy}, line {line}: {key}: no text poses it; add :::{{{kind}}} {name} to a file of "
                    f"the set{did_you_mean(name, posed.keys() - known)}"
                )
    for name in problem_set.exercises:
        if name not in bank:
            yield f"{policy}: sets.{problem_set.name}.exercises.{name}: the bank has no such exercise"


def _clashes(problem_set: ProblemSet, bank: Bank) -> Iterator[str]:
    """Two solutions of one notebook must not define one name differently."""
    seen: dict[str, tuple[str, str]] = {}
    functions = {
        function.name: name
        for name in problem_set.exercises
        if name in bank
        for function in bank[name].record.functions
    }
    for name in problem_set.exercises:
        if name not in bank:
            continue
        for helper, text in helpers_of(bank[name]).items():
            other, other_text = seen.setdefault(helper, (name, text))
            if other_text != text:
                yield f"the references of {other} and {name} define {helper} differently; rename one of them"
            if functions.get(helper, name) != name:
                yield f"the reference of {name} has a helper {helper}, which is an exercise of the set: rename it"


def _validate(problem_set: ProblemSet, notebook: NotebookNode) -> None:
    """What the build promises about every notebook."""
    nbformat.validate(notebook)
    roles: list[Mapping[str, object]] = [cell.metadata["nbgrader"] for cell in notebook.cells]
    twice = [name for name, count in collections.Counter(str(r["grade_id"]) for r in roles).items() if count > 1]
    if twice:
        raise BuildError(f"{problem_set.name}: two cells would be called {twice[0]}; rename the file or the question")
    points = sum(float(str(role["points"])) for role in roles if role["grade"])
    if abs(points - total_points(problem_set)) > 0:
        raise BuildError(
            f"{problem_set.name}: the cells carry {counted(points)}, not {counted(total_points(problem_set))}"
        )
