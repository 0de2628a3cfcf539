"""Mechanical mutants of a reference: its syntax tree with one small change each, as a hurried student might write it.

Every mutant is the whole module's text with one node replaced, so it is graded like any submission.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import difflib
from collections.abc import Callable, Iterator, Sequence

Replacement = ast.expr | ast.stmt | None
"""None removes a statement."""

_SWAPPED_NAMES = {
    "sum": "mean", "mean": "sum", "max": "min", "min": "max", "amax": "amin", "amin": "amax", "maximum": "minimum",
    "minimum": "maximum", "sin": "cos", "cos": "sin", "exp": "expm1", "log": "log1p", "log1p": "log", "expm1": "exp",
    "tanh": "sigmoid", "sigmoid": "tanh", "sqrt": "square", "square": "sqrt", "erf": "erfc", "erfc": "erf",
    "argmax": "argmin", "argmin": "argmax", "var": "std", "std": "var", "cumsum": "cumprod", "ones": "zeros",
    "zeros": "ones", "ones_like": "zeros_like", "zeros_like": "ones_like", "eigh": "eig", "all": "any", "any": "all",
    "outer": "dot", "ndtr": "erf", "ge": "gt", "gt": "ge", "le": "lt", "lt": "le", "fft2": "ifft2", "ifft2": "fft2",
    "ceil": "floor", "floor": "ceil", "new_zeros": "new_ones", "new_ones": "new_zeros", "log_ndtr": "ndtr",
}  # fmt: skip
_TRANSPOSES = {"T", "mT", "mH", "H"}
_DROPPED_CALLS = {
    "abs", "sqrt", "exp", "log", "tanh", "relu", "clamp", "clamp_min", "clamp_max", "flip", "conj", "square", "neg",
    "transpose", "t", "flatten", "contiguous", "triu", "tril", "roll", "log1p", "expm1", "reciprocal", "clone",
    "detach",
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,), ast.FloorDiv: (ast.Mod,), ast.Mod: (ast.FloorDiv,),
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One changed module. difference: "old line => new line"; it names the mutant.  kind: of the change."""

    kind: str
    difference: str
    text: str


def mutants_of(text: str, functions: Sequence[str]) -> list[Mutant]:
    """The mutants of the functions, and of what they call in the same module, without repetitions."""
    tree = ast.parse(text)
    plain = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for node in _reached(tree, functions):
        for kind, changed in _changes(tree, node):
            mutated = ast.unparse(ast.fix_missing_locations(changed))
            if mutated != plain:
                found.setdefault(mutated, Mutant(kind, _difference(plain, mutated), mutated))
    for name in functions:
        for kind, wrapper in _wrappers(tree, name):
            found[plain + wrapper] = Mutant(kind, f"{name}: {kind}", plain + wrapper)
    return list(found.values())


def _reached(tree: ast.Module, functions: Sequence[str]) -> list[ast.FunctionDef]:
    """The functions' definitions and those of the module's own helpers they mention, in the order of the text."""
    own = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    todo, reached = [name for name in functions if name in own], set[str]()
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [n.id for n in ast.walk(own[name]) if isinstance(n, ast.Name) and n.id in own]
    return [node for name, node in own.items() if name in reached]


def _changes(tree: ast.Module, function: ast.FunctionDef) -> Iterator[tuple[str, ast.Module]]:
    """Every one-node change of one function, each as a whole module of its own."""
    skip = _unmutable(function)
    for path, node in _nodes(function):
        if id(node) in skip:
            continue
        for kind, replacement in _replacements(node):
            yield kind, _replaced(tree, function, path, replacement)


def _unmutable(function: ast.FunctionDef) -> set[int]:
    """Docstrings, annotations and the text of messages: a change there is no mistake."""
    roots: list[ast.AST] = [argument.annotation for argument in function.args.args if argument.annotation]
    roots += [function.returns] if function.returns else []
    for node in ast.walk(function):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            roots.append(node)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            roots += node.exc.args
        if isinstance(node, ast.AnnAssign):
            roots.append(node.annotation)
    return {id(node) for root in roots for node in ast.walk(root)}


Path = tuple[tuple[str, int | None], ...]


def _nodes(root: ast.AST, path: Path = ()) -> Iterator[tuple[Path, ast.AST]]:
    """Every node below ``root`` with the way to it."""
    for field, value in ast.iter_fields(root):
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                step = (*path, (field, index))
                yield step, child
                yield from _nodes(child, step)


def _replaced(tree: ast.Module, function: ast.FunctionDef, path: Path, replacement: Replacement) -> ast.Module:
    changed = copy.deepcopy(tree)
    node: ast.AST = changed.body[tree.body.index(function)]
    for field, index in path[:-1]:
        node = getattr(node, field) if index is None else getattr(node, field)[index]
    field, index = path[-1]
    if index is None:
        setattr(node, field, replacement)
    else:
        getattr(node, field)[index : index + 1] = [ast.Pass()] if replacement is None else [replacement]
    return changed


def _replacements(node: ast.AST) -> Iterator[tuple[str, Replacement]]:
    for kind, make in _MUTATORS:
        for replacement in make(node):
            yield kind, copy.deepcopy(replacement)


def _operator(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.BinOp):
        for other in _OPERATORS.get(type(node.op), ()):
            yield ast.BinOp(node.left, other(), node.right)
    if isinstance(node, ast.AugAssign):
        for other in _OPERATORS.get(type(node.op), ()):
            yield ast.AugAssign(node.target, other(), node.value)
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _comparison(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARISONS.get(type(node.ops[0]), ()):
            yield ast.Compare(node.left, [other()], node.comparators)


def _sign(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield node.operand
    if isinstance(node, ast.Return) and isinstance(node.value, (ast.BinOp, ast.Call)):
        yield ast.Return(ast.UnaryOp(ast.USub(), node.value))


def _constant(node: ast.AST) -> Iterator[Replacement]:
    if not isinstance(node, ast.Constant) or isinstance(node.value, (str, bytes)) or node.value is None:
        return
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, float):
        yield ast.Constant(value * 2)


def _dropped_term(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
        yield node.left
        yield ast.UnaryOp(ast.USub(), node.right) if isinstance(node.op, ast.Sub) else node.right


def _transpose(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Attribute) and node.attr in _TRANSPOSES:
        yield node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield ast.BinOp(node.right, node.op, node.left)
        if isinstance(node.left, ast.Name):
            yield ast.BinOp(ast.Attribute(node.left, "mT", ast.Load()), node.op, node.right)
        if isinstance(node.right, ast.Name):
            yield ast.BinOp(node.left, node.op, ast.Attribute(node.right, "mT", ast.Load()))


def _swapped_name(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SWAPPED_NAMES:
        yield _with_function(node, _SWAPPED_NAMES[node.func.attr])


def _with_function(call: ast.Call, name: str) -> ast.Call:
    assert isinstance(call.func, ast.Attribute)
    return ast.Call(ast.Attribute(call.func.value, name, ast.Load()), call.args, call.keywords)


def _dropped_call(node: ast.AST) -> Iterator[Replacement]:
    """x.exp() -> x, torch.exp(x) -> x."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _DROPPED_CALLS:
        of_module = isinstance(node.func.value, (ast.Name, ast.Attribute)) and ast.unparse(node.func.value) in _MODULES
        if not of_module:
            yield node.func.value
        elif node.args:
            yield node.args[0]


_MODULES = {"torch", "math", "torch.special", "torch.linalg", "torch.fft", "torch.nn.functional", "F"}


def _axis(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.keyword) and node.arg in ("dim", "axis", "dims"):
        for other in (0, 1, -1):
            if ast.unparse(node.value) != str(other) and isinstance(node.value, (ast.Constant, ast.UnaryOp)):
                yield ast.keyword(node.arg, ast.Constant(other))  # type: ignore[misc]
    if isinstance(node, ast.keyword) and node.arg == "keepdim":
        yield ast.keyword(node.arg, ast.Constant(False))  # type: ignore[misc]


def _swapped_arguments(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Call) and len(node.args) == 2 and not any(isinstance(a, ast.Starred) for a in node.args):
        yield ast.Call(node.func, node.args[::-1], node.keywords)
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
        yield ast.Return(ast.Tuple(node.value.elts[::-1], ast.Load()))


def _slice(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Slice) and (node.lower is None) != (node.upper is None):
        yield ast.Slice(node.upper, node.lower, node.step)


def _moved_eps(node: ast.AST) -> Iterator[Replacement]:
    """sqrt(v) + eps -> sqrt(v + eps)."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and isinstance(node.left, ast.Call)):
        return
    call = node.left
    if isinstance(call.func, ast.Attribute) and call.func.attr == "sqrt":
        if call.args:
            yield ast.Call(call.func, [ast.BinOp(call.args[0], ast.Add(), node.right)], call.keywords)
        else:
            inner = ast.BinOp(call.func.value, ast.Add(), node.right)
            yield ast.Call(ast.Attribute(inner, "sqrt", ast.Load()), [], [])


def _dropped_statement(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.If) and any(isinstance(statement, ast.Raise) for statement in node.body):
        yield None if not node.orelse else ast.If(ast.Constant(False), node.body, node.orelse)
    if isinstance(node, (ast.AugAssign,)):
        yield None
    if isinstance(node, ast.For):
        yield ast.For(node.target, ast.Subscript(ast.Call(ast.Name("list", ast.Load()), [node.iter], []),
                      ast.Slice(ast.Constant(1)), ast.Load()), node.body, node.orelse)  # fmt: skip


def _other_error(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
        yield ast.Raise(ast.Call(ast.Name("RuntimeError", ast.Load()), node.exc.args, []), None)


def _condition(node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
        yield node.body
        yield node.orelse


_MUTATORS: list[tuple[str, Callable[[ast.AST], Iterator[Replacement]]]] = [
    ("operator", _operator),
    ("comparison", _comparison),
    ("sign", _sign),
    ("constant", _constant),
    ("dropped term", _dropped_term),
    ("transpose", _transpose),
    ("other function", _swapped_name),
    ("dropped function", _dropped_call),
    ("axis", _axis),
    ("swapped arguments", _swapped_arguments),
    ("slice", _slice),
    ("moved eps", _moved_eps),
    ("dropped statement", _dropped_statement),
    ("other error", _other_error),
    ("condition", _condition),
]


def breaks_contract(mutant: Mutant | None) -> bool:
    """Whether a mutant changes an argument or a dtype and leaves the formula alone."""
    return mutant is not None and mutant.kind.endswith(("changed in place", "always float32", "always float64"))


_WRAPPER = """

import torch


def _changed(original):
    def {name}(*arguments):
        {body}
    return {name}


def _each(value, change):
    if isinstance(value, (tuple, list)):
        return tuple(_each(item, change) for item in value)
    return change(value) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


{name} = _changed({name})
"""


def _wrappers(tree: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    """Mistakes around a right value: an argument changed, a dtype lost, a constant answer."""
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    returns = ast.unparse(function.returns) if function.returns else ""

    def wrapper(body: str) -> str:
        return _WRAPPER.format(name=name, body=body)

    for index, argument in enumerate(function.args.args):
        if argument.annotation is not None and ast.unparse(argument.annotation) in ("Tensor", "torch.Tensor"):
            yield (
                f"argument {argument.arg} changed in place",
                wrapper(f"value = original(*arguments); arguments[{index}].add_(1); return value"),
            )
    if "Tensor" in returns:
        yield "dtype always float32", wrapper("return _each(original(*arguments), lambda t: t.float())")
        yield "dtype always float64", wrapper("return _each(original(*arguments), lambda t: t.double())")
        yield "always zero", wrapper("return _each(original(*arguments), torch.zeros_like)")
    if returns.startswith("tuple"):
        yield "last output missing", wrapper("return original(*arguments)[:-1]")


def _difference(before: str, after: str) -> str:
    """ "old line => new line", by which an author declares a mutant equivalent."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    old = "; ".join(line[1:].strip() for line in lines if line.startswith("-"))
    new = "; ".join(line[1:].strip() for line in lines if line.startswith("+"))
    return f"{old} => {new}"
