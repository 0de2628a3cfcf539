"""What a function reaches, found by reading: every installed name it mentions, directly or through the code it uses.

Followed are functions, lambdas, classes and values of the submission that the function mentions, under any alias; not
their neighbours in the same file. Nothing is run; cycles and huge sources cost bounded work.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from autograder.grading.submission import Sources
from autograder.grading.syntax import parse
from autograder.testing.resolve import Class, ExhaustedError, Function, Installed, Instance, Resolver, Target, Targets
from autograder.testing.scopes import COMPREHENSIONS, Names, Scope

_EVALUATORS = ("builtins.eval", "builtins.exec")


@dataclasses.dataclass(frozen=True)
class Use:
    """One mention of something that is not the student's own.

    kind: "name" (something installed, in full: "torch.linalg.inv"), "method" (of an object that reading cannot
    identify: "inverse") or "syntax" (the class of a node of the tree: "For", "MatMult").
    arguments: the call's literal arguments (NOT_LITERAL for others); None where it is mentioned without being called.
    """

    kind: str
    name: str
    file: str
    line: int
    arguments: tuple[Any, ...] | None = None


def uses(sources: Sources, functions: Sequence[str]) -> list[Use]:
    """Everything that these functions of a submission use; of a source beyond all measure, what was found in time."""
    reader = _Reader(sources)
    with contextlib.suppress(ExhaustedError, RecursionError):
        reader.read(functions)
    return reader.uses()


@dataclasses.dataclass(frozen=True)
class _Step:
    """A node to look at. call: the call whose function it is."""

    node: ast.AST
    scope: Scope
    call: ast.Call | None = None


class _Reader:
    """Walks from the functions of an exercise to all that they reach."""

    def __init__(self, sources: Sources) -> None:
        self.names = Names(sources)
        self.resolver = Resolver(self.names)
        self.main = sources.main
        self.work: collections.deque[tuple[ast.AST, Scope]] = collections.deque()
        self.seen: set[tuple[int, int]] = set()
        self.found: list[Use] = []
        self.methods: set[str] = set()  # asked of objects that reading cannot identify
        self.classes: set[int] = set()
        self.defined: dict[str, list[Class]] = {}  # what the classes that are reached define
        self.kept: list[ast.AST] = []  # alive, because nodes are known by their id

    def read(self, functions: Sequence[str]) -> None:
        """Walk until nothing new is reached."""
        scope = self.names.module(self.main.removesuffix(".py"))
        if scope is None:
            return
        for name in functions:
            mention = ast.Name(name, ast.Load(), lineno=1, end_lineno=1)
            self.kept.append(mention)
            self._values(mention, scope)  # first, because their lines are the student's
            self._later(mention, scope)
        while self.work:
            self._walk(_Step(*self.work.popleft()))

    def uses(self) -> list[Use]:
        """What was found, without methods that may be those of the student's own classes."""
        return [use for use in self.found if use.kind != "method" or use.name not in self.defined]

    def _later(self, node: ast.AST, scope: Scope) -> None:
        if (id(node), id(scope)) not in self.seen:
            self.seen.add((id(node), id(scope)))
            self.work.append((node, scope))

    def _walk(self, start: _Step) -> None:
        """Look at a node and all inside it, outermost first, in the order of the source."""
        stack = [start]
        while stack:
            self.resolver.spend(1)
            stack.extend(reversed(list(self._look(stack.pop()))))

    def _look(self, step: _Step) -> Iterator[_Step]:
        """Record what one node uses, and say what is to be looked at next."""
        node, scope = step.node, step.scope
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
                return  # looked at when it is mentioned
            case ast.Lambda(args=arguments, body=body):
                yield from (_Step(default, scope) for default in _defaults(arguments))
                yield _Step(body, self.names.inner(node, scope))
                return
            case ast.Name(ctx=ast.Load()):
                self._mention(self.resolver.resolve(node, scope), step)
                self._values(node, scope)
            case ast.Attribute(attr=attr, ctx=ast.Load()):
                self._attribute(self.resolver.resolve(node, scope), attr, step)
                self._values(node, scope)
            case ast.Subscript(value=ast.Name() | ast.Attribute() | ast.Call(), slice=ast.Constant()):
                if targets := self.resolver.resolve(node, scope):  # one entry of a table, not its neighbours
                    self._mention(targets, step)
                    return
            case ast.Call():
                self._call(node, step)
                yield _Step(node.func, scope, node)
                yield from (_Step(child, scope) for child in (*node.args, *node.keywords))
                return
            case ast.AnnAssign(target=target, value=value):
                yield from (_Step(child, scope) for child in (target, value) if child is not None)
                return
        self._syntax(node, scope)
        inner = self.names.inner(node, scope) if isinstance(node, COMPREHENSIONS) else scope
        yield from (_Step(child, inner) for child in ast.iter_child_nodes(node))

    def _syntax(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.BinOp(op=kind) | ast.AugAssign(op=kind):
                self._record("syntax", type(kind).__name__, node, scope)
            case ast.For() | ast.AsyncFor() | ast.While():
                self._record("syntax", type(node).__name__, node, scope)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._record("syntax", "comprehension", node, scope)

    def _record(
        self, kind: str, name: str, node: ast.AST, scope: Scope, arguments: tuple[Any, ...] | None = None
    ) -> None:
        line = node.lineno if kind == "syntax" else node.end_lineno  # type: ignore[attr-defined]
        self.found.append(Use(kind, name, scope.file, line, arguments))

    def _mention(self, targets: Targets, step: _Step) -> None:
        """Record what is installed, and follow what is the student's."""
        self.resolver.spend(len(targets))
        for target in targets:
            if isinstance(target, Installed):
                self._record("name", target.name, step.node, step.scope, self._arguments(step))
            else:
                self._follow(target)

    def _attribute(self, targets: Targets, attr: str, step: _Step) -> None:
        self._mention(targets, step)
        if not targets:
            self._record("method", attr, step.node, step.scope, self._arguments(step))
            if attr not in self.methods:
                self.methods.add(attr)
                for found in self.defined.get(attr, []):
                    self._method(found, attr)

    def _values(self, node: ast.Name | ast.Attribute, scope: Scope) -> None:
        """Follow the expressions that a name of an enclosing scope or another module was given."""
        if isinstance(node, ast.Name):
            found = scope.find(node.id)
            if found is not None and found[0] is scope and scope.parent is not None:
                return  # a local's expression stands in the body that is walked already
        given = self.resolver.values(node, scope)
        self.resolver.spend(len(given))
        for value, where in given:
            self._later(value, where)

    def _call(self, node: ast.Call, step: _Step) -> None:
        """Look into the calls whose meaning is in a text: getattr(x, "name"), eval("...")."""
        name = self.resolver.named(node, step.scope)
        if name:
            self._attribute(self.resolver.resolve(node, step.scope), name, step)
        functions = self.resolver.resolve(node.func, step.scope)
        if node.args and any(isinstance(f, Installed) and f.name in _EVALUATORS for f in functions):
            text = self.resolver.constant(node.args[0], step.scope)
            tree = parse(text) if isinstance(text, str) else None
            if tree is not None:
                self.kept.append(tree)
                for inside in ast.walk(tree):
                    ast.copy_location(inside, node)
                self._later(tree, step.scope)

    def _follow(self, target: Target) -> None:
        match target:
            case Function(node, owner):
                inner = self.names.inner(node, owner)
                for outside in (*_defaults(node.args), *getattr(node, "decorator_list", [])):
                    self._later(outside, owner)
                for inside in node.body if isinstance(node.body, list) else [node.body]:
                    self._later(inside, inner)
            case Class():
                self._class(target)
            case Instance(of):
                self._class(of)

    def _class(self, found: Class) -> None:
        """A class: what its definition runs, what calling it and its operators run, and the methods asked of anyone."""
        if id(found.node) in self.classes:
            return
        self.classes.add(id(found.node))
        node, scope = found.node, self.names.inner(found.node, found.owner)
        for outside in (*node.bases, *node.keywords, *node.decorator_list):
            self._later(outside, found.owner)
        for stmt in node.body:
            self._later(stmt, scope)
        for name in self.resolver.members(found):
            self.defined.setdefault(name, []).append(found)
            if name in self.methods or name == "forward" or (name.startswith("__") and name.endswith("__")):
                self._method(found, name)

    def _method(self, found: Class, name: str) -> None:
        for target in self.resolver.member(found, name):
            self._follow(target)

    def _arguments(self, step: _Step) -> tuple[Any, ...] | None:
        if step.call is None:
            return None
        given = (*step.call.args, *(keyword.value for keyword in step.call.keywords))
        return tuple(self.resolver.constant(argument, step.scope) for argument in given)


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [default for default in (*arguments.defaults, *arguments.kw_defaults) if default is not None]
