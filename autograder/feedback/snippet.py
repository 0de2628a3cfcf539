"""A counterexample as Python to paste into a notebook, from the readable text of its arguments.

Only text that ``values.readable`` wrote in full is turned into code: it is parsed, never run, and whatever is not a
literal of that small language (an ellipsis, a foreign name) gives no snippet at all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from autograder.feedback.values import DIGITS, ROUNDED
from autograder.sandbox.inside import functions

_DTYPES = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "complex64"}
_DTYPES |= {"complex128", "float64"}


FAMILIES = frozenset(family.__name__ for family in functions.FAMILIES.values())


class _UnreadableError(ValueError):
    pass


def snippet(function: str, arguments: Mapping[str, str]) -> str | None:
    """Lines of Python that call ``function`` on ``arguments``, or None if some argument is not given in full."""
    if not function.isidentifier() or not all(name.isidentifier() for name in arguments):
        return None
    try:
        values = {name: _code(text) for name, text in arguments.items()}
    except (_UnreadableError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = [f"{name} = {value}" for name, value in values.items()]
    if any(text.endswith(ROUNDED) for text in arguments.values()):
        lines.insert(0, f"# the numbers are rounded to {DIGITS} digits")
    code = "\n".join([*lines, f"{function}({', '.join(arguments)})"])
    imports = ["import torch"] if "torch." in code else []
    families = sorted(name for name in FAMILIES if re.search(rf"\b{name}\(", code))
    if families:
        imports.append(f"from {functions.__name__} import {', '.join(families)}")
    special = [name for name in ("inf", "nan") if re.search(rf"\b{name}\b", code)]
    if special:
        imports.append(f"from math import {', '.join(special)}")
    return "\n".join([*imports, code])


def _code(text: str) -> str:
    return _node(ast.parse(text.removesuffix(ROUNDED).strip(), mode="eval").body)


def _node(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Name(id="empty"), args=sizes, keywords=[]):
            return f"torch.empty({', '.join(map(_literal, sizes))}, dtype=torch.float64)"
        case ast.Call(func=ast.Call(func=ast.Name(id="empty"), args=sizes), args=[ast.Name(id=dtype)]):
            return f"torch.empty({', '.join(map(_literal, sizes))}, dtype={_dtype(dtype)})"
        case ast.Call(func=ast.Name(id="tensor"), args=[value], keywords=[]):
            return f"torch.tensor({_literal(value)}, dtype=torch.float64)"
        case ast.Call(func=ast.Call(func=ast.Name(id="tensor"), args=[value]), args=[ast.Name(id=dtype)]):
            return f"torch.tensor({_literal(value)}, dtype={_dtype(dtype)})"
        case ast.Call(func=ast.List(elts=items), args=[ast.Name(id="list")], keywords=[]):
            return f"[{', '.join(map(_node, items))}]"
        case ast.Call(func=ast.List() as value, args=[ast.Name(id=dtype)], keywords=[]):
            return f"torch.tensor({_literal(value)}, dtype={_dtype(dtype)})"
        case ast.Call(func=ast.Name(id=family), args=[], keywords=parameters) if family in FAMILIES:
            return f"{family}({', '.join(f'{p.arg}={_node(p.value)}' for p in parameters if p.arg)})"
        case ast.List():
            return f"torch.tensor({_literal(node)}, dtype=torch.float64)"
        case ast.Tuple(elts=items):
            return f"({', '.join(map(_node, items))}{',' if len(items) == 1 else ''})"
        case ast.Dict(keys=keys, values=values) if all(keys):
            pairs = zip(keys, values, strict=True)
            return "{" + ", ".join(f"{_literal(key)}: {_node(value)}" for key, value in pairs if key) + "}"
        case ast.Attribute(value=ast.Name(id="torch"), attr=dtype):
            return _dtype(dtype)
    return _literal(node)


def _literal(node: ast.expr) -> str:
    """Numbers, text, None, True, False, inf, nan and nested lists of them, as they were written."""
    match node:
        case ast.List(elts=items):
            return f"[{', '.join(map(_literal, items))}]"
        case ast.Constant(value=value) if value is not Ellipsis:
            return repr(value)
        case ast.Name(id="inf" | "nan" as name):
            return name
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{_literal(operand)}"
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
            return f"{_literal(left)}{'+' if isinstance(sign, ast.Add) else '-'}{_literal(right)}"
    raise _UnreadableError


def _dtype(name: str) -> str:
    if name not in _DTYPES:
        raise _UnreadableError
    return f"torch.{name}"
