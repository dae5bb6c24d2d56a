# SPDX-License-Identifier: Apache-2.0
"""Groups and chains: resources whose nested stack is made from their properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from samovar.orchestration.resources.registry import canonical_name
from samovar.orchestration.templates.errors import RequestLimitExceeded, StackValidationFailed, TemplateError
from samovar.orchestration.templates.values import Value

from .deployment_groups import MEMBERS, deployment_group, deployment_group_attribute
from .kinds import AWS_STACK
from .rows import Resource
from .scaling_groups import SCALING_GROUPS, scaling_group, scaling_group_attribute
from .wanted import Evaluable, Wanted

if TYPE_CHECKING:
    from .loaded import LoadedStack

SKIPPED = "name_blacklist"
MOST_MEMBERS = 100_000
VERSION = "2015-04-30"


@dataclass(slots=True)
class Phase:
    """One template for a nested stack, its parameters, and a pause after it."""

    template: Any
    parameters: dict[str, Any] = field(default_factory=dict)
    pause_seconds: float = 0.0


# From the stack, what is wanted, the notes in the row's data, the nested stack as it is: phases, new notes.
Grow = Callable[
    [Evaluable, Wanted, Mapping[str, Any], "LoadedStack | None"], tuple[list[Phase], dict[str, Any]]
]


def group_template(resources: Mapping[str, Any]) -> dict[str, Any]:
    return {"heat_template_version": VERSION, "resources": dict(resources)}


def member(definition: Mapping[str, Any], index_var: str, name: str) -> dict[str, Any]:
    """One member of a group; the index takes the place of its variable in all strings of the properties."""
    found: dict[str, Any] = {"type": definition["type"]}
    properties = {
        key: value for key, value in (definition.get("properties") or {}).items() if value is not None
    }
    if properties:
        found["properties"] = _indexed(properties, index_var, name)
    if definition.get("metadata"):
        found["metadata"] = definition["metadata"]
    return found


def _indexed(value: Any, index_var: str, name: str) -> Any:
    if isinstance(value, str):
        return value.replace(index_var, name)
    if isinstance(value, Mapping):
        return {key: _indexed(item, index_var, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_indexed(item, index_var, name) for item in value]
    return value


def member_names(count: int, skipped: Sequence[str]) -> list[str]:
    """The first `count` free indexes."""
    names: list[str] = []
    index, taken = 0, set(skipped)
    while len(names) < count:
        if str(index) not in taken:
            names.append(str(index))
        index += 1
    return names


def _resource_group(
    _stack: Evaluable, wanted: Wanted, notes: Mapping[str, Any], child: LoadedStack | None
) -> tuple[list[Phase], dict[str, Any]]:
    values = wanted.values
    if values["count"] > MOST_MEMBERS:
        raise RequestLimitExceeded(f"A group has at most {MOST_MEMBERS} members, not {values['count']}.")
    skipped = _skipped(notes, values, child)
    names = member_names(values["count"], skipped)
    index_var = values["index_var"]
    new = {name: member(values["resource_def"], index_var, name) for name in names}
    old: Mapping[str, Any] = (child.template.raw.get("resources") if child is not None else None) or {}
    phases = batches(new, old, wanted.update_policy, creating=child is None)
    return phases, {SKIPPED: ",".join(skipped)}


def _skipped(notes: Mapping[str, Any], values: Mapping[str, Any], child: LoadedStack | None) -> list[str]:
    """Members that never come back: those removed before and those that the removal policies list now."""
    removed = [name for name in str(notes.get(SKIPPED) or "").split(",") if name]
    listed = [
        str(item) for policy in values.get("removal_policies") or [] for item in policy["resource_list"] or []
    ]
    before = [] if values.get("removal_policies_mode") == "update" else removed
    if not listed:
        return before
    if child is None:  # nothing is there yet, so names alone can be meant
        return list(dict.fromkeys([*before, *listed]))
    names = {*child.current, *removed}
    by_reference = {str(child.reference(name)): name for name in child.current}
    found = [item if item in names else by_reference.get(item, "") for item in listed]
    return list(dict.fromkeys([*before, *(name for name in found if name)]))


def batches(
    new: Mapping[str, Any], old: Mapping[str, Any], policy: Mapping[str, Any], *, creating: bool
) -> list[Phase]:
    """The steps by which a group becomes `new`, as its update policy asks."""
    create = policy.get("batch_create")
    rolling = policy.get("rolling_update")
    whole = [Phase(group_template(new))]
    if creating:
        if not create:
            return whole
        size, pause = int(create.get("max_batch_size") or 1), float(create.get("pause_time") or 0)
        names = list(new)
        sizes = range(size, len(names) + size, size)
        return _paused([{name: new[name] for name in names[:end]} for end in sizes], pause) or whole
    changed = [name for name in new if name in old and old[name] != new[name]]
    if not rolling or not changed:
        return whole
    size, pause = int(rolling.get("max_batch_size") or 1), float(rolling.get("pause_time") or 0)
    minimum = int(rolling.get("min_in_service") or 0)
    return _paused(_rolled(new, old, size, minimum), pause) or whole


def _rolled(new: Mapping[str, Any], old: Mapping[str, Any], batch: int, minimum: int) -> list[dict[str, Any]]:
    """With target T, current C and up-to-date U: grow by what is needed to keep the minimum in service."""
    target = len(new)
    names = list(new)
    extra = [name for name in (str(i) for i in range(10 * (target + batch) + 10)) if name not in new]
    present = {name: old[name] for name in old}
    steps: list[dict[str, Any]] = []
    current, updated = len(present), 0
    while not (updated >= current == target) and len(steps) < 10_000:
        change = min(batch, max(target - updated, 0))
        size = change + max(min(current, target - change), min(minimum, target, current))
        kept = [*names, *extra][:size]
        renewable = [name for name in kept if name not in present] + [
            name for name in reversed(kept) if name in present and name in new and present[name] != new[name]
        ]
        renewed = set(renewable[:change])
        template = new[names[0]] if names else {}
        present = {
            name: (new.get(name, template) if name in renewed or name not in present else present[name])
            for name in kept
        }
        updated = sum(1 for name in names if name in present and present[name] == new[name])
        current = len(present)
        steps.append(dict(present))
        if updated >= target and current != target:
            present = {name: new[name] for name in names}
            steps.append(dict(present))
            break
    if not steps or steps[-1] != dict(new):
        steps.append(dict(new))
    return steps


def _paused(steps: Sequence[Mapping[str, Any]], pause: float) -> list[Phase]:
    phases = [Phase(group_template(step), pause_seconds=pause) for step in steps]
    if phases:
        phases[-1].pause_seconds = 0.0
    return phases


def _resource_chain(
    _stack: Evaluable, wanted: Wanted, notes: Mapping[str, Any], child: LoadedStack | None
) -> tuple[list[Phase], dict[str, Any]]:
    values = wanted.values
    resources: dict[str, Any] = {}
    for index, type_name in enumerate(values["resources"] or []):
        found: dict[str, Any] = {"type": type_name}
        if values.get("resource_properties"):
            found["properties"] = values["resource_properties"]
        if index and not values.get("concurrent"):
            found["depends_on"] = str(index - 1)
        resources[str(index)] = found
    return [Phase(group_template(resources))], {}


def _template_at_url(
    stack: Evaluable, wanted: Wanted, notes: Mapping[str, Any], child: LoadedStack | None
) -> tuple[list[Phase], dict[str, Any]]:
    """The stack of AWS::CloudFormation::Stack: its template was fetched with the request that named it."""
    url = str(wanted.values["TemplateURL"])
    text = stack.definition.files.get(url)
    if text is None:
        raise StackValidationFailed(
            f"The template at {url} was not fetched: its URL was not known when the stack was requested.",
            code="missing-file",
            advice="Give TemplateURL as text or by a parameter, or send the text in `files` under the URL",
        )
    given = wanted.values.get("Parameters") or {}
    return [Phase(text, {name: value for name, value in given.items() if value is not None})], {}


GROUPS: Mapping[str, Grow] = {
    AWS_STACK: _template_at_url,
    "OS::Heat::ResourceGroup": _resource_group,
    "OS::Heat::ResourceChain": _resource_chain,
    **dict.fromkeys(MEMBERS, deployment_group),
    **dict.fromkeys(SCALING_GROUPS, scaling_group),
}


async def group_attribute(child: LoadedStack, row: Resource, attribute: str, path: Sequence[Value]) -> Value:
    """An attribute of a group, from its members."""
    kind = canonical_name(row.definition.get("implementation") or row.type)
    if kind == AWS_STACK:
        return await _output(child, row, attribute)
    if kind in MEMBERS:
        return await deployment_group_attribute(child, attribute, path)
    if kind in SCALING_GROUPS:
        return await scaling_group_attribute(child, row, attribute, path)
    members = sorted(
        child.current, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)
    )
    if attribute == "refs":
        return [await child.read_reference(name) for name in members]
    if attribute == "refs_map":
        return {name: await child.read_reference(name) for name in members}
    if attribute == "removed_rsrc_list":
        return [name for name in str(row.data.get(SKIPPED) or "").split(",") if name]
    if attribute == "attributes":
        if not path:
            return None
        return {name: await child.read_attribute(name, str(path[0]), path[1:]) for name in members}
    found = re.fullmatch(r"resource\.([^.]+)(?:\.(.+))?", attribute)
    if found:
        name, inner = found.groups()
        if name not in child.current:
            return None
        if inner is not None:
            return await child.read_attribute(name, inner, path)
        if path:
            return await child.read_attribute(name, str(path[0]), path[1:])
        return await child.read_reference(name)
    return [await child.read_attribute(name, attribute, path) for name in members]


async def _output(child: LoadedStack, row: Resource, attribute: str) -> Value:
    """`Outputs.<name>` of a stack from a URL."""
    section, _, name = attribute.partition(".")
    output = child.template.outputs.get(name)
    if section != "Outputs" or output is None:
        raise ValueError(f'The stack {row.name} has no attribute "{attribute}".')
    if child.scope.is_enabled(output) is False:
        return None
    try:
        return await child.resolve(output.value)
    except TemplateError as error:
        raise ValueError(f"Error in {row.name} output {name}: {error}") from error
