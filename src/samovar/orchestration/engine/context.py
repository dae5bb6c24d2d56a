# SPDX-License-Identifier: Apache-2.0
"""What a behaviour gets in its hands: one resource in one action of one operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from samovar.clients import Cloud
from samovar.orchestration.resources.behaviour import (
    Adjustment,
    ResourceFailed,
    SignalAddress,
    SignedAccess,
    StackIdentity,
)
from samovar.orchestration.resources.schema import ResourceType

from .deferred import other_cloud
from .rows import Resource, physical_name
from .signed_access import seen_from_servers, signed_access

if TYPE_CHECKING:
    from .loaded import LoadedStack


class Context:
    """Implements `resources.behaviour.ResourceContext` on a row of a running stack."""

    __slots__ = ("_type", "row", "run", "values")

    def __init__(
        self, run: LoadedStack, row: Resource, declared: ResourceType, values: Mapping[str, Any] | None = None
    ) -> None:
        self.run, self.row, self._type = run, row, declared
        self.values = values

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def uuid(self) -> str:
        return self.row.id

    @property
    def type(self) -> ResourceType:
        return self._type

    @property
    def properties(self) -> Mapping[str, Any]:
        return self.values if self.values is not None else (self.row.properties or {})

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.row.metadata

    @property
    def physical_id(self) -> str | None:
        return self.row.physical_id

    @property
    def physical_name(self) -> str:
        return physical_name(self.run.stack.name, self.row, self._type.name_limit)

    @property
    def data(self) -> Mapping[str, str]:
        return {**self.row.data, **self.row.secrets} if self.row.secrets else self.row.data

    @property
    def stack(self) -> StackIdentity:
        return self.run.identity

    @property
    def cloud(self) -> Cloud:
        return self.run.cloud

    @property
    def files(self) -> Mapping[str, str]:
        return self.run.definition.files

    @property
    def environment(self) -> Mapping[str, Any]:
        return self.run.definition.environment

    async def other_cloud(
        self, region_name: str | None, auth: Mapping[str, Any] | None, ca_cert: str | None, insecure: bool
    ) -> Cloud:
        return other_cloud(self.cloud, region_name, auth, ca_cert, insecure)

    async def set_data(self, key: str, value: str | None, *, secret: bool = False) -> None:
        keep, other = (self.row.secrets, self.row.data) if secret else (self.row.data, self.row.secrets)
        other.pop(key, None)
        if value is None:
            keep.pop(key, None)
        else:
            keep[key] = value
        await self.run.keep(self.row)

    async def set_physical_id(self, physical_id: str | None) -> None:
        self.row.physical_id = physical_id
        await self.run.keep(self.row)

    async def set_metadata(self, metadata: Mapping[str, Any]) -> None:
        self.row.metadata = dict(metadata)
        await self.run.keep(self.row)

    async def metadata_of(self, reference: str) -> Mapping[str, Any] | None:
        row = await self.run.fresh_row_by_reference(reference)
        return None if row is None else row.metadata

    async def properties_of(self, reference: str) -> Mapping[str, Any] | None:
        row = await self.run.fresh_row_by_reference(reference)
        return None if row is None else row.properties

    async def clear_metadata_of(self, reference: str) -> None:
        row = await self.run.fresh_row_by_reference(reference)
        if row is not None:
            row.metadata = {}
            await self.run.keep(row)

    async def refresh(self) -> None:
        await self.run.reload(self.row)

    async def scale_group(self, reference: str, adjustment: Adjustment) -> str | None:
        from .scaling import scale_group

        return await scale_group(self.run, reference, adjustment)

    async def signed_access(self, *, outside: bool = False) -> SignedAccess:
        return await signed_access(self, outside)

    def seen_from_servers(self, url: str) -> str:
        return seen_from_servers(self.run.parts, url)

    async def signal_address(self, *, outside: bool = False) -> SignalAddress:
        if self.run.signal_users is None:
            raise ResourceFailed(
                f"{self._type.name} needs a user of the stack domain, and none is configured "
                "(stack_user_domain_id and stack_domain_admin)."
            )
        return await self.run.signal_users.address_of(self, outside)
