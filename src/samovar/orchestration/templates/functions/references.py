# SPDX-License-Identifier: Apache-2.0
"""Functions that look something up: parameters, resources, attributes, files, mappings, zones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from samovar.orchestration.templates.nodes import (
    ALL_ATTRIBUTES,
    Function,
    FunctionProblem,
    Node,
    Reference,
    Scope,
    references,
    resolve,
)
from samovar.orchestration.templates.values import Unknown, Value, find_unknown, select_path, shown, type_name


class GetParam(Function):
    """`get_param: name` or `get_param: [name, step, …]`; a step that does not exist gives ''."""

    __slots__ = ()

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        if not arguments:
            raise ValueError("get_param needs the name of a parameter")
        name, path = (arguments[0], arguments[1:]) if isinstance(arguments, list) else (arguments, [])
        if not isinstance(name, str):
            raise TypeError(f"get_param needs the name of a parameter, not {type_name(name)}")
        return _step_through(scope.parameter(name), path)

    def literal_name(self) -> str | None:
        """The parameter's name where it is written literally."""
        arguments = self.arguments
        name = arguments[0] if isinstance(arguments, list) and arguments else arguments
        return name if isinstance(name, str) else None


def _step_through(value: Value, path: list[Value]) -> Value:
    for step in path:
        if isinstance(value, Unknown):
            return value
        if isinstance(value, dict) and isinstance(step, (str, int, float)):
            if step not in value:
                return ""
            value = value[step]
        elif isinstance(value, (list, str)) and not isinstance(step, float):
            try:
                value = value[int(step)]
            except (ValueError, TypeError, IndexError, OverflowError):
                return ""
        else:
            return ""
    return value


class GetResource(Function):
    """`get_resource: name`: the reference id."""

    __slots__ = ()

    def compute(self, scope: Scope) -> Value:
        name = resolve(self.arguments, scope)
        if isinstance(name, Unknown):
            return name
        if not isinstance(name, str):
            raise TypeError(f"{self.name} needs the name of a resource, not {type_name(name)}")
        return scope.resource_reference(name)

    def references(self, scope: Scope | None) -> Iterator[Reference]:
        name = self.arguments
        if scope is not None and isinstance(name, Function):
            name = name.resolve(scope)
        if isinstance(name, str):
            yield Reference(name, None, self.path)


class Ref(GetResource):
    """CFN's `Ref`: a resource's reference id or a parameter's value."""

    __slots__ = ()

    def compute(self, scope: Scope) -> Value:
        name = resolve(self.arguments, scope)
        if isinstance(name, Unknown):
            return name
        if isinstance(name, str) and not scope.has_resource(name):
            from samovar.orchestration.templates.errors import InvalidTemplateReference, UserParameterMissing

            try:
                return scope.parameter(name)
            except UserParameterMissing as error:
                if error.diagnostic.code == "parameter-missing" and name in error.message:
                    raise InvalidTemplateReference(
                        f'"{name}" is neither a resource nor a parameter of this template',
                        advice=error.diagnostic.advice,
                    ) from None
                raise
        return super().compute(scope)


class ParamRef(Function):
    """`Ref` inside conditions: parameters only."""

    __slots__ = ()

    def compute(self, scope: Scope) -> Value:
        name = resolve(self.arguments, scope)
        if isinstance(name, Unknown):
            return name
        if not isinstance(name, str):
            raise TypeError(f"Ref needs the name of a parameter, not {type_name(name)}")
        return scope.parameter(name)

    def literal_name(self) -> str | None:
        return self.arguments if isinstance(self.arguments, str) else None


class GetAttr(Function):
    """`get_attr: [resource, attribute, step, …]`; the resource follows the path."""

    __slots__ = ()
    least = 2

    def check(self) -> None:
        if not isinstance(self.arguments, list) or len(self.arguments) < self.least:
            raise FunctionProblem(
                f"{self.name} needs a list: the name of a resource and of an attribute",
                f"Write {self.name}: [resource_name, attribute_name]",
            )

    def compute(self, scope: Scope) -> Value:
        arguments = [resolve(item, scope) for item in self.arguments]
        name = arguments[0]
        if isinstance(name, Unknown):
            return name
        if not isinstance(name, str):
            raise TypeError(f"{self.name} needs the name of a resource, not {type_name(name)}")
        if len(arguments) < 2:
            return scope.attribute(name, None, ())
        attribute = arguments[1]
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        if attribute is None or attribute == "":
            return None
        return self.fetch(scope, name, str(attribute), arguments[2:])

    def fetch(self, scope: Scope, resource: str, attribute: str, path: list[Value]) -> Value:
        return scope.attribute(resource, attribute, path)

    def references(self, scope: Scope | None) -> Iterator[Reference]:
        known = [_known(item, scope) for item in self.arguments[:2]]
        if isinstance(known[0], str):
            attribute = known[1] if len(known) > 1 else ALL_ATTRIBUTES
            yield Reference(known[0], attribute if isinstance(attribute, str) else None, self.path)


class GetAttrThenSelect(GetAttr):
    """The first version's get_attr: the whole attribute is fetched, then the path followed."""

    __slots__ = ()

    def fetch(self, scope: Scope, resource: str, attribute: str, path: list[Value]) -> Value:
        value = scope.attribute(resource, attribute, ())
        return value if isinstance(value, Unknown) else select_path(value, path)


class GetAttrOrAll(GetAttr):
    """From 2015-10-15: with only the resource's name, all its attributes."""

    __slots__ = ()
    least = 1


class FnGetAtt(GetAttr):
    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, list) or len(self.arguments) != 2:
            raise FunctionProblem(
                f"{self.name} needs a list of two: the name of a resource and of an attribute",
                f'Write {{"{self.name}": ["resource_name", "attribute_name"]}}',
            )


def _known(item: Node, scope: Scope | None) -> Any:
    if isinstance(item, Function):
        return item.resolve(scope) if scope is not None else None
    return item


class GetFile(Function):
    """A function for including a file inline."""

    __slots__ = ()

    def check(self) -> None:
        if not isinstance(self.arguments, (str, Function)):
            raise FunctionProblem(f"get_file needs the name of a file, not {type_name(self.arguments)}")

    def compute(self, scope: Scope) -> Value:
        name = resolve(self.arguments, scope)
        if isinstance(name, Unknown):
            return name
        if not isinstance(name, str):
            raise TypeError(f"get_file needs the name of a file, not {type_name(name)}")
        try:
            return scope.file(name)
        except KeyError:
            raise ValueError(f'No file "{shown(name)}" came with the template') from None


class ResourceFacade(Function):
    """A field of the resource that this nested template implements."""

    __slots__ = ()
    fields = {"metadata": "metadata", "deletion_policy": "deletion_policy", "update_policy": "update_policy"}

    def check(self) -> None:
        if isinstance(self.arguments, Function):
            return
        if not isinstance(self.arguments, str) or self.arguments not in self.fields:
            raise FunctionProblem(f"{self.name} takes one of {', '.join(self.fields)}")

    def compute(self, scope: Scope) -> Value:
        field = resolve(self.arguments, scope)
        if isinstance(field, Unknown):
            return field
        if field not in self.fields:
            raise ValueError(f"{self.name} takes one of {', '.join(self.fields)}")
        return scope.facade(self.fields[field])


class FnResourceFacade(ResourceFacade):
    __slots__ = ()
    fields = {"Metadata": "metadata", "DeletionPolicy": "deletion_policy", "UpdatePolicy": "update_policy"}


class FindInMap(Function):
    """`Fn::FindInMap: [map, key, key]`, looked up in the template's Mappings."""

    __slots__ = ("mappings",)

    def check(self) -> None:
        self.mappings: dict[str, Any] = {}
        if not isinstance(self.arguments, list) or len(self.arguments) != 3:
            raise FunctionProblem(
                f"{self.name} needs a list of three: the map's name, the first key and the second key"
            )

    def compute(self, scope: Scope) -> Value:
        arguments = resolve(self.arguments, scope)
        unknown = find_unknown(arguments)
        if unknown:
            return unknown
        value: Any = self.mappings
        for step in arguments:
            if not isinstance(value, dict) or isinstance(step, (dict, list)) or step not in value:
                raise KeyError(f'Mappings have no "{shown(step)}" where {self.name} looks for it')
            value = value[step]
        return value


class GetAZs(Function):
    """The names of the availability zones; the argument has no effect."""

    __slots__ = ()

    def compute(self, scope: Scope) -> Value:
        return scope.availability_zones()


__all__ = [
    "FindInMap",
    "FnGetAtt",
    "FnResourceFacade",
    "GetAZs",
    "GetAttr",
    "GetAttrOrAll",
    "GetAttrThenSelect",
    "GetFile",
    "GetParam",
    "GetResource",
    "ParamRef",
    "Ref",
    "ResourceFacade",
    "references",
]
