# SPDX-License-Identifier: Apache-2.0
"""What administrators offer: flavors and availability zones, and the profiles behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, RowMapping, Table, delete, insert, select, update

from samovar.clients import CloudError, CloudUnreachable, ServiceNotInCatalog, segment
from samovar.database import new_id
from samovar.web import Api, Call, Reply

from ..tables import flavor_profiles, flavors, load_balancers, zone_profiles, zones
from . import values
from .change import Backend, Change
from .collection import ROOT
from .faults import bad, invalid, refuse
from .fields import REFUSED, Field, Fields, Values, changed, created, wrapped
from .listing import Kind, chosen, index
from .views import Shown

FLAVOR_KEYS: Mapping[str, str] = {
    "loadbalancer_topology": "The load balancer topology: SINGLE (one amphora) or ACTIVE_STANDBY (two).",
    "compute_flavor": "The compute flavor of the amphorae, by id.",
    "amp_image_tag": "The tag of the image that the amphorae boot from.",
    "sriov_vip": "Whether the VIP port is an SR-IOV port.",
    "allow_member_sriov": "Whether members may ask for SR-IOV ports.",
}
ZONE_KEYS: Mapping[str, str] = {
    "compute_zone": "The availability zone of the amphorae.",
    "volume_zone": "The availability zone of the amphorae's volumes.",
    "management_network": "The management network of the amphorae, by id.",
    "valid_vip_networks": "The networks that VIPs may be on, a list of ids.",
}


def _rows(connection: Connection, rows: Sequence[RowMapping]) -> list[Shown]:
    return [dict(row) for row in rows]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One of the four: its kind, its fields, and the column of what is built upon it."""

    kind: Kind
    argument: str
    path: str
    label: str
    fields: Fields
    used_by: Column[Any]
    profile: str | None = None
    data: str | None = None
    keys: Mapping[str, str] | None = None


def _kind(name: str, plural: str, table: Table, policy: str, **more: Any) -> Kind:
    return Kind(
        name=name, plural=plural, table=table, view=_rows, policy=policy, owned=False, order=(), **more
    )


def _profile_fields(data: str) -> Fields:
    return {
        "name": Field(values.text(shortest=1), required=True, null=REFUSED),
        "provider_name": Field(values.text(shortest=1), required=True, null=REFUSED),
        data: Field(values.text(4096, lines=True), required=True, null=REFUSED),
    }


def _offer_fields(profile: str, *, renamed: bool) -> Fields:
    return {
        "name": Field(values.text(shortest=1), required=True, update=renamed, null=REFUSED),
        "description": Field(values.text(lines=True), "", null=""),
        "enabled": Field(values.boolean, True),
        profile: Field(values.identity, required=True, update=False),
    }


OFFERS = (
    Offer(
        kind=_kind(
            "flavorprofile", "flavorprofiles", flavor_profiles, "flavor-profile", links="flavorprofile_links"
        ),
        argument="flavor_profile_",
        path="flavorprofiles",
        label="Flavor profile",
        fields=_profile_fields("flavor_data"),
        used_by=flavors.c.flavor_profile_id,
        data="flavor_data",
        keys=FLAVOR_KEYS,
    ),
    Offer(
        kind=_kind("flavor", "flavors", flavors, "flavor"),
        argument="flavor_",
        path="flavors",
        label="Flavor",
        fields=_offer_fields("flavor_profile_id", renamed=True),
        used_by=load_balancers.c.flavor_id,
        profile="flavor_profile_id",
    ),
    Offer(
        kind=_kind(
            "availability_zone_profile",
            "availability_zone_profiles",
            zone_profiles,
            "availability-zone-profile",
            links="availability_zone_profile_links",
        ),
        argument="availability_zone_profile_",
        path="availabilityzoneprofiles",
        label="Availability zone profile",
        fields=_profile_fields("availability_zone_data"),
        used_by=zones.c.availability_zone_profile_id,
        data="availability_zone_data",
        keys=ZONE_KEYS,
    ),
    Offer(
        kind=_kind("availability_zone", "availability_zones", zones, "availability-zone", identity="name"),
        argument="availability_zone_",
        path="availabilityzones",
        label="Availability zone",
        fields=_offer_fields("availability_zone_profile_id", renamed=False),
        used_by=load_balancers.c.availability_zone,
        profile="availability_zone_profile_id",
    ),
)


class Catalogue:
    """Serves one of the offers."""

    def __init__(self, offer: Offer, backend: Backend) -> None:
        self.offer, self.backend = offer, backend
        self.table, self.kind = offer.kind.table, offer.kind
        self.identity = self.table.c[offer.kind.identity]

    def routes(self, api: Api) -> None:
        root = f"{ROOT}/{self.offer.path}"
        api.route("GET", root, self.index)
        api.route("POST", root, self.create)
        api.route("GET", root + "/{id}", self.show)
        api.route("PUT", root + "/{id}", self.update)
        api.route("DELETE", root + "/{id}", self.delete)

    async def index(self, call: Call) -> Any:
        return await index(self.backend, self.kind, call)

    async def show(self, call: Call) -> Any:
        self._enforce(call, "get_one")
        row = await self.backend.database.read(lambda connection: self._find(connection, call.path["id"]))
        return {self.kind.name: chosen(call, dict(row))}

    async def create(self, call: Call) -> Reply:
        self._enforce(call, "post")
        given = created(
            self.offer.argument,
            self.kind.name,
            wrapped(call.body, self.offer.argument, self.kind.name),
            self.offer.fields,
        )
        await self._check_cloud(self._check_data(given))
        if self.kind.identity == "id":
            given["id"] = new_id()

        def run(change: Change) -> Any:
            self._check_profile(change, given)
            self._check_name(change.connection, given["name"], None)
            change.connection.execute(insert(self.table).values(given))
            return {self.kind.name: dict(self._find(change.connection, given[self.kind.identity]))}

        return Reply(201, await self.backend.commit(call, run))

    async def update(self, call: Call) -> Any:
        self._enforce(call, "put")
        given = changed(
            self.offer.argument,
            self.kind.name,
            wrapped(call.body, self.offer.argument, self.kind.name),
            self.offer.fields,
        )
        if self.offer.data in given:
            former = await self.backend.database.read(
                lambda connection: self._find(connection, call.path["id"])
            )
            await self._check_cloud(self._check_data({**former, **given}))

        def run(change: Change) -> Any:
            row = self._find(change.connection, call.path["id"])
            self._check_data({**row, **given})
            if self.offer.data is not None:
                fixed = [n for n in ("provider_name", self.offer.data) if given.get(n, row[n]) != row[n]]
                if fixed and self._used(change.connection, row):
                    raise self._in_use(row)
            if given.get("name", row["name"]) != row["name"]:
                self._check_name(change.connection, given["name"], row[self.kind.identity])
            if given:
                mine = self.identity == row[self.kind.identity]
                change.connection.execute(update(self.table).where(mine).values(given))
            return {self.kind.name: dict(self._find(change.connection, row[self.kind.identity]))}

        return await self.backend.commit(call, run)

    async def delete(self, call: Call) -> Reply:
        self._enforce(call, "delete")

        def run(change: Change) -> None:
            row = self._find(change.connection, call.path["id"])
            if self._used(change.connection, row):
                raise self._in_use(row)
            change.connection.execute(delete(self.table).where(self.identity == row[self.kind.identity]))

        await self.backend.commit(call, run)
        return Reply(204)

    def _enforce(self, call: Call, action: str) -> None:
        self.backend.enforce(call, f"{self.kind.policy}:{action}", call.context.project_id)

    def _find(self, connection: Connection, identity: str) -> RowMapping:
        row = connection.execute(select(self.table).where(self.identity == identity)).mappings().first()
        if row is None:
            raise refuse(404, f"{self.offer.label} {identity} not found.")
        return row

    def _used(self, connection: Connection, row: RowMapping) -> bool:
        query = select(self.offer.used_by).where(self.offer.used_by == row[self.kind.identity]).limit(1)
        return connection.execute(query).first() is not None

    def _in_use(self, row: RowMapping) -> Exception:
        return refuse(409, f"{self.offer.label} {row[self.kind.identity]} is in use and cannot be modified.")

    def _check_name(self, connection: Connection, name: str, own: str | None) -> None:
        """Names of flavors and zones are unique; those of profiles need not be."""
        if self.offer.profile is None:
            return
        query = select(self.identity).where(self.table.c.name == name)
        if any(found != own for found in connection.execute(query).scalars()):
            raise refuse(409, f"There is a record with the name {name} already.")

    def _check_profile(self, change: Change, given: Values) -> None:
        if self.offer.profile is None:
            return
        table = flavor_profiles if self.offer.profile == "flavor_profile_id" else zone_profiles
        wanted = given[self.offer.profile]
        if change.connection.execute(select(table.c.id).where(table.c.id == wanted)).first() is None:
            raise bad(f"The profile {wanted} does not exist.")

    def _check_data(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data. Raise 400 unless provider and data can be used, 501 for keys that the provider does not
        know."""
        if self.offer.data is None:
            return {}
        provider, text = given["provider_name"], given[self.offer.data]
        if provider not in self.backend.settings.providers:
            raise bad(f"Provider '{provider}' is not enabled.")
        try:
            data = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise invalid(self.offer.data, text, "Value should be a JSON object in a string")
        check_profile(provider, data, self.offer.keys or {})
        return data

    async def _check_cloud(self, data: Mapping[str, Any]) -> None:
        """Raise 400 for a flavor or a zone that compute says it has not."""
        flavor, zone = data.get("compute_flavor"), data.get("compute_zone")
        try:
            if flavor:
                await self._compute(f"/flavors/{segment(flavor)}")
            if zone:
                zones = (await self._compute("/os-availability-zone"))["availabilityZoneInfo"]
                if zone not in (one["zoneName"] for one in zones):
                    raise bad(f"Compute has no availability zone {zone[:255]}.")
        except CloudError as error:
            if flavor and error.not_found:
                raise bad(f"Compute has no flavor {flavor[:255]}: its id is needed.") from error
        except (CloudUnreachable, ServiceNotInCatalog):
            return  # what cannot be known now is told when a load balancer is made

    async def _compute(self, path: str) -> Any:
        return await self.backend.clouds.own.get("compute", path)


def check_profile(provider: str, data: Mapping[str, Any], keys: Mapping[str, str]) -> None:
    """Raise 501 for what the amphora provider cannot do, as Octavia does."""

    def unusable(reason: str) -> Exception:
        return refuse(501, f"Provider '{provider}' does not support a requested option: {reason}")

    for name, value in data.items():
        if name not in keys:
            raise unusable(f"{name[:255]!r} is not one of {', '.join(keys)}.")
        if name in ("sriov_vip", "allow_member_sriov"):
            if not isinstance(value, bool):
                raise unusable(f"{name} must be true or false.")
        elif name == "valid_vip_networks":
            if not isinstance(value, list) or not all(values.is_identity(item) for item in value):
                raise unusable("valid_vip_networks must be a list of ids.")
        elif not isinstance(value, str):
            raise unusable(f"{name} must be a string.")
        elif name == "loadbalancer_topology" and value not in ("SINGLE", "ACTIVE_STANDBY"):
            raise unusable("loadbalancer_topology must be SINGLE or ACTIVE_STANDBY.")
