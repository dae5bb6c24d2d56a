# SPDX-License-Identifier: Apache-2.0
"""What the static validation needs to know of resource types, and the scope it evaluates in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from samovar.diagnostics import Diagnostic, Place
from samovar.orchestration.templates.errors import TemplateError
from samovar.orchestration.templates.nodes import Path
from samovar.orchestration.templates.scope import StackScope
from samovar.orchestration.templates.values import Unknown, Value

PlaceOf = Callable[[Path], Place | None]


@dataclass(frozen=True, slots=True)
class ResolvedResource:
    """One resource with its functions resolved as far as that is possible without a cloud.

    `path` is where it stands (`("resources", "web")`), `properties_path` where its properties do.
    """

    name: str
    type: str
    properties: Mapping[str, Value]
    metadata: Value = None
    update_policy: Mapping[str, Value] = field(default_factory=dict)
    deletion_policy: str = "Delete"
    external_id: Value = None
    path: Path = ()
    properties_path: Path = ()
    update_policy_path: Path = ()
    deletion_policy_path: Path = ()


class TypeLookup(Protocol):
    """The resource types of the program (the resources room implements it)."""

    def is_known(self, type_: str) -> bool: ...

    def closest(self, type_: str) -> str | None:
        """The known type most like a name that is not known."""

    def attributes(self, type_: str) -> Collection[str] | None:
        """The names that get_attr may ask for; None: any."""

    def members(self, type_: str) -> tuple[str, str | None] | None:
        """For a type that makes equal resources: the property that holds their definition, and the one that
        names the text standing for the number of each."""

    def check(self, resource: ResolvedResource, place_of: PlaceOf) -> Iterable[Diagnostic]:
        """Everything wrong with the properties and policies of a resource of a known type."""


class AnyType:
    """Accepts every type and property: for checks of the language alone."""

    def is_known(self, type_: str) -> bool:
        return True

    def closest(self, type_: str) -> str | None:
        return None

    def attributes(self, type_: str) -> Collection[str] | None:
        return None

    def members(self, type_: str) -> tuple[str, str | None] | None:
        return None

    def check(self, resource: ResolvedResource, place_of: PlaceOf) -> Iterable[Diagnostic]:
        return ()


class LenientScope(StackScope):
    """A scope in which what is missing is Unknown: the validation has reported it where it stands."""

    def parameter(self, name: str) -> Value:
        known = name in self.parameters.typed or name in self.parameters.pseudo
        return super().parameter(name) if known else Unknown(f"parameter {name}")

    def has_resource(self, name: str) -> bool:
        return name in self.template.resources

    def resource_reference(self, name: str) -> Value:
        return Unknown(f"{name} id")

    def attribute(self, resource: str, attribute: str | None, path: Sequence[Value]) -> Value:
        return Unknown(f"{resource} {attribute or 'attributes'}")

    def file(self, name: str) -> Any:
        return self.files.get(name, Unknown(f"file {name}"))

    def facade(self, field: str) -> Value:
        return Unknown(f"resource facade {field}")

    def condition(self, name: str) -> bool | Unknown:
        if name not in self.template.conditions:
            return Unknown(f"condition {name}")
        try:
            return super().condition(name)
        except TemplateError:
            return Unknown(f"condition {name}")
