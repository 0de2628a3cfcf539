"""Names in a student's source: which scope binds a name, and to what. Source is parsed, never run."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Iterator, Sequence

from autograder.grading.submission import Sources
from autograder.grading.syntax import parse

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
INSTALLED = frozenset(
    {"torch", "numpy", "scipy", "math", "functools", "operator", "importlib", "builtins", "functorch"}
)
FILLERS = frozenset({"append", "extend", "insert", "add", "update", "setdefault"})  # TABLE.append(torch.inverse)


@dataclasses.dataclass(frozen=True, eq=False)
class Binding:
    """One way in which a name gets its value; exactly one of the fields says how.

    value: the name is this expression.  source: its value comes out of this expression somehow (unpacking, a loop).
    definition: a function or class.  module: imported from there (member: what of it, "" for itself).  external: the
    dotted name of something installed.  parameter: of the function whose scope this is.  All None: unknown.
    """

    scope: Scope
    value: ast.expr | None = None
    source: ast.expr | None = None
    definition: ast.stmt | None = None
    module: str | None = None
    member: str = ""
    external: str | None = None
    parameter: ast.arg | None = None


@dataclasses.dataclass(eq=False)
class Scope:
    """A module, class, function or comprehension.

    additions: what is put into the value of a name later.  attributes: what attributes are given.
    stars: imports by ``*``.  outside: names declared global or nonlocal.
    """

    node: ast.AST
    file: str
    parent: Scope | None = None
    bindings: dict[str, list[Binding]] = dataclasses.field(default_factory=dict)
    additions: dict[str, list[ast.expr]] = dataclasses.field(default_factory=dict)
    attributes: list[tuple[str, ast.expr]] = dataclasses.field(default_factory=list)
    stars: list[Binding] = dataclasses.field(default_factory=list)
    outside: set[str] = dataclasses.field(default_factory=set)

    @property
    def module(self) -> Scope:
        """The module's scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def find(self, name: str) -> tuple[Scope, list[Binding]] | None:
        """The scope that binds a name, by Python's rules, and its bindings there; None for builtins and stars."""
        scope: Scope | None = self
        while scope is not None:
            visible = scope is self or not isinstance(scope.node, ast.ClassDef)
            if name in scope.outside:
                scope = scope.parent
            elif visible and name in scope.bindings:
                return scope, scope.bindings[name]
            else:
                scope = scope.parent
        return None


class Names:
    """All scopes of a submission, made when they are asked for."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._folders = {file[:cut] for file in sources.files for cut, mark in enumerate(file) if mark == "/"}
        self._scopes: dict[int, Scope] = {}
        self._modules: dict[str, Scope | None] = {}

    def module(self, stem: str) -> Scope | None:
        """The scope of a module ("helpers/linear"); None if there is none that can be read."""
        if stem not in self._modules:
            file = self.file_of(stem)
            tree = None if file is None else _tree(self.sources.files[file])
            self._modules[stem] = None if file is None or tree is None else self._fill(Scope(tree, file), tree.body)
        return self._modules[stem]

    def file_of(self, stem: str) -> str | None:
        """The file of a module."""
        return next((f for f in (f"{stem}.py", f"{stem}/__init__.py", stem) if f in self.sources.files), None)

    def inner(self, node: ast.AST, parent: Scope) -> Scope:
        """The scope that a function, class or comprehension opens."""
        if id(node) not in self._scopes:
            scope = Scope(node, parent.file, parent)
            self._scopes[id(node)] = scope
            if isinstance(node, FUNCTIONS):
                arguments = node.args
                for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                    self._bind(scope, argument.arg, Binding(scope, parameter=argument))
                for rest in (arguments.vararg, arguments.kwarg):
                    if rest is not None:
                        self._bind(scope, rest.arg, Binding(scope))
            if isinstance(node, COMPREHENSIONS):
                for generator in node.generators:
                    self._assign(scope, generator.target, None, generator.iter)
            body = [] if isinstance(node, (ast.Lambda, *COMPREHENSIONS)) else getattr(node, "body", [])
            self._fill(scope, body)
        return self._scopes[id(node)]

    def imported(self, dotted: str, level: int, file: str) -> str | None:
        """The module of the submission that an import statement in ``file`` means; None for an installed one."""
        parts = dotted.split(".") if dotted else []
        if level == 0 and parts[:1] and parts[0] in INSTALLED:
            return None
        folder = file.split("/")[:-1]
        roots = [folder[: len(folder) - level + 1]] if level else [folder, []]
        for root in roots:
            stem = "/".join([*root, *parts])
            if self.exists(stem):
                return stem
        return None

    def exists(self, stem: str) -> bool:
        """Whether the submission has such a module or package."""
        return self.file_of(stem) is not None or stem in self._folders

    def _fill(self, scope: Scope, body: Sequence[ast.stmt]) -> Scope:
        """Collect what the statements bind; a later unconditional binding in a module replaces earlier ones."""
        replaces = {id(stmt) for stmt in body} if isinstance(scope.node, ast.Module) else set()
        for stmt in statements(body):
            if id(stmt) in replaces:
                for name in _replaced(stmt):
                    scope.bindings.pop(name, None)
                    scope.additions.pop(name, None)
            self._collect(scope, stmt)
        return scope

    def _collect(self, scope: Scope, stmt: ast.AST) -> None:
        match stmt:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._bind(scope, stmt.name, Binding(scope, definition=stmt))
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(scope, target, value, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(scope, target, value, value)
            case ast.AugAssign(target=target, value=value):
                self._assign(scope, target, None, value)
            case ast.NamedExpr(target=target, value=value):
                self._assign(scope, target, value, value)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                self._assign(scope, target, None, value)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                self._assign(scope, target, None, value)
            case (
                ast.ExceptHandler(name=str() as name)
                | ast.MatchAs(name=str() as name)
                | ast.MatchStar(name=str() as name)
            ):
                self._bind(scope, name, Binding(scope))
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                scope.outside.update(names)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=root, attr=attr)) as value) if attr in FILLERS:
                self._add(scope, root, value)
            case ast.Import(names=aliases):
                for alias in aliases:
                    self._import(scope, alias)
            case ast.ImportFrom():
                self._import_from(scope, stmt)

    def _assign(self, scope: Scope, target: ast.expr, value: ast.expr | None, source: ast.expr) -> None:
        match target, value:
            case ast.Name(id=name), _:
                self._bind(scope, name, Binding(scope, value=value, source=source if value is None else None))
            case (
                (ast.Tuple(elts=targets) | ast.List(elts=targets)),
                (ast.Tuple(elts=values) | ast.List(elts=values)),
            ) if len(targets) == len(values) and not any(isinstance(e, ast.Starred) for e in (*targets, *values)):
                for inner, item in zip(targets, values, strict=True):
                    self._assign(scope, inner, item, item)
            case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), _):
                for inner in targets:
                    self._assign(scope, inner, None, source)
            case ast.Starred(value=inner), _:
                self._assign(scope, inner, None, source)
            case ((ast.Subscript(value=root) | ast.Attribute(value=root)), _):
                self._add(scope, root, source)
                if isinstance(target, ast.Attribute):
                    scope.attributes.append((target.attr, source))

    def _add(self, scope: Scope, root: ast.expr, value: ast.expr) -> None:
        """Something is put into what a name holds."""
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        if isinstance(root, ast.Name):
            scope.additions.setdefault(root.id, []).append(value)

    def _import(self, scope: Scope, alias: ast.alias) -> None:
        dotted = alias.name if alias.asname else alias.name.split(".")[0]
        stem = self.imported(dotted, 0, scope.file)
        external = dotted if stem is None else None
        self._bind(scope, alias.asname or dotted, Binding(scope, module=stem, external=external))

    def _import_from(self, scope: Scope, stmt: ast.ImportFrom) -> None:
        stem = self.imported(stmt.module or "", stmt.level, scope.file)
        for alias in stmt.names:
            if alias.name == "*":
                scope.stars.append(Binding(scope, module=stem, external=stmt.module if stem is None else None))
            elif stem is not None:
                self._bind(scope, alias.asname or alias.name, Binding(scope, module=stem, member=alias.name))
            else:
                external = f"{stmt.module}.{alias.name}"
                self._bind(scope, alias.asname or alias.name, Binding(scope, external=external))

    @staticmethod
    def _bind(scope: Scope, name: str, binding: Binding) -> None:
        scope.bindings.setdefault(name, []).append(binding)


_tree = functools.lru_cache(maxsize=4)(parse)  # the rules of an exercise read the same source, and change no tree


def statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Every node of a scope in source order; of nested functions, classes and comprehensions only the outside."""
    stack = list(reversed(body))
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef)):
            stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _replaced(stmt: ast.AST) -> list[str]:
    """The names that a statement binds anew, without a look at what they were."""
    match stmt:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            looked_at = [*stmt.decorator_list, *getattr(stmt, "bases", [])]
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            looked_at = [value]
        case ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name for alias in aliases]
        case _:
            return []
    used = {node.id for tree in looked_at for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return [] if name in used else [name]
