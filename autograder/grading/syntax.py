"""What can be said of a student's Python without running it."""

from __future__ import annotations

import ast
import re
import warnings

# What the compiler raises on bytes of bad will: null characters, lone surrogates, nesting beyond its stack.
_FAILURES = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)

# For "import a.b.c" CPython's parser keeps every prefix: a megabyte of dots takes hundreds of gigabytes.
_ENDLESS_NAME = re.compile(r"(?:\.[\s\\]*+\w++[\s\\]*+){200}")
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+\.*(?P<module>\w+)|import[ \t]+(?P<modules>[^\n#;]+))", re.MULTILINE)


def is_safe(text: str) -> bool:
    """Whether a trusted process may parse ``text``. All sources that intake hands on are safe."""
    return not _ENDLESS_NAME.search(text)


def problem(text: str) -> str:
    """Why ``text`` does not compile as a module ("line 2: invalid syntax"), or ""."""
    if not is_safe(text):
        return "it holds a name of 200 parts"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "submission.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno or 1}: {error.msg}"
    except _FAILURES as error:
        return "it is nested too deeply" if isinstance(error, (RecursionError, MemoryError)) else "it is not valid text"
    return ""


def parse(text: str) -> ast.Module | None:
    """The syntax tree of ``text``, or None."""
    if not is_safe(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except _FAILURES:
        return None


def finished_functions(text: str) -> int:
    """How many functions at the top of a module have more than a placeholder as their body."""
    tree = parse(text)
    return sum(isinstance(node, ast.FunctionDef) and not _is_placeholder(node) for node in tree.body) if tree else 0


def only_definitions(text: str) -> str:
    """``text`` with all lines blank but those of imports, functions, classes and literal constants."""
    tree = parse(text)
    kept = {line for node in (tree.body if tree else []) if _is_definition(node) for line in _lines(node)}
    return "\n".join(line if number in kept else "" for number, line in enumerate(text.split("\n"), 1))


def imported(text: str) -> set[str]:
    """The top-level modules that ``text`` seems to import; found by reading lines, so that it may be broken."""
    names: set[str] = set()
    for match in _IMPORT.finditer(text):
        parts = [match["module"]] if match["module"] else match["modules"].split(",")
        names |= {word.split(".")[0] for part in parts for word in part.split()[:1]}
    return names


def _is_placeholder(function: ast.FunctionDef) -> bool:
    for statement in function.body:
        if isinstance(statement, ast.Pass) or (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        ):
            continue
        raised = statement.exc if isinstance(statement, ast.Raise) else None
        return "NotImplementedError" in (ast.dump(raised) if raised else "")
    return True


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        try:
            ast.literal_eval(node.value or ast.Constant(None))
        except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
            return False
        return True
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _lines(node: ast.stmt) -> range:
    decorators = getattr(node, "decorator_list", [])
    first = min(part.lineno for part in (node, *decorators))
    return range(first, (node.end_lineno or first) + 1)
