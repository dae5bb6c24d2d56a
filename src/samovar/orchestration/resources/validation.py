# SPDX-License-Identifier: Apache-2.0
"""Property values against a declaration: every error in one pass, and typed values with defaults.

Unknown values (not known before something else is made) pass every check; they are checked again when known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from samovar.diagnostics import Diagnostics, Place, did_you_mean
from samovar.orchestration.resources.coherence import incoherences
from samovar.orchestration.resources.constraints import Custom
from samovar.orchestration.resources.conversion import ConversionError, convert
from samovar.orchestration.resources.folding import fold
from samovar.orchestration.resources.once import PerDeclaration, plain_copy
from samovar.orchestration.resources.schema import Property, ResourceType, Status
from samovar.orchestration.resources.translations import Appended, Moved
from samovar.orchestration.templates.nodes import path_text
from samovar.orchestration.templates.values import Unknown

Where = tuple[str | int, ...]
PlaceOf = Callable[[Where], Place | None]

_defaults: PerDeclaration[Any] = PerDeclaration()  # of properties
_nothing_given: PerDeclaration[dict[str, Any]] = PerDeclaration()  # of types that are content with that


@dataclass(frozen=True, slots=True)
class PendingLookup:
    """A named constraint that only a cloud can answer: does `value` exist?"""

    path: Where
    constraint: str
    value: Any


@dataclass(slots=True)
class Validated:
    """The result: typed values of every declared property (None: not given, no default), and findings."""

    values: dict[str, Any] = field(default_factory=dict)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    lookups: list[PendingLookup] = field(default_factory=list)


def validate_properties(
    declared: ResourceType,
    given: Mapping[str, Any],
    where: Where = (),
    place_of: PlaceOf = lambda _where: None,
) -> Validated:
    """Check resolved property values.

    `where` is the path of the properties in the template (`("resources", "web", "properties")`), `place_of`
    gives the place in the text of such a path.
    """
    if not given and (known := _nothing_given.of(declared)) is not None:
        return Validated(known)
    check = _Check(declared, where, place_of)
    if declared.noop:
        check.result.values = dict(given)
    else:
        folded = fold(declared, given, check.conflict)
        check.older_spellings(given)
        check.result.values = check.fields(declared.properties, folded, ())
        if not check.result.diagnostics.has_errors:
            for each in incoherences(declared.name, check.result.values):
                check.error("property-conflict", each.path, each.message, each.advice)
        if not given and check.clean:
            _nothing_given.remember(declared, check.result.values)
    return check.result


def validate_update_policy(
    declared: ResourceType,
    given: Mapping[str, Any],
    where: Where = (),
    place_of: PlaceOf = lambda _where: None,
) -> Validated:
    """Check a resource's update policy, which most types have none of."""
    check = _Check(declared, where, place_of)
    check.noun = "update policy key"
    if given or declared.update_policy:
        check.result.values = check.fields(declared.update_policy, given, ())
    return check.result


def support_findings(
    declared: ResourceType, where: Where = (), place_of: PlaceOf = lambda _where: None
) -> Diagnostics:
    """Warnings about a type that is retired, deprecated or unsupported."""
    found = Diagnostics()
    support = declared.support
    place, path = place_of(where), path_text(where)
    substitute = declared.instead or support.substitute
    instead = f"Use {substitute}." if substitute else ""
    if declared.noop and declared.hidden:
        found.warning(
            "retired-type",
            f"{declared.name} is retired: it is accepted, and nothing is made.",
            advice=instead or "Take it out of the template.",
            place=place,
            path=path,
        )
    elif support.status in (Status.DEPRECATED, Status.HIDDEN):
        since = f" since {support.version}" if support.version else ""
        found.warning(
            "deprecated-type",
            f"{declared.name} is deprecated{since}.",
            advice=instead,
            place=place,
            path=path,
        )
    elif support.status is Status.UNSUPPORTED:
        found.warning(
            "unsupported-type",
            f"{declared.name} is not supported by its project.",
            place=place,
            path=path,
        )
    return found


class _Check:
    """One pass over the properties of one resource."""

    noun = "property"

    def __init__(self, declared: ResourceType, where: Where, place_of: PlaceOf) -> None:
        self.declared = declared
        self.where = where
        self.place_of = place_of
        self.result = Validated()

    @property
    def clean(self) -> bool:
        """Nothing was found, and nothing is to be asked of a cloud."""
        return not self.result.lookups and not len(self.result.diagnostics)

    def error(self, code: str, at: Where, message: str, advice: str = "") -> None:
        path = (*self.where, *at)
        self.result.diagnostics.error(
            code, message, advice=advice, place=self.place_of(path), path=path_text(path)
        )

    def conflict(self, at: Where, old: str, new: str) -> None:
        self.error(
            "property-conflict",
            at,
            f'"{old}" is an older spelling of "{new}", and both are given.',
            f'Leave out "{old}".',
        )

    def older_spellings(self, given: Mapping[str, Any]) -> None:
        for name in given:
            declared = self.declared.properties.get(name)
            status = declared.support.status if declared else Status.SUPPORTED
            if status in (Status.HIDDEN, Status.DEPRECATED):
                path = (*self.where, name)
                self.result.diagnostics.warning(
                    "deprecated-property",
                    f'Property "{name}" of {self.declared.name} is deprecated.',
                    advice=_newer(self.declared, name),
                    place=self.place_of(path),
                    path=path_text(path),
                )

    def fields(self, declared: Mapping[str, Property], given: Mapping[Any, Any], at: Where) -> dict[str, Any]:
        for name in given:
            if name not in declared:
                self.error(
                    "unknown-property",
                    (*at, name if isinstance(name, str | int) else str(name)),
                    f'Unknown {self.noun} "{name}"' + (f" of {self.declared.name}." if not at else "."),
                    did_you_mean(name, (each for each in declared if not declared[each].hidden)),
                )
        return {name: self.value(each, given.get(name), (*at, name), name in given)
                for name, each in declared.items()}  # fmt: skip

    def value(self, declared: Property, given: Any, at: Where, present: bool = True) -> Any:
        if given is None:
            if declared.required:
                self.error("missing-property", at[:-1], f'Required property "{at[-1]}" is missing.')
            if present and declared.null_is_empty:
                return ""
            return self.defaulted(declared, at)
        if isinstance(given, Unknown):
            return given
        try:
            value = convert(declared, given)
        except ConversionError as error:
            self.error("property-type", at, f'Property "{_last_name(at)}" {error}.')
            return given
        if isinstance(value, list) and declared.items is not None:
            value = [self.value(declared.items, item, (*at, index)) for index, item in enumerate(value)]
        elif isinstance(value, dict) and declared.fields is not None:
            value = self.fields(declared.fields, value, at)
        self.constraints(declared, value, at)
        return value

    def defaulted(self, declared: Property, at: Where) -> Any:
        if declared.default is None:
            return None
        if (known := _defaults.of(declared)) is not None:
            return known
        if not isinstance(declared.default, list | dict):
            value = convert(declared, declared.default)
            _defaults.remember(declared, value)
            return value
        trial = _Check(self.declared, (), self.place_of)
        value = trial.value(declared, declared.default, at)
        if trial.clean:
            _defaults.remember(declared, value)
            return plain_copy(value)
        return self.value(declared, plain_copy(declared.default), at)

    def constraints(self, declared: Property, value: Any, at: Where) -> None:
        if isinstance(value, list) and any(isinstance(item, Unknown) for item in value):
            return
        for constraint in declared.constraints:
            if isinstance(constraint, Custom) and constraint.needs_cloud:
                if value != "":
                    self.result.lookups.append(PendingLookup((*self.where, *at), constraint.name, value))
                continue
            violation = constraint.violation(value)
            if violation is not None:
                self.error("property-constraint", at, f'Property "{_last_name(at)}" {violation}.')
                return


def _newer(declared: ResourceType, name: str) -> str:
    """What to use in place of an older property."""
    for rule in declared.translation:
        if isinstance(rule, Moved | Appended) and rule.source == name:
            return f'Use "{rule.path[-1]}".'
    return declared.properties[name].description


def _last_name(at: Where) -> str:
    """The name of a property for a sentence: items of lists are named with their list."""
    index = len(at) - 1
    while index > 0 and isinstance(at[index], int):
        index -= 1
    return path_text(at[index:])
