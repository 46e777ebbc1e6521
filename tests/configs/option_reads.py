"""Which attributes of which classes some sources read, as far as their annotations tell.

What an expression holds is known from annotations of parameters, results and fields, and from assignments of such; what
is read from anything else is overlooked. So a read of one class's attribute never counts for another's of that name.
"""

from __future__ import annotations

import ast
import functools
from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping
from typing import NamedTuple

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Names = MutableMapping[str, "ast.expr | None"]  # with annotations of what they hold


class Read(NamedTuple):
    """An attribute that is read from an instance of a class, and in which function; "" outside of any."""

    kind: str
    attribute: str
    reader_kind: str
    reader: str


class Sources:
    """Classes and functions of modules, given as text; what functions of one name return differently is not known."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._trees = [_parsed(text) for text in texts]
        nodes = [node for tree in self._trees for node in ast.walk(tree)]
        self._classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
        results: dict[str, dict[str, ast.expr | None]] = {}
        for node in nodes:
            if isinstance(node, _FUNCTION):
                results.setdefault(node.name, {})[ast.dump(node.returns) if node.returns else ""] = node.returns
        self._results = {name: next(iter(said.values())) for name, said in results.items() if len(said) == 1}
        self.attributes: dict[str, Names] = {name: _attributes(kind) for name, kind in self._classes.items()}
        self.reads()  # learns what is assigned to attributes of self

    def reads(self) -> set[Read]:
        """Every read of an attribute whose class is known."""
        return {read for tree in self._trees for read in self._in(tree, {}, "", "")}

    def lineage(self, name: str) -> list[str]:
        """A class and those that it inherits from, as far as they are in these sources."""
        if name not in self._classes:
            return []
        bases = [name_of(base) for base in self._classes[name].bases]  # one of the same name is a library's
        return [name, *(above for base in bases if base != name for above in self.lineage(base))]

    def fields(self, name: str) -> set[str]:
        """What a dataclass says itself."""
        return {target.id for target in _annotated(self._classes[name])}

    def properties(self, name: str) -> set[str]:
        return {node.name for node in self._classes[name].body if _is_property(node)}

    def _in(self, node: ast.AST, names: Names, kind: str, function: str) -> Iterator[Read]:
        """Reads within ``node``, in the order of its text; ``names`` learns what is assigned."""
        if isinstance(node, ast.ClassDef):
            kind = node.name
        elif isinstance(node, (*_FUNCTION, ast.Lambda, *_COMPREHENSION)):
            names = ChainMap(_own_names(node, kind), names)
            function = function or getattr(node, "name", "")
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            names |= dict.fromkeys(_targets(node.target))
        elif isinstance(node, ast.withitem) and node.optional_vars:
            names |= dict.fromkeys(_targets(node.optional_vars))
        for child in ast.iter_child_nodes(node):
            yield from self._in(child, names, kind, function)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            if (owner := name_of(self._held(node.value, names))) in self._classes:
                yield Read(owner, node.attr, kind, function)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value, names, kind)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            self._assign(node.target, node.value, names, kind)

    def _assign(self, target: ast.expr, value: ast.expr, names: Names, kind: str) -> None:
        if isinstance(target, ast.Tuple):
            for i, part in enumerate(target.elts):
                element = value.elts[i] if isinstance(value, ast.Tuple) else ast.Subscript(value, ast.Constant(i))
                self._assign(part, element, names, kind)
        elif isinstance(target, ast.Name):
            names[target.id] = self._held(value, names)
        elif isinstance(target, ast.Attribute) and name_of(target.value) == "self" and kind:
            held = self._held(value, names)
            if held is not None:
                self.attributes[kind].setdefault(target.attr, held)

    def _held(self, value: ast.expr, names: Names) -> ast.expr | None:
        """The annotation of what an expression holds; None if it is not known."""
        if isinstance(value, ast.Name):
            return names.get(value.id)
        if isinstance(value, ast.Attribute):
            known = [self.attributes[owner] for owner in self.lineage(name_of(self._held(value.value, names)))]
            return next((own[value.attr] for own in known if value.attr in own), None)
        if isinstance(value, ast.Call):
            called = name_of(value.func)
            if called == "replace" and value.args:
                return self._held(value.args[0], names)
            return ast.Name(called) if called in self._classes else self._results.get(called)
        if isinstance(value, ast.Subscript):
            return _element(self._held(value.value, names), value.slice)
        if isinstance(value, (ast.IfExp, ast.BoolOp)):
            parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else value.values
            return next(filter(None, (self._held(part, names) for part in parts)), None)
        return None


def name_of(annotation: ast.expr | None) -> str:
    """The class that an annotation names, without "| None"; "" for any other."""
    if isinstance(annotation, ast.BinOp):
        return name_of(annotation.left)
    if isinstance(annotation, ast.Attribute):
        return annotation.attr
    return annotation.id if isinstance(annotation, ast.Name) else ""


@functools.cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _annotated(kind: ast.ClassDef) -> dict[ast.Name, ast.expr]:
    return {node.target: node.annotation for node in kind.body if isinstance(node, ast.AnnAssign)}


def _attributes(kind: ast.ClassDef) -> Names:
    """Fields and properties that a class says itself."""
    fields = {target.id: annotation for target, annotation in _annotated(kind).items()}
    return fields | {node.name: node.returns for node in kind.body if _is_property(node)}


def _is_property(node: ast.stmt) -> bool:
    decorators = node.decorator_list if isinstance(node, _FUNCTION) else []
    return any(name_of(decorator) in ("property", "cached_property") for decorator in decorators)


def _own_names(node: ast.AST, kind: str) -> Names:
    """Arguments of a function with their annotations, or what a comprehension runs through."""
    if isinstance(node, _COMPREHENSION):
        return {name: None for part in node.generators for name in _targets(part.target)}
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    of_class = {"self": ast.Name(kind)} if kind else {}
    return {argument.arg: argument.annotation or of_class.get(argument.arg) for argument in arguments}


def _targets(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _element(annotation: ast.expr | None, index: ast.expr) -> ast.expr | None:
    """The annotation of one element, of a tuple's."""
    parts = annotation.slice if isinstance(annotation, ast.Subscript) and name_of(annotation.value) == "tuple" else None
    if isinstance(parts, ast.Tuple) and isinstance(index, ast.Constant) and index.value in range(len(parts.elts)):
        return parts.elts[index.value]
    return None
