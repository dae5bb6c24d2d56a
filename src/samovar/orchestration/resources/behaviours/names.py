# SPDX-License-Identifier: Apache-2.0
"""From names to ids: looking objects up in the cloud, and saying what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samovar.clients import Cloud, CloudError, ServiceNotInCatalog, segment
from samovar.diagnostics import Diagnostics, did_you_mean
from samovar.orchestration.resources.behaviour import ResourceFailed
from samovar.orchestration.resources.lookups import CUSTOM_CONSTRAINTS, LOOKUPS
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.resources.syntax import SYNTAX_CHECKS
from samovar.orchestration.resources.translations import Resolved
from samovar.orchestration.resources.validation import PendingLookup, PlaceOf
from samovar.orchestration.templates.nodes import path_text
from samovar.orchestration.templates.values import Unknown

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Kind:
    """Where objects of a kind are found: by id below `path`, by name in its list."""

    service: str
    path: str
    plural: str
    noun: str
    key: str = ""  # the key of one object; plural without its s when empty
    id_field: str = "id"
    filters: bool = True  # whether the list takes ?name=
    query: tuple[tuple[str, str], ...] = ()
    only_names: bool = False  # the name is the id, and there is no other
    by_url: bool = False  # objects are named by their URL, whose end is the id


def _network(plural: str, noun: str, path: str | None = None) -> Kind:
    return Kind("network", f"/v2.0/{path or plural}", plural, noun)


def _identity(plural: str, noun: str) -> Kind:
    return Kind("identity", f"/{plural}", plural, noun)


def _loadbalancer(path: str, plural: str, noun: str) -> Kind:
    return Kind("load-balancer", f"/v2/lbaas/{path}", plural, noun)


KINDS: Mapping[tuple[str, str], Kind] = {
    ("neutron", "network"): _network("networks", "network"),
    ("neutron", "subnet"): _network("subnets", "subnet"),
    ("neutron", "port"): _network("ports", "port"),
    ("neutron", "router"): _network("routers", "router"),
    ("neutron", "security_group"): _network("security_groups", "security group", "security-groups"),
    ("neutron", "subnetpool"): _network("subnetpools", "subnet pool"),
    ("neutron", "address_scope"): _network("address_scopes", "address scope", "address-scopes"),
    ("neutron", "qos_policy"): Kind("network", "/v2.0/qos/policies", "policies", "QoS policy", "policy"),
    ("neutron", "segment"): _network("segments", "segment"),
    ("openstack", "network_segment"): _network("segments", "segment"),
    ("nova", "network"): _network("networks", "network"),
    ("nova", "flavor"): Kind(
        "compute", "/flavors", "flavors", "flavor", filters=False, query=(("is_public", "None"),)
    ),
    ("nova", "keypair"): Kind("compute", "/os-keypairs", "keypairs", "key pair", only_names=True),
    ("nova", "server"): Kind("compute", "/servers", "servers", "server"),
    ("glance", "image"): Kind("image", "/v2/images", "images", "image", key="-"),
    ("keystone", "project"): _identity("projects", "project"),
    ("keystone", "user"): _identity("users", "user"),
    ("keystone", "group"): _identity("groups", "group"),
    ("keystone", "domain"): _identity("domains", "domain"),
    ("keystone", "role"): _identity("roles", "role"),
    ("keystone", "service"): _identity("services", "service"),
    ("keystone", "region"): Kind("identity", "/regions", "regions", "region", only_names=True),
    ("cinder", "volume"): Kind("block-storage", "/volumes", "volumes", "volume"),
    ("cinder", "snapshot"): Kind("block-storage", "/snapshots", "snapshots", "snapshot"),
    ("cinder", "backup"): Kind("block-storage", "/backups", "backups", "backup"),
    ("cinder", "vtype"): Kind("block-storage", "/types", "volume_types", "volume type", filters=False),
    ("cinder", "volume_type"): Kind("block-storage", "/types", "volume_types", "volume type", filters=False),
    ("octavia", "loadbalancer"): _loadbalancer("loadbalancers", "loadbalancers", "load balancer"),
    ("octavia", "listener"): _loadbalancer("listeners", "listeners", "listener"),
    ("octavia", "pool"): _loadbalancer("pools", "pools", "pool"),
    ("octavia", "l7policy"): Kind(
        "load-balancer", "/v2/lbaas/l7policies", "l7policies", "layer 7 policy", "l7policy"
    ),
    ("octavia", "flavor"): _loadbalancer("flavors", "flavors", "load balancer flavor"),
    ("octavia", "flavorprofile"): _loadbalancer("flavorprofiles", "flavorprofiles", "flavor profile"),
    ("octavia", "availabilityzone"): Kind(
        "load-balancer",
        "/v2/lbaas/availabilityzones",
        "availability_zones",
        "availability zone",
        only_names=True,
    ),
    ("octavia", "availabilityzoneprofile"): _loadbalancer(
        "availabilityzoneprofiles", "availability_zone_profiles", "availability zone profile"
    ),
    ("barbican", "secret"): Kind("key-manager", "/v1/secrets", "secrets", "secret", by_url=True),
    ("barbican", "container"): Kind("key-manager", "/v1/containers", "containers", "container", by_url=True),
}


class NameNotFound(ResourceFailed):
    """The cloud has no such object."""

    kind = "EntityNotFound"

    def __init__(self, noun: str, value: str, advice: str) -> None:
        super().__init__(f'There is no {noun} "{value}" in the cloud.')
        self.advice = advice


class NameNotUnique(ResourceFailed):
    """Several objects have the name."""

    kind = "PhysicalResourceNameAmbiguity"


class ConstraintViolated(ResourceFailed):
    """A value that a named constraint refuses, or a constraint that there is not."""


class Lookup:
    """Looks up names in one cloud, each only once; made for one operation."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._found: dict[tuple[Kind, str], str] = {}

    async def find(self, service: str, entity: str, value: str) -> str:
        """The id of the object with that id or name; the value itself for kinds that can't be looked up.

        Raises NameNotFound, NameNotUnique, CloudError, ServiceNotInCatalog.
        """
        kind = KINDS.get((service, entity))
        if kind is None or value == "":
            return value
        known = self._found.get((kind, value))
        if known is None:
            known = await self._ask(kind, value)
            self._found[kind, value] = known
        return known

    async def _ask(self, kind: Kind, value: str) -> str:
        if kind.by_url:
            if await self._has(kind, value.rsplit("/", 1)[-1]):
                return value
            raise NameNotFound(kind.noun, value, "")
        # What looks like an id is one, most of the time: one request then.
        id_first = kind.only_names or _UUID.fullmatch(value) is not None or not kind.filters
        if id_first and await self._has(kind, value):
            return value
        if not kind.only_names:
            named = await self._named(kind, value)
            if len(named) > 1:
                raise NameNotUnique(
                    f'There are {len(named)} {kind.noun}s with the name "{value}"; give the id of one.'
                )
            if named:
                return named[0]
            if not id_first and await self._has(kind, value):
                return value
        raise NameNotFound(kind.noun, value, did_you_mean(value, await self._names(kind)))

    async def _get(self, kind: Kind, below: str = "", query: Sequence[tuple[str, str]] = ()) -> Any:
        path = kind.path
        if kind.service == "identity" and not (await self.cloud.endpoint("identity")).endswith("/v3"):
            path = f"/v3{path}"
        return await self.cloud.get(kind.service, path + below, query=query)

    async def _has(self, kind: Kind, value: str) -> bool:
        try:
            await self._get(kind, f"/{segment(value)}")
        except CloudError as error:
            if error.status in (400, 404):
                return False
            raise
        return True

    async def _named(self, kind: Kind, name: str) -> list[str]:
        pattern = f"^{re.escape(name)}$" if kind.path == "/servers" else name
        query = [*kind.query, *([("name", pattern)] if kind.filters else [])]
        listed = await self._get(kind, query=query)
        return [str(each[kind.id_field]) for each in listed[kind.plural] if each.get("name") == name]

    async def _names(self, kind: Kind) -> list[str]:
        """What there is, for a guess; nothing when that can't be listed."""
        try:
            listed = await self._get(kind, query=kind.query)
        except CloudError:
            return []
        found = (each.get("keypair", each) for each in listed[kind.plural])
        return [str(each["name"]) for each in found if each.get("name")]


async def resolve_names(declared: ResourceType, values: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """The property values with ids in place of names, as the declaration says. Raises as Lookup.find."""
    resolved = dict(values)
    for rule in declared.translation:
        if isinstance(rule, Resolved):
            resolved = await _along(resolved, rule.path, rule, lookup)
    return resolved


async def _along(value: Any, path: Sequence[str], rule: Resolved, lookup: Lookup) -> Any:
    if isinstance(value, list):
        return [await _along(item, path, rule, lookup) for item in value]
    if path and isinstance(value, dict):
        if value.get(path[0]) is None:
            return value
        return value | {path[0]: await _along(value[path[0]], path[1:], rule, lookup)}
    if path or not isinstance(value, str):
        return value
    return await lookup.find(rule.service, rule.entity, value)


async def missing_objects(
    pending: Iterable[PendingLookup], lookup: Lookup, place_of: PlaceOf = lambda _where: None
) -> Diagnostics:
    """An error for each value that names something the cloud has not got."""
    found = Diagnostics()
    for each in pending:
        service, entity = LOOKUPS.get(each.constraint, ("", ""))
        syntax = SYNTAX_CHECKS.get(each.constraint)
        for value in each.value if isinstance(each.value, list) else [each.value]:
            if isinstance(value, Unknown):
                continue
            advice = ""
            try:
                if each.constraint not in CUSTOM_CONSTRAINTS:
                    advice = did_you_mean(each.constraint, CUSTOM_CONSTRAINTS)
                    raise ConstraintViolated(
                        f'There is no custom constraint "{each.constraint}"; no value can pass'
                    )
                if syntax is not None:
                    if wrong := syntax(value):
                        raise ConstraintViolated(f"The value {wrong}.")
                    continue
                await lookup.find(service, entity, str(value))
                continue
            except NameNotFound as error:
                message, advice = str(error), error.advice
            except (ConstraintViolated, NameNotUnique, ServiceNotInCatalog) as error:
                message = str(error)
            except CloudError as error:
                message = f"{each.constraint} could not be checked: {error.message}"
            found.error(
                "missing-object",
                message,
                advice=advice,
                place=place_of(each.path),
                path=path_text(each.path),
            )
    return found
