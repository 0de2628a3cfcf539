"""What an expression in a student's source stands for: something installed, or a definition of the student's own."""

from __future__ import annotations

import ast
import builtins
import dataclasses
from collections.abc import Callable
from typing import Any

from autograder.testing.scopes import FUNCTIONS, Binding, FunctionNode, Names, Scope

DEEPEST = 60
MOST_WORK = 300_000
NOT_LITERAL = object()
_GETATTR = "builtins.getattr"
_ATTRGETTERS = ("operator.attrgetter", "operator.methodcaller")
_IMPORTERS = ("importlib.import_module", "builtins.__import__")
_WRAPPERS = ("functools.partial", "functools.partialmethod", "functools.wraps", "torch.compile", "torch.jit.script")


@dataclasses.dataclass(frozen=True)
class Installed:
    """Something that is not the student's, by its full name: ``torch.linalg.inv``, ``builtins.abs``."""

    name: str


@dataclasses.dataclass(frozen=True)
class Module:
    """A module of the submission ("helpers/linear")."""

    stem: str


@dataclasses.dataclass(frozen=True)
class Function:
    """A function or lambda of the submission. owner: the scope it is defined in."""

    node: FunctionNode
    owner: Scope


@dataclasses.dataclass(frozen=True)
class Class:
    """A class of the submission."""

    node: ast.ClassDef
    owner: Scope


@dataclasses.dataclass(frozen=True)
class Instance:
    """An object of a class of the submission."""

    of: Class


Target = Installed | Module | Function | Class | Instance
Targets = frozenset[Target]
NOTHING: Targets = frozenset()


class ExhaustedError(Exception):
    """A source so large or so tangled that reading it stops here."""


class Resolver:
    """Resolves expressions and names; answers are kept, so that each is worked out once."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._known: dict[tuple[int | str, int], Targets] = {}
        self._values: dict[tuple[str, int], list[tuple[ast.expr, Scope]]] = {}
        self._members: dict[int, dict[str, list[tuple[ast.AST, Scope]]]] = {}
        self._deep = 0
        self._work = 0

    def spend(self, work: int) -> None:
        """Count work, in nodes looked at; ExhaustedError when it is more than a submission is worth."""
        self._work += work
        if self._work > MOST_WORK:
            raise ExhaustedError

    def resolve(self, node: ast.expr, scope: Scope) -> Targets:
        """All that an expression may stand for; nothing where reading cannot tell. Cycles resolve to nothing."""
        return self._once((id(node), id(scope)), lambda: self._resolve(node, scope))

    def name(self, name: str, scope: Scope) -> Targets:
        """All that a name may stand for in a scope."""
        place = scope.find(name)
        where = scope.module if place is None else place[0]
        return self._once((name, id(where)), lambda: self._name(name, where))

    def _once(self, key: tuple[int | str, int], work: Callable[[], Targets]) -> Targets:
        if key not in self._known:
            if self._deep >= DEEPEST:
                return NOTHING
            self._known[key] = NOTHING
            self._deep += 1
            try:
                self._known[key] = work()
                self.spend(len(self._known[key]))
            finally:
                self._deep -= 1
        return self._known[key]

    def _resolve(self, node: ast.expr, scope: Scope) -> Targets:
        match node:
            case ast.Name(id=name):
                return self.name(name, scope)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(self.resolve(value, scope), attr)
            case ast.Call():
                return self._call(node, scope)
            case ast.Lambda():
                return frozenset({Function(node, scope)})
            case ast.IfExp(body=first, orelse=second):
                return self.resolve(first, scope) | self.resolve(second, scope)
            case ast.BoolOp(values=values):
                return frozenset().union(*(self.resolve(value, scope) for value in values))
            case ast.NamedExpr(value=value) | ast.Starred(value=value):
                return self.resolve(value, scope)
            case ast.Subscript(value=value, slice=ast.Constant(value=key)):
                return self._entry(value, key, scope)
        return NOTHING

    def _name(self, name: str, scope: Scope) -> Targets:
        found = scope.find(name)
        if found is not None:
            self.spend(len(found[1]))
            return frozenset().union(*(self._binding(binding) for binding in found[1]))
        targets: set[Target] = set()
        self.spend(len(scope.module.stars))
        for star in scope.module.stars:
            if star.module is not None:
                targets |= self._attribute(frozenset({Module(star.module)}), name)
            else:
                targets.add(Installed(f"{star.external}.{name}"))
        if name in dir(builtins):
            targets.add(Installed(f"builtins.{name}"))
        return frozenset(targets)

    def _binding(self, binding: Binding) -> Targets:
        scope = binding.scope
        if binding.external is not None:
            return frozenset({Installed(binding.external)})
        if binding.module is not None:
            module = frozenset({Module(binding.module)})
            return self._attribute(module, binding.member) if binding.member else module
        if isinstance(binding.definition, ast.ClassDef):
            return frozenset({Class(binding.definition, scope)})
        if isinstance(binding.definition, FUNCTIONS):
            return frozenset({Function(binding.definition, scope)})
        if binding.value is not None:
            return self.resolve(binding.value, scope)
        if binding.parameter is not None:
            return self._parameter(binding, binding.parameter)
        return NOTHING

    def _parameter(self, binding: Binding, parameter: ast.arg) -> Targets:
        """``self``, or a parameter annotated with a class of the submission."""
        function = binding.scope.node
        owner = binding.scope.parent
        if owner is not None and isinstance(owner.node, ast.ClassDef) and owner.parent is not None:
            first = [*function.args.posonlyargs, *function.args.args][:1]  # type: ignore[attr-defined]
            kinds = {d.id for d in getattr(function, "decorator_list", []) if isinstance(d, ast.Name)}
            if first == [parameter] and "staticmethod" not in kinds:
                own = Class(owner.node, owner.parent)
                return frozenset({own if "classmethod" in kinds else Instance(own)})
        if parameter.annotation is None or owner is None:
            return NOTHING
        annotated = self.resolve(parameter.annotation, owner)
        return frozenset(Instance(target) for target in annotated if isinstance(target, Class))

    def _attribute(self, targets: Targets, attr: str) -> Targets:
        found: set[Target] = set()
        for target in targets:
            match target:
                case Installed(name):
                    found.add(Installed(f"{name}.{attr}"))
                case Module(stem):
                    found |= self._of_module(stem, attr)
                case Class() | Instance():
                    found |= self.member(target, attr)
        return frozenset(found)

    def _of_module(self, stem: str, attr: str) -> Targets:
        scope = self.names.module(stem)
        own = self.name(attr, scope) if scope is not None and (attr in scope.bindings or scope.stars) else NOTHING
        child = f"{stem}/{attr}" if stem else attr
        inside = self.names.exists(child)
        return own | frozenset({Module(child)}) if inside else own

    def member(self, of: Class | Instance, attr: str) -> Targets:
        """A method or attribute of a class, its own or inherited; "torch.nn.Module.forward" from an installed base."""
        found: set[Target] = set()
        line: list[Class] = [of.of if isinstance(of, Instance) else of]
        for current in line:  # grows while it is walked: the bases of the bases
            members = self.members(current)
            if attr in members:
                for value, scope in members[attr]:
                    found |= frozenset({Function(value, scope)}) if isinstance(value, FUNCTIONS) else NOTHING
                    found |= self.resolve(value, scope) if isinstance(value, ast.expr) else NOTHING
                continue
            for base in current.node.bases:
                for target in self.resolve(base, current.owner):
                    if isinstance(target, Class) and target not in line and len(line) < DEEPEST:
                        line.append(target)
                    elif isinstance(target, Installed):
                        found.add(Installed(f"{target.name}.{attr}"))
        return frozenset(found)

    def members(self, of: Class) -> dict[str, list[tuple[ast.AST, Scope]]]:
        """What a class defines itself, and what its methods assign to ``self``: name -> definitions and values."""
        if id(of.node) in self._members:
            return self._members[id(of.node)]
        scope = self.names.inner(of.node, of.owner)
        found = self._members[id(of.node)] = {}
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                value = binding.definition or binding.value or binding.source
                if value is not None:
                    found.setdefault(name, []).append((value, scope))
        for method in of.node.body:
            if isinstance(method, FUNCTIONS):
                inner = self.names.inner(method, scope)
                for attr, value in inner.attributes:
                    found.setdefault(attr, []).append((value, inner))
        return found

    def _call(self, node: ast.Call, scope: Scope) -> Targets:
        found: set[Target] = set()
        for target in self.resolve(node.func, scope):
            match target:
                case Class():
                    found.add(Instance(target))
                case Installed(name) if name == _GETATTR:
                    attr = self.constant(node.args[1], scope) if len(node.args) > 1 else NOT_LITERAL
                    if isinstance(attr, str):
                        found |= self._attribute(self.resolve(node.args[0], scope), attr)
                case Installed(name) if name in _IMPORTERS and node.args:
                    dotted = self.constant(node.args[0], scope)
                    if isinstance(dotted, str):
                        dotted = dotted.split(".")[0] if name.endswith("__import__") else dotted
                        stem = self.names.imported(dotted, 0, scope.file)
                        found.add(Installed(dotted) if stem is None else Module(stem))
                case Installed(name) if name in _WRAPPERS and node.args:
                    found |= self.resolve(node.args[0], scope)
                case Installed("builtins.super"):
                    found |= self._super(scope)
        return frozenset(found)

    def _super(self, scope: Scope) -> Targets:
        """The bases of the class that a method belongs to."""
        inside: Scope | None = scope
        while inside is not None and not isinstance(inside.node, ast.ClassDef):
            inside = inside.parent
        if inside is None or inside.parent is None or not isinstance(inside.node, ast.ClassDef):
            return NOTHING
        bases = frozenset().union(*(self.resolve(base, inside.parent) for base in inside.node.bases))
        return frozenset(Instance(base) if isinstance(base, Class) else base for base in bases)

    def _entry(self, table: ast.expr, key: object, scope: Scope) -> Targets:
        """One entry of a literal table, or of a namespace (``vars(torch)["inverse"]``)."""
        match table:
            case ast.Attribute(value=value, attr="__dict__") | ast.Call(func=ast.Name(id="vars"), args=[value]):
                return self._attribute(self.resolve(value, scope), key) if isinstance(key, str) else NOTHING
            case ast.Call(func=ast.Name(id="globals"), args=[]):
                return self.name(key, scope.module) if isinstance(key, str) else NOTHING
            case ast.Attribute(attr="modules") if Installed("sys.modules") in self.resolve(table, scope):
                return frozenset({Installed(key)}) if isinstance(key, str) else NOTHING
            case ast.Dict(keys=keys, values=values):
                self.spend(len(keys))
                entries = [v for k, v in zip(keys, values, strict=True) if k is not None and literal(k) == key]
                return frozenset().union(*(self.resolve(entry, scope) for entry in entries))
            case ast.List(elts=items) | ast.Tuple(elts=items) if isinstance(key, int) and -len(items) <= key < len(
                items
            ):
                return self.resolve(items[key], scope)
            case ast.Name() | ast.Attribute():
                given = self.values(table, scope)
                if all(isinstance(value, ast.Dict | ast.List | ast.Tuple) for value, _ in given):  # nothing added later
                    return frozenset().union(*(self._entry(value, key, where) for value, where in given))
        return NOTHING

    def values(self, node: ast.Name | ast.Attribute, scope: Scope) -> list[tuple[ast.expr, Scope]]:
        """The expressions behind a name, also one of another module: what it is given, and what is put in later."""
        if isinstance(node, ast.Name):
            return self._given(node.id, scope)
        modules = [target for target in self.resolve(node.value, scope) if isinstance(target, Module)]
        return [given for target in modules for given in self._given_in(target.stem, node.attr)]

    def _given(self, name: str, scope: Scope) -> list[tuple[ast.expr, Scope]]:
        place = scope.find(name)
        where = scope.module if place is None else place[0]
        key = (name, id(where))
        if key in self._values or self._deep >= DEEPEST:
            return self._values.get(key, [])
        found = self._values[key] = []
        self._deep += 1
        self.spend(len(where.module.stars))
        for star in where.module.stars if place is None else ():
            found += self._given_in(star.module, name) if star.module is not None else []
        for binding in place[1] if place is not None else ():
            value = binding.value or binding.source
            if value is not None:
                found.append((value, binding.scope))
            elif binding.module is not None and binding.member:
                found += self._given_in(binding.module, binding.member)
        if any(scope is where for _, scope in found):  # not what is put into a module
            found += [(later, where) for later in where.additions.get(name, [])]
        self._deep -= 1
        self.spend(len(found))
        return found

    def _given_in(self, stem: str, name: str) -> list[tuple[ast.expr, Scope]]:
        scope = self.names.module(stem)
        return [] if scope is None else self._given(name, scope)

    def constant(self, node: ast.expr, scope: Scope) -> Any:
        """The constant that an expression is, also through one name; else NOT_LITERAL."""
        if isinstance(node, ast.Name):
            given = self.values(node, scope)
            return literal(given[0][0]) if len(given) == 1 else NOT_LITERAL
        return literal(node)

    def named(self, node: ast.Call, scope: Scope) -> str:
        """The attribute that getattr, attrgetter or methodcaller is asked for by a constant; "" if there is none."""
        asks = {Installed(name) for name in (_GETATTR, *_ATTRGETTERS)}
        method = isinstance(node.func, ast.Attribute) and node.func.attr == "__getattribute__"
        if not method and not asks & self.resolve(node.func, scope):
            return ""
        constants = (self.constant(argument, scope) for argument in node.args[:2])
        return next((text for text in constants if isinstance(text, str)), "")


def literal(node: ast.AST) -> Any:
    """The constant that an expression is (also -1), else NOT_LITERAL."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.BinOp(
            left=ast.Constant(value=str() as first), op=ast.Add(), right=ast.Constant(value=str() as second)
        ):
            return first + second
    return NOT_LITERAL
