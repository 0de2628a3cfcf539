"""Stubs for students and solutions for instructors: one cell per exercise, made from its record and its reference."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from autograder.course.prose import BuildError
from autograder.course.yaml_lines import shown
from autograder.testing.bank import BankError, Entry
from autograder.testing.promises import (
    DictPromise,
    ListPromise,
    Promise,
    ScalarPromise,
    TensorPromise,
    TuplePromise,
    UnionPromise,
    parse_promise,
)
from autograder.testing.record import Exercise, Function
from autograder.verify.excerpt import needed_statements

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
PLACEHOLDER = "# YOUR CODE HERE\nraise NotImplementedError()"
IMPORTS = """\
import math
from collections.abc import Callable

import torch
from torch import Tensor"""
"""What every notebook imports, so that stubs and solutions need not."""
_WIDTH = 100


def stub(record: Exercise, function: Function) -> str:
    """The head of a function: its signature, evaluable, and the docstring that students need."""
    signature = function.parsed
    parameters = []
    for name, text in signature.parameters.items():
        annotation = _annotation(parse_promise(text))
        default = signature.defaults.get(name)
        typed = f"{name}: {annotation}" if annotation else name
        parameters.append(typed if default is None else f"{typed}{' = ' if annotation else '='}{default}")
    result = _annotation(signature.returns)
    arrow = f" -> {result}" if result else ""
    head = f"def {signature.name}({', '.join(parameters)}){arrow}:"
    if len(head) > _WIDTH:
        head = f"def {signature.name}(\n    " + ",\n    ".join(parameters) + f",\n){arrow}:"
    return f'{head}\n    """{_docstring(record, function)}\n    """'


def solution_cell(entry: Entry, private: str, *, solved: bool = True) -> str:
    """The source of an exercise's solution cell.

    solved: with the reference inside the regions that nbgrader cuts out, headed by ``private`` (markdown); otherwise
    with the placeholder that nbgrader puts there.
    """
    record = entry.record
    regions = []
    for number, function in enumerate(record.functions):
        if not solved:
            regions.append(f"{stub(record, function)}\n{textwrap.indent(PLACEHOLDER, '    ')}")
            continue
        lines = [f"    {BEGIN}"]
        if private and number == 0:
            lines += [*(f"    # {line}".rstrip() for line in private.split("\n")), "    #"]
        lines.append(_answer(entry, function))
        lines.append(END)
        regions.append(f"{stub(record, function)}\n" + "\n".join(lines))
    return "\n\n\n".join(regions)


def helpers_of(entry: Entry) -> dict[str, str]:
    """What the solution cell defines beside the exercise's functions: name -> text."""
    found = {}
    for function in entry.record.functions:
        path, text, tree = _module(entry, function)
        for statement in _needed(path, tree, function):
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)) and statement.name != function.name:
                found[statement.name] = ast.get_source_segment(text, statement) or ""
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    found[ast.unparse(target)] = ast.get_source_segment(text, statement) or ""
    return found


def _answer(entry: Entry, function: Function) -> str:
    """The body of the reference, what it needs of its module behind it. Its docstring becomes a comment."""
    path, text, tree = _module(entry, function)
    lines = text.split("\n")
    own = _own(path, tree, function)
    body, documented = own.body, ast.get_docstring(own)
    comment = [f"    # {line}".rstrip() for line in documented.split("\n")] if documented else []
    start = (body[0].end_lineno or 0) if documented else body[0].lineno - 1
    parts = ["\n".join([*comment, *lines[start : body[-1].end_lineno]])]
    needed = _needed(path, tree, function)
    used = {node.id for statement in needed for node in ast.walk(statement) if isinstance(node, ast.Name)}
    for statement in needed:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            if imported := _beyond_common(statement, used):
                parts.append(imported)
        elif statement is not own:
            decorated = [decorator.lineno for decorator in getattr(statement, "decorator_list", [])]
            parts.append("\n".join(lines[min([statement.lineno, *decorated]) - 1 : statement.end_lineno]))
    return "\n\n\n".join(parts)


def _module(entry: Entry, function: Function) -> tuple[Path, str, ast.Module]:
    reference = (entry.references or {}).get(function.name)
    if reference is None:
        raise BuildError(
            f"exercise {entry.record.name} has no reference: bank.reference in grading.yml names its folder"
        )
    path = Path(inspect.getfile(reference))
    text = path.read_text("utf-8")
    return path, text, ast.parse(text)


def _own(path: Path, tree: ast.Module, function: Function) -> ast.FunctionDef:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function.name:
            if [argument.arg for argument in node.args.args] != list(function.parsed.parameters):
                raise BuildError(
                    f"{shown(path)}, line {node.lineno}: {function.name} takes other parameters than its record "
                    f"declares ({', '.join(function.parsed.parameters)})"
                )
            return node
    raise BuildError(f"{shown(path)}: {function.name} is not a plain function of this module")


def _needed(path: Path, tree: ast.Module, function: Function) -> Sequence[ast.stmt]:
    _own(path, tree, function)
    try:
        return needed_statements(path, tree, function.name, annotations=True)
    except BankError as error:
        raise BuildError(str(error)) from None


def _beyond_common(statement: ast.Import | ast.ImportFrom, used: set[str]) -> str:
    """An import as far as it is used and not among IMPORTS; "" where nothing is left."""
    module = getattr(statement, "module", None)
    common = {
        (getattr(node, "module", None), alias.name, alias.asname)
        for node in ast.parse(IMPORTS).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    left = [
        alias
        for alias in statement.names
        if (alias.asname or alias.name.partition(".")[0]) in used and (module, alias.name, alias.asname) not in common
    ]
    if not left or module == "__future__":
        return ""
    return ast.unparse(ast.Import(left) if isinstance(statement, ast.Import) else ast.ImportFrom(module, left, 0))


def _annotation(promise: Promise) -> str:
    """A type that Python can evaluate where only IMPORTS are known; "" for prose."""
    match promise:
        case TensorPromise():
            return "Tensor"
        case ScalarPromise():
            return promise.text
        case TuplePromise(items=items, variadic=variadic):
            inner = [_annotation(item) for item in items]
            return f"tuple[{', '.join([*inner, '...'] if variadic else inner)}]" if all(inner) else "tuple"
        case ListPromise(item=item):
            return f"list[{_annotation(item)}]" if _annotation(item) else "list"
        case DictPromise(item=item):
            return f"dict[str, {_annotation(item)}]" if _annotation(item) else "dict"
        case UnionPromise(choices=choices):
            inner = [_annotation(choice) for choice in choices]
            return " | ".join(dict.fromkeys(inner)) if all(inner) else ""
    if re.fullmatch(r"Callable(\[.*\])?", promise.text):
        return "Callable"
    return {"torch.Generator": "torch.Generator", "Generator": "torch.Generator"}.get(promise.text, "")


def _docstring(record: Exercise, function: Function) -> str:
    """Title, shapes, errors and rules, each as the record has it."""
    signature = function.parsed
    shapes = [f"{name}: {text}" for name, text in signature.parameters.items()]
    paragraphs = [f"{record.title}.", "", *shapes, f"returns: {signature.returns.text}"]
    if function.bad_inputs:
        paragraphs += ["", *(f"- {bad.sentence}" for bad in function.bad_inputs)]
    if record.rules:
        paragraphs += ["", "A right answer " + ", ".join(rule.sentence for rule in record.rules) + "."]
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += textwrap.wrap(paragraph, _WIDTH - 4, subsequent_indent="  ") or [""]
    text = "\n".join([lines[0], *(f"    {line}".rstrip() for line in lines[1:])])
    return text.replace("\\", "\\\\").replace('"""', "'''")
