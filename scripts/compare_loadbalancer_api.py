# SPDX-License-Identifier: Apache-2.0
"""Compare the load balancing API with a description of Octavia's, and print what differs.

    PYTHONPATH=src python scripts/compare_loadbalancer_api.py octavia-api.json

The description has `versions`, `policies`, `routes` (method, path) and `objects` (fields with `create`,
`graph_create`, `updatable`, `required_on_create`). Exits with 1 when anything differs.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from starlette.routing import Route

from samovar.config import LoadBalancerSettings, Settings
from samovar.database import Database
from samovar.loadbalancer.api import catalogue, health_monitors, l7policies, l7rules, members, pools
from samovar.loadbalancer.api.discovery import UPDATED
from samovar.loadbalancer.api.fields import Fields
from samovar.loadbalancer.api.listener import listener_fields
from samovar.loadbalancer.api.load_balancers import load_balancer_fields
from samovar.loadbalancer.api.rules import default_rules
from samovar.loadbalancer.api.service import Service, canonical

OWN = {"project_id", "tenant_id"}


def fields() -> Mapping[str, Fields]:
    settings = LoadBalancerSettings()
    offers = {offer.kind.name: offer.fields for offer in catalogue.OFFERS}
    return {
        "loadbalancer": load_balancer_fields(settings),
        "listener": listener_fields(settings),
        "pool": pools.FIELDS,
        "member": members.FIELDS,
        "healthmonitor": health_monitors.FIELDS,
        "l7policy": l7policies.FIELDS,
        "l7rule": l7rules.FIELDS,
        "flavor": offers["flavor"],
        "flavor_profile": offers["flavorprofile"],
        "availability_zone": offers["availability_zone"],
        "availability_zone_profile": offers["availability_zone_profile"],
    }


def routes() -> set[tuple[str, str]]:
    """Every method and path that is served, with all parameters written alike."""
    nothing: Any = None
    settings = Settings(state_dir=Path())
    database = Database("sqlite:////nowhere/never-asked.db")
    service = Service(database, nothing, settings, nothing, own=nothing, caller=nothing)
    application: Any = service.api().asgi()
    found = set()
    for route in application.routes:
        assert isinstance(route, Route)
        for method in route.endpoint.actions:
            found.add((method, plain(route.path)))
    return found


def plain(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def differences(described: Mapping[str, Any]) -> Iterator[str]:
    ours = [(f"v2.{number}", updated) for number, updated in enumerate(UPDATED)]
    for theirs, own in zip(described["versions"], ours, strict=True):
        if (theirs["id"], theirs["updated"]) != own:
            yield f"version {own} should be {theirs['id']}, {theirs['updated']}"
    served = routes()
    for route in described["routes"]:
        path = plain(canonical(route["path"]))
        if (route["method"], path) not in served and path != "/healthcheck":
            if path.endswith("/quotas/defaults") and (route["method"], path[:-8] + "{}") in served:
                continue
            yield f"route {route['method']} {route['path']} is not served"
    rules = default_rules()
    for name in described["policies"]:
        if name not in rules:
            yield f"policy {name} is missing"
    for name, own_fields in fields().items():
        yield from _object(name, described["objects"][name]["fields"], own_fields)


def _object(name: str, described: list[Mapping[str, Any]], own: Fields) -> Iterator[str]:
    known = {field["name"] for field in described}
    for extra in sorted(set(own) - known):
        yield f"{name}.{extra} is taken, but not known to Octavia"
    for field in described:
        mine = own.get(field["name"])
        if field["name"] in OWN:
            continue
        where = f"{name}.{field['name']}"
        if mine is None:
            if field.get("create") or field.get("updatable") or field.get("graph_create"):
                yield f"{where} is not taken"
            continue
        created = bool(field.get("create") or field.get("graph_create"))
        if mine.create != created:
            yield f"{where}: given to create: {mine.create}, should be {created}"
        if mine.update != bool(field.get("updatable")):
            yield f"{where}: given to change: {mine.update}, should be {field.get('updatable')}"
        if mine.required != bool(field.get("required_on_create")):
            yield f"{where}: needed to create: {mine.required}, should be {field.get('required_on_create')}"


def main() -> int:
    with open(sys.argv[1]) as file:
        described = json.load(file)
    found = list(differences(described))
    print("\n".join(found) or "Nothing differs.")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
