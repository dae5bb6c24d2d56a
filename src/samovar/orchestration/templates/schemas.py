# SPDX-License-Identifier: Apache-2.0
"""Parameter definitions: what a template says about each of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from samovar.diagnostics import Diagnostics, did_you_mean
from samovar.orchestration.templates import conversion
from samovar.orchestration.templates.constraints import (
    AllowedPattern,
    AllowedValues,
    Constraint,
    CustomConstraint,
    Length,
    Modulo,
    Range,
)
from samovar.orchestration.templates.nodes import Path, path_text
from samovar.orchestration.templates.places import Places
from samovar.orchestration.templates.values import shown, type_name
from samovar.orchestration.templates.versions import Version


@dataclass(frozen=True, slots=True)
class ParameterSchema:
    """One parameter. `default` is as the template has it (not converted); None means there is none."""

    name: str
    type: str
    default: Any = None
    description: str = ""
    label: str = ""
    hidden: bool = False
    immutable: bool = False
    constraints: tuple[Constraint, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def has_default(self) -> bool:
        return self.default is not None


_HOT_KEYS = ("type", "default", "description", "label", "hidden", "constraints", "immutable", "schema")
_CFN_KEYS = (
    "Type", "Default", "Description", "Label", "NoEcho", "AllowedValues", "AllowedPattern", "MinLength",
    "MaxLength", "MinValue", "MaxValue", "ConstraintDescription",
)  # fmt: skip
_HOT_CONSTRAINTS = (
    "range", "length", "allowed_values", "allowed_pattern", "custom_constraint", "modulo", "description",
)  # fmt: skip
_TRUE_WORDS = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE_WORDS = frozenset({"false", "f", "no", "n", "off", "0", ""})
_PSEUDO_PREFIX = {"hot": "OS::", "cfn": "AWS::"}


class SchemaReader:
    """Reads the parameters section of one template; findings go to `diagnostics`."""

    def __init__(self, version: Version, places: Places, diagnostics: Diagnostics) -> None:
        self.version, self.places, self.diagnostics = version, places, diagnostics

    def read(self, name: str, raw: Any, path: Path) -> ParameterSchema | None:
        if not isinstance(raw, dict):
            self._wrong(f"A parameter is a map with at least a type, not {type_name(raw)}", path)
            return None
        hot = self.version.kind == "hot"
        known = (*_HOT_KEYS, *(("tags",) if self.version.has_tags else ())) if hot else _CFN_KEYS
        for key in raw:
            if key not in known:
                self._wrong(
                    f'A parameter has no key "{shown(key)}"',
                    (*path, key),
                    did_you_mean(key, known, f"Known are {', '.join(known)}"),
                )
        kind = self._type(raw, path, hot)
        if kind is None:
            return None
        if hot:
            constraints = self._hot_constraints(raw.get("constraints"), kind, (*path, "constraints"))
        else:
            constraints = self._cfn_constraints(raw, kind, path)
        schema = ParameterSchema(
            name=name, type=kind, default=raw.get("default" if hot else "Default"),
            description=_text(raw.get("description" if hot else "Description")),
            label=_text(raw.get("label" if hot else "Label")) or name,
            hidden=self._boolean(raw, "hidden" if hot else "NoEcho", path),
            immutable=self._boolean(raw, "immutable", path) if hot else False,
            constraints=tuple(constraints), tags=self._tags(raw, path) if hot else (),
        )  # fmt: skip
        prefix = _PSEUDO_PREFIX[self.version.kind]
        if name.startswith(prefix):
            self.diagnostics.warning(
                "invalid-name", f'Names that begin with "{prefix}" are meant for pseudo parameters',
                advice="Choose another name", place=self.places.of(path), path=path_text(path),
            )  # fmt: skip
        return schema

    def _wrong(self, message: str, path: Path, advice: str = "") -> None:
        self.diagnostics.error(
            "invalid-schema", message, advice=advice, place=self.places.of(path), path=path_text(path)
        )

    def _type(self, raw: dict[str, Any], path: Path, hot: bool) -> str | None:
        key = "type" if hot else "Type"
        known = {name: name for name in conversion.TYPES} if hot else conversion.CFN_TYPES
        if key not in raw:
            self._wrong(f"The parameter has no {key}", path, f"Known types are {', '.join(known)}")
            return None
        value = raw[key]
        if not isinstance(value, str) or value not in known:
            place = self.places.value((*path, key))
            self.diagnostics.error(
                "invalid-schema", f'"{shown(value)}" is no type of a parameter',
                advice=did_you_mean(value, known, f"Known types are {', '.join(known)}"),
                place=place, path=path_text((*path, key)),
            )  # fmt: skip
            return None
        return known[value]

    def _boolean(self, raw: dict[str, Any], key: str, path: Path) -> bool:
        value = raw.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        text = str(value).strip().lower()
        if text in _TRUE_WORDS:
            return key != "NoEcho" or text == "true"
        if text not in _FALSE_WORDS:
            self.diagnostics.warning(
                "invalid-boolean", f"{key} is true or false; {shown(value)} counts as false",
                place=self.places.of((*path, key)), path=path_text((*path, key)),
            )  # fmt: skip
        return False

    def _tags(self, raw: dict[str, Any], path: Path) -> tuple[str, ...]:
        tags = raw.get("tags") if self.version.has_tags else None
        if tags is None:
            return ()
        if not isinstance(tags, list):
            self._wrong(f"The tags of a parameter are a list, not {type_name(tags)}", (*path, "tags"))
            return ()
        return tuple(tag if isinstance(tag, str) else str(tag) for tag in tags)

    def _hot_constraints(self, raw: Any, kind: str, path: Path) -> list[Constraint]:
        if raw is None:
            return []
        if not isinstance(raw, list):
            self._wrong(
                f"The constraints of a parameter are a list, not {type_name(raw)}",
                path,
                "Begin each constraint with a dash",
            )
            return []
        order = ("modulo",) if self.version.has_modulo else ()
        order = (*order, "range", "length", "allowed_values", "allowed_pattern", "custom_constraint")
        found = []
        for index, item in enumerate(raw):
            here = (*path, index)
            if not isinstance(item, dict):
                self._wrong(f"A constraint is a map, not {type_name(item)}", here)
                continue
            known = [key for key in _HOT_CONSTRAINTS if key != "modulo" or self.version.has_modulo]
            unknown = [key for key in item if key not in known]
            for key in unknown:
                self._wrong(
                    f'There is no constraint "{shown(key)}"',
                    (*here, key),
                    did_you_mean(key, known, f"Known are {', '.join(known)}"),
                )
            name = next((key for key in order if key in item), None)
            if name is None:
                if not unknown:
                    self._wrong("A constraint says none of " + ", ".join(order), here)
                continue
            constraint = self._one(name, item[name], _text(item.get("description")), kind, (*here, name))
            if constraint is not None:
                found.append(constraint)
        return found

    def _one(self, name: str, raw: Any, description: str, kind: str, path: Path) -> Constraint | None:
        build = _BUILDERS[name]
        try:
            constraint = build(raw, description, kind)
        except (ValueError, TypeError) as error:
            self._wrong(str(error), path)
            return None
        if kind not in type(constraint).types:
            self._wrong(
                f"A parameter of type {kind} can't have the constraint {name}",
                path,
                f"{name} is for {', '.join(sorted(type(constraint).types))}",
            )
            return None
        return constraint

    def _cfn_constraints(self, raw: dict[str, Any], kind: str, path: Path) -> list[Constraint]:
        description = _text(raw.get("ConstraintDescription"))
        found: list[Constraint | None] = []
        for low, high, name in (("MinValue", "MaxValue", "range"), ("MinLength", "MaxLength", "length")):
            if low in raw or high in raw:
                bounds = {"min": raw.get(low), "max": raw.get(high)}
                key = low if low in raw else high
                found.append(
                    self._one(
                        name,
                        {k: v for k, v in bounds.items() if v is not None},
                        description,
                        kind,
                        (*path, key),
                    )
                )
        for key, name in (("AllowedValues", "allowed_values"), ("AllowedPattern", "allowed_pattern")):
            if key in raw:
                found.append(self._one(name, raw[key], description, kind, (*path, key)))
        return [constraint for constraint in found if constraint is not None]


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _bounds(
    raw: Any, what: str, convert: Callable[[Any], int | float]
) -> tuple[int | float | None, int | float | None]:
    if not isinstance(raw, dict):
        raise ValueError(f"{what} is a map with min and max, not {type_name(raw)}")
    for key in raw:
        if key not in ("min", "max"):
            raise ValueError(f'{what} has min and max, not "{shown(key)}"')
    low, high = (None if raw.get(key) is None else convert(raw[key]) for key in ("min", "max"))
    if low is None and high is None:
        raise ValueError(f"{what} needs min, max or both")
    return low, high


def _whole(value: Any) -> int:
    number = conversion.to_number(value)
    if number != int(number):
        raise ValueError(f"A whole number is needed, not {shown(value)}")
    return int(number)


def _length(raw: Any, description: str, kind: str) -> Constraint:
    low, high = _bounds(raw, "length", _whole)
    return Length(description, None if low is None else int(low), None if high is None else int(high))


def _range(raw: Any, description: str, kind: str) -> Constraint:
    low, high = _bounds(raw, "range", conversion.to_number)
    return Range(description, low, high)


def _modulo(raw: Any, description: str, kind: str) -> Constraint:
    if not isinstance(raw, dict) or set(raw) != {"step", "offset"}:
        raise ValueError("modulo is a map with step and offset")
    step, offset = _whole(raw["step"]), _whole(raw["offset"])
    if step == 0:
        raise ValueError("The step of modulo can't be 0")
    if abs(offset) >= abs(step):
        raise ValueError("The offset of modulo must be smaller than its step")
    if step * offset < 0:
        raise ValueError("The step and offset of modulo must both be positive or both negative")
    return Modulo(description, step, offset)


def _allowed_values(raw: Any, description: str, kind: str) -> Constraint:
    if not isinstance(raw, list):
        raise ValueError(f"allowed_values is a list, not {type_name(raw)}")
    item_kind = conversion.STRING if kind == conversion.COMMA_DELIMITED_LIST else kind
    if kind == conversion.JSON:
        return AllowedValues(description, tuple(raw))
    return AllowedValues(description, tuple(conversion.convert(item_kind, item) for item in raw))


def _allowed_pattern(raw: Any, description: str, kind: str) -> Constraint:
    if not isinstance(raw, str):
        raise ValueError(f"allowed_pattern is a string, not {type_name(raw)}")
    return AllowedPattern(description, raw)


def _custom(raw: Any, description: str, kind: str) -> Constraint:
    if not isinstance(raw, str):
        raise ValueError(f"custom_constraint is a name, not {type_name(raw)}")
    return CustomConstraint(description, raw)


_BUILDERS: dict[str, Callable[[Any, str, str], Constraint]] = {
    "length": _length, "range": _range, "modulo": _modulo, "allowed_values": _allowed_values,
    "allowed_pattern": _allowed_pattern, "custom_constraint": _custom,
}  # fmt: skip
