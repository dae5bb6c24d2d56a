# SPDX-License-Identifier: Apache-2.0
"""Auto-scaling groups: how many members there are, which go, and in which order they change.

A group is grown by its template's updates (`scaling_group`) and by scaling policies (`resized`). Its members
have names that are never used twice, so that a new member is never taken for one that went.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from samovar.orchestration.resources.registry import canonical_name
from samovar.orchestration.templates.errors import StackValidationFailed
from samovar.orchestration.templates.values import Value

from .rows import Resource

if TYPE_CHECKING:
    from .groups import Phase
    from .loaded import LoadedStack
    from .wanted import Evaluable, Wanted

AUTO_SCALING_GROUP = "OS::Heat::AutoScalingGroup"
AWS_GROUP = "AWS::AutoScaling::AutoScalingGroup"
INSTANCE_GROUP = "OS::Heat::InstanceGroup"
SCALING_GROUPS = frozenset({AUTO_SCALING_GROUP, AWS_GROUP, INSTANCE_GROUP})
LAUNCH_CONFIGURATION = "AWS::AutoScaling::LaunchConfiguration"
NUMBERED = "members_numbered"  # how many names the group has given out; in its row's data
_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$")

Members = list[tuple[str, Any]]  # names with their definitions, the oldest first


@dataclass(frozen=True, slots=True)
class Rolling:
    """How members are changed: so many at once, so many always in service, a pause in between."""

    batch: int
    minimum: int
    pause: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What the properties of a group come to. `desired`: None to stay as it is."""

    member: Mapping[str, Any]
    minimum: int
    maximum: int
    desired: int | None
    cooldown: float
    rolling: Rolling | None

    def clipped(self, size: int) -> int:
        return max(self.minimum, min(self.maximum, size))


def shape_of(loaded: Evaluable, wanted: Wanted) -> Shape:
    """The shape of a wanted group. Raises StackValidationFailed."""
    values = wanted.values
    if wanted.kind.declared.name == AUTO_SCALING_GROUP:
        policy = values.get("rolling_updates") or {}
        return Shape(
            dict(values["resource"]),
            int(values["min_size"]),
            int(values["max_size"]),
            values.get("desired_capacity"),
            float(values.get("cooldown") or 0),
            Rolling(
                int(policy.get("max_batch_size") or 1),
                int(policy.get("min_in_service") or 0),
                float(policy.get("pause_time") or 0),
            ),
        )
    member = _instance(loaded, values)
    rolling = _aws_rolling(wanted.update_policy)
    if wanted.kind.declared.name == INSTANCE_GROUP:
        size = int(values["Size"])
        return Shape(member, size, size, size, 0.0, rolling)
    return Shape(
        member,
        int(values["MinSize"]),
        int(values["MaxSize"]),
        values.get("DesiredCapacity"),
        float(values.get("Cooldown") or 0),
        rolling,
    )


def _aws_rolling(policy: Mapping[str, Any]) -> Rolling | None:
    given = policy.get("AutoScalingRollingUpdate") or policy.get("RollingUpdate")
    if not given:
        return None
    found = _DURATION.match(str(given.get("PauseTime") or "PT0S"))
    if found is None:
        raise StackValidationFailed(
            f'The pause time "{given["PauseTime"]}" is not a duration such as PT1M30S.'
        )
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return Rolling(
        max(int(given.get("MaxBatchSize") or 1), 1),
        int(given.get("MinInstancesInService") or 0),
        hours * 3600 + minutes * 60 + seconds,
    )


def _instance(loaded: Evaluable, values: Mapping[str, Any]) -> dict[str, Any]:
    """The member of a group of instances: as its launch configuration says."""
    if values.get("LoadBalancerNames"):
        raise StackValidationFailed(
            "LoadBalancerNames needs the classic load balancer of AWS, which is not available; make each"
            " member an OS::Octavia::PoolMember with OS::Heat::AutoScalingGroup instead."
        )
    name = values.get("LaunchConfigurationName")
    if not name:
        raise StackValidationFailed(
            "A group of instances needs LaunchConfigurationName; one made after an instance"
            " (InstanceId) is not supported."
        )
    row = next(
        (
            each
            for each in loaded.current.values()
            if canonical_name(each.type) == LAUNCH_CONFIGURATION and name in (each.physical_id, each.name)
        ),
        None,
    )
    if row is None:
        raise StackValidationFailed(f'The stack has no launch configuration "{name}".')
    properties = {
        key: value
        for key, value in (row.properties or {}).items()
        if value is not None and key != "InstanceId"
    }
    subnets = values.get("VPCZoneIdentifier")
    if subnets:
        properties["SubnetId"] = subnets[0]
    if values.get("Tags"):
        properties["Tags"] = values["Tags"]
    return {"type": "AWS::EC2::Instance", "properties": properties}


def scaling_group(
    loaded: Evaluable, wanted: Wanted, notes: Mapping[str, Any], child: LoadedStack | None
) -> tuple[list[Phase], dict[str, Any]]:
    """The steps by which a group becomes what its template says."""
    shape = shape_of(loaded, wanted)
    names = _Names(wanted.name, notes)
    old = members_of(child)
    if child is None:
        size = shape.clipped(shape.minimum if shape.desired is None else shape.desired)
        return [_phase(_grown([], shape.member, size, size, names))], names.notes
    size = shape.clipped(len(old) if shape.desired is None else shape.desired)
    if shape.rolling is None:
        return [_phase(_resized(old, shape.member, size, failed_members(child), names))], names.notes
    steps = [_resized(old, shape.member, size, failed_members(child), names, keep=True)]
    steps += _rolled(steps[0], shape.member, shape.rolling, names)
    phases = [_phase(step, shape.rolling.pause) for step in steps if step != old] or [_phase(old)]
    phases[-1].pause_seconds = 0.0
    return phases, names.notes


def resized(
    shape: Shape, name: str, notes: Mapping[str, Any], child: LoadedStack, size: int
) -> tuple[Phase, dict[str, Any]]:
    """The step by which a group gets another size; what stays keeps its definition."""
    names = _Names(name, notes)
    old = members_of(child)
    new = _resized(old, shape.member, size, failed_members(child), names, keep=True)
    return _phase(new), names.notes


def members_of(child: LoadedStack | None) -> Members:
    """The members of the nested stack, the oldest first; those that were never made come last."""
    if child is None:
        return []
    listed: Mapping[str, Any] = child.template.raw.get("resources") or {}
    made = child.current

    def age(name: str) -> tuple[bool, Any, str]:
        row = made.get(name)
        return (row is None, row.created_at if row is not None else None, name)

    known = sorted((name for name in listed if name in made), key=age)
    unknown = [name for name in listed if name not in made]
    return [(name, listed[name]) for name in (*known, *unknown)]


def failed_members(child: LoadedStack) -> frozenset[str]:
    """The members that did not come to be, or are sick."""
    return frozenset(name for name, row in child.current.items() if row.failed)


def _resized(
    old: Members, member: Any, size: int, failed: frozenset[str], names: _Names, *, keep: bool = False
) -> Members:
    """Members that are too many go: the failed ones first, then the oldest."""
    leaving = sorted(old, key=lambda each: each[0] not in failed)[: max(len(old) - size, 0)]
    staying = [each for each in old if each not in leaving]
    return _grown(staying, member, size, 0 if keep else size, names)


def _grown(old: Members, member: Any, size: int, renewable: int, names: _Names) -> Members:
    """`size` members: new ones, and of the old ones `renewable` with the new definition.

    Those change that stay longest: the youngest, for the oldest are the next to go.
    """
    kept = old[-size:] if size else []
    renewable -= size - len(kept)
    found: Members = []
    for name, definition in reversed(kept):
        if definition != member and renewable > 0:
            definition, renewable = member, renewable - 1
        found.insert(0, (name, definition))
    return found + [(next(names), member) for _ in range(size - len(kept))]


def _rolled(old: Members, member: Any, rolling: Rolling, names: _Names) -> Iterator[Members]:
    """With target T, current C and up-to-date U, until all T are up to date and no more are there."""
    target = len(old)
    members = old
    for _ in range(10_000):
        updated = sum(1 for _, each in members if each == member)
        if updated >= len(members) == target:
            return
        change = min(rolling.batch, max(target - updated, 0))
        size = change + max(min(len(members), target - change), min(rolling.minimum, target, len(members)))
        before, members = members, _grown(members, member, size, change, names)
        if members == before:
            return
        yield members


class _Names(Iterator[str]):
    """Names of new members: twelve characters, the same whenever they are worked out again."""

    def __init__(self, group: str, notes: Mapping[str, Any]) -> None:
        self._group, self._given = group, int(notes.get(NUMBERED) or 0)

    def __next__(self) -> str:
        self._given += 1
        digest = hashlib.sha256(f"{self._group}/{self._given}".encode()).digest()
        return b32encode(digest)[:12].decode().lower()

    @property
    def notes(self) -> dict[str, Any]:
        return {NUMBERED: self._given}


def _phase(members: Members, pause: float = 0.0) -> Phase:
    from .groups import Phase, group_template

    return Phase(group_template(dict(members)), pause_seconds=pause)


async def scaling_group_attribute(
    child: LoadedStack, row: Resource, attribute: str, path: Sequence[Value]
) -> Value:
    """An attribute of a group that scales, from its members."""
    names = [name for name, _ in members_of(child) if name in child.current]
    failed = failed_members(child)
    match attribute:
        case "current_size":
            return sum(1 for name in names if name not in failed)
        case "refs":
            return [await child.read_reference(name) for name in names]
        case "refs_map":
            return {name: await child.read_reference(name) for name in names}
        case "outputs" if path:
            return {name: await child.read_attribute(name, str(path[0]), path[1:]) for name in names}
        case "outputs_list" if path:
            return [await child.read_attribute(name, str(path[0]), path[1:]) for name in names]
        case "InstanceList":
            addresses = [await child.read_attribute(name, "PublicIp") for name in names if name not in failed]
            return ",".join(str(each) for each in addresses if each)
    found = re.fullmatch(r"resource\.([^.]+)(?:\.(.+))?", attribute)
    if found is None:
        return None
    chosen, inner = found.groups()
    if chosen.isdigit() and chosen not in names:
        chosen = names[int(chosen)] if int(chosen) < len(names) else chosen
    if chosen not in names:
        return None
    if inner is not None:
        return await child.read_attribute(chosen, inner, path)
    if path:
        return await child.read_attribute(chosen, str(path[0]), path[1:])
    return await child.read_reference(chosen)
