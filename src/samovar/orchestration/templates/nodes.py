# SPDX-License-Identifier: Apache-2.0
"""The parsed value tree: plain data with Function nodes in it; resolving it; what it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

from samovar.orchestration.templates.errors import (
    EvaluationKeyError,
    EvaluationTypeError,
    EvaluationValueError,
    TemplateError,
)
from samovar.orchestration.templates.limits import DEFAULT_LIMITS, Limits
from samovar.orchestration.templates.values import OMIT, Unknown, Value

Node = Any
"""None, bool, int, float, str, Function; lists of nodes; dicts from keys to nodes."""

Path = tuple[str | int, ...]


class Sandbox(Protocol):
    """Where user-written expressions run, with bounds on time and memory.

    Every method raises ValueError with a sentence when the expression is wrong, fails, or takes too long.
    """

    def evaluate_yaql(self, expression: str, data: Value) -> Value: ...

    def check_yaql(self, expression: str) -> None: ...

    def match(self, pattern: str, text: str) -> bool:
        """Whether the pattern matches the whole text, in the sense of Heat's allowed_pattern."""


class Scope(Protocol):
    """What functions can ask for. Any answer may be Unknown while planning."""

    def parameter(self, name: str) -> Value:
        """The value in its type. Raises UserParameterMissing."""

    def resource_reference(self, name: str) -> Value:
        """The reference id. Raises InvalidTemplateReference for a name that is not there or disabled."""

    def has_resource(self, name: str) -> bool: ...

    def attribute(self, resource: str, attribute: str | None, path: Sequence[Value]) -> Value:
        """The attribute with the path applied (None: all attributes as a map).

        Raises InvalidTemplateReference, InvalidTemplateAttribute. Not ready: None.
        """

    def file(self, name: str) -> str:
        """The content of `files[name]`. Raises KeyError."""

    def condition(self, name: str) -> bool | Unknown:
        """Raises InvalidTemplateReference (no such condition)."""

    def facade(self, field: str) -> Value:
        """`metadata`, `deletion_policy` or `update_policy` of the resource that this nested stack implements.

        Raises ValueError when the stack implements no resource.
        """

    def availability_zones(self) -> list[str] | Unknown: ...

    @property
    def sandbox(self) -> Sandbox: ...


class FunctionProblem(Exception):
    """Raised by a function's constructor: its arguments have the wrong shape."""

    def __init__(self, message: str, advice: str = "", code: str = "function-arguments") -> None:
        self.message, self.advice, self.code = message, advice, code
        super().__init__(message)


class Function:
    """One call of a template function. Subclasses check shapes in `__init__` and compute in `compute`.

    `compute` may raise ValueError, TypeError or LookupError with one sentence; `resolve` adds where it was.
    """

    __slots__ = ("arguments", "limits", "name", "path")

    # Macros get their arguments unparsed.
    macro: ClassVar[bool] = False

    def __init__(self, name: str, arguments: Node, path: Path, limits: Limits = DEFAULT_LIMITS) -> None:
        self.name = name
        self.arguments = arguments
        self.path = path
        self.limits = limits
        self.check()

    def check(self) -> None:
        """Refuse arguments of the wrong shape: raise FunctionProblem."""

    def compute(self, scope: Scope) -> Value:
        raise NotImplementedError

    def children(self) -> Node:
        """The nodes inside that count for dependencies."""
        return self.arguments

    def references(self, scope: Scope | None) -> Iterator[Reference]:
        """The resources this very function refers to (not its arguments')."""
        return iter(())

    def resolve(self, scope: Scope) -> Value:
        try:
            return self.compute(scope)
        except TemplateError as error:
            if error.steps:
                raise
            failure = type(error)(diagnostics=[item.at(None, self.where) for item in error.diagnostics])
        except RecursionError:
            failure = EvaluationValueError("The value is nested too deeply", path=self.where)
        except TypeError as error:
            failure = EvaluationTypeError(_text(error), path=self.where)
        except LookupError as error:
            failure = EvaluationKeyError(_text(error), path=self.where)
        except (ValueError, OverflowError, MemoryError) as error:
            failure = EvaluationValueError(_text(error), path=self.where)
        failure.steps = self.steps
        raise failure from None

    @property
    def steps(self) -> Path:
        return (*self.path, self.name)

    @property
    def where(self) -> str:
        return path_text(self.steps)

    def __repr__(self) -> str:
        return f"{{{self.name}: {self.arguments!r}}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and self.name == other.name and self.arguments == other.arguments

    __hash__ = None  # type: ignore[assignment]


def _text(error: BaseException) -> str:
    text = str(error.args[0]) if error.args else ""
    return text or type(error).__name__


class Reference:
    """That a node needs a resource: its reference id (`attribute` None) or an attribute of it."""

    __slots__ = ("attribute", "path", "resource")

    def __init__(self, resource: str, attribute: str | None = None, path: Path = ()) -> None:
        self.resource, self.attribute, self.path = resource, attribute, path

    def __repr__(self) -> str:
        return f"Reference({self.resource!r}, {self.attribute!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and (self.resource, self.attribute) == (
            other.resource,
            other.attribute,
        )

    def __hash__(self) -> int:
        return hash((self.resource, self.attribute))


ALL_ATTRIBUTES = "*"
"""The attribute of a Reference to every attribute of a resource."""


def resolve(node: Node, scope: Scope) -> Value:
    """The value of a node: every function replaced by its result.

    May contain Unknown; never OMIT inside lists and maps. At the top an omitted value is None.
    Raises TemplateError.
    """
    value = _resolve(node, scope)
    return None if value is OMIT else value


def resolve_or_omit(node: Node, scope: Scope) -> Value:
    """As `resolve`, but OMIT where a two-argument `if` leaves the value out."""
    return _resolve(node, scope)


def _resolve(node: Node, scope: Scope) -> Value:
    kind = type(node)
    if kind is str or node is None or kind is int or kind is bool:
        return node
    if kind is dict:
        result = {}
        for key, item in node.items():
            value = _resolve(item, scope)
            if value is not OMIT:
                result[key] = value
        return result
    if kind is list:
        items = [_resolve(item, scope) for item in node]
        return [item for item in items if item is not OMIT]
    if isinstance(node, Function):
        return node.resolve(scope)
    return node


def functions_in(node: Node) -> Iterator[Function]:
    """Every function in the node, outer ones first, without those inside macros' branches."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, Function):
            yield item
            todo.append(item.children())
        elif isinstance(item, dict):
            todo.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            todo.extend(reversed(item))


def has_functions(node: Node) -> bool:
    return next(functions_in(node), None) is not None


def functions_taken(node: Node, scope: Scope | None = None) -> Iterator[Function]:
    """As `functions_in`, with what is inside the branches that `if`s take (all branches where the scope does
    not know or there is none)."""
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, Function):
            yield item
            todo.append(item.branches(scope) if isinstance(item, Choice) else item.children())
        elif isinstance(item, dict):
            todo.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            todo.extend(reversed(item))


def references(node: Node, scope: Scope | None = None) -> Iterator[Reference]:
    """Every reference to a resource in the node.

    With a scope, names computed by functions are followed and only the branch that an `if` takes counts;
    without, names that are not literal are left out and both branches count.
    """
    for function in functions_taken(node, scope):
        yield from function.references(scope)


def dependencies(node: Node, scope: Scope | None = None) -> set[str]:
    """The names of the resources that the node refers to (see `references`)."""
    return {reference.resource for reference in references(node, scope)}


class Choice(Function):
    """A function that takes one of several nodes, as `if` does."""

    __slots__ = ()

    def branches(self, scope: Scope | None) -> Node:
        """The node taken; all of them when that is not known."""
        raise NotImplementedError


def path_text(path: Sequence[str | int]) -> str:
    """`("resources", "r", "properties", "networks", 0)` as `resources.r.properties.networks[0]`."""
    text = ""
    for step in path:
        if isinstance(step, int) and not isinstance(step, bool):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else str(step)
    return text


def transform(node: Node, change: Callable[[Function], Node]) -> Node:
    """A copy of the node with every outermost function replaced by `change(function)`."""
    if isinstance(node, Function):
        return change(node)
    if isinstance(node, dict):
        return {key: transform(item, change) for key, item in node.items()}
    if isinstance(node, list):
        return [transform(item, change) for item in node]
    return node


__all__ = [
    "ALL_ATTRIBUTES",
    "Choice",
    "Function",
    "FunctionProblem",
    "Node",
    "Path",
    "Reference",
    "Sandbox",
    "Scope",
    "dependencies",
    "functions_in",
    "functions_taken",
    "has_functions",
    "path_text",
    "references",
    "resolve",
    "resolve_or_omit",
    "transform",
]
