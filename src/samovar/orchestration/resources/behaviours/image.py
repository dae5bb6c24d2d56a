# SPDX-License-Identifier: Apache-2.0
"""Images that the image service fetches from a URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import Changes, ResourceContext, ResourceFailed, Waiting
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

_PATCH = {"content-type": "application/openstack-images-v2.1-json-patch"}
_FIXED = frozenset({"name", "visibility", "protected", "tags", "owner", "min_disk", "min_ram"})
_SEPARATE = frozenset({"location", "active", "members", "extra_properties", "id"})


class WebImage(RestObject):
    """Its id is chosen here, so that an interrupted create finds its image."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        return sent | dict(values.get("extra_properties") or {})

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        wanted = context.properties.get("id")
        return {"others": str(wanted)} if wanted and await self._exists(context, str(wanted)) else {}

    async def create(self, context: ResourceContext) -> str | None:
        image = self._chosen_id(context)
        sent = self.body(context, context.properties, updating=False)
        sent |= {"id": image, "name": self.chosen_name(context)}
        await self.post(context, sent)
        await context.set_physical_id(image)
        await self._fetch(context, image)
        return image

    async def find(self, context: ResourceContext) -> str | None:
        image = self._chosen_id(context)
        if context.data.get("others") or not await self._exists(context, image):
            return None
        shown = await self.request(context, "GET", f"{self.collection.path}/{image}")
        if shown.get("status") == "queued":
            await self._fetch(context, image)
        return image

    async def _fetch(self, context: ResourceContext, image: str) -> None:
        method = {"name": "web-download", "uri": context.properties["location"]}
        await self.request(context, "POST", f"{self.collection.path}/{image}/import", json={"method": method})
        for member in context.properties.get("members") or []:
            await self._share(context, image, str(member))

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if action != "CREATE":
            return None
        shown = await self.show(context)
        state = str(shown.get("status"))
        if state in ("active", "deactivated"):
            if context.properties.get("active") is False and state == "active":
                await self._activate(context, False)
            return None
        if state in ("killed", "deleted", "pending_delete") or shown.get("os_glance_failed_import"):
            raise ResourceFailed(
                f"The image could not be fetched from {context.properties['location']}; it is {state}.",
                kind="ResourceInError",
            )
        return Waiting(f'image "{shown.get("name")}", which is {state}', 1.0)

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        patch = [_patch(name, changes) for name in sorted(changes.names - _SEPARATE)]
        if changes.has("extra_properties"):
            patch += self._extra_patch(changes)
        if patch:
            await self.request(context, "PATCH", self.object_path(context), json=patch, headers=_PATCH)
        if changes.has("active"):
            await self._activate(context, bool(changes.after.get("active")))
        if changes.has("members"):
            await self._admit(context, changes)

    @staticmethod
    def _extra_patch(changes: Changes) -> list[Body]:
        before = changes.before.get("extra_properties") or {}
        after = changes.after.get("extra_properties") or {}
        gone = [{"op": "remove", "path": f"/{name}"} for name in sorted(before.keys() - after.keys())]
        return gone + [
            {"op": "add", "path": f"/{name}", "value": value}
            for name, value in after.items()
            if before.get(name) != value
        ]

    async def _activate(self, context: ResourceContext, active: bool) -> None:
        verb = "reactivate" if active else "deactivate"
        await self.request(context, "POST", self.object_path(context, "actions", verb))

    async def _admit(self, context: ResourceContext, changes: Changes) -> None:
        before, after = set(changes.before.get("members") or []), set(changes.after.get("members") or [])
        for member in sorted(before - after):
            await self.request(context, "DELETE", self.object_path(context, "members", str(member)))
        for member in sorted(after - before):
            await self._share(context, str(context.physical_id), str(member))

    async def _share(self, context: ResourceContext, image: str, member: str) -> None:
        path = f"{self.collection.path}/{image}/members"
        try:
            await self.request(context, "POST", path, json={"member": member})
        except CloudError as error:
            if not error.conflict:
                raise

    async def _exists(self, context: ResourceContext, image: str) -> bool:
        try:
            await self.request(context, "GET", f"{self.collection.path}/{image}")
        except CloudError as error:
            if error.not_found:
                return False
            raise
        return True

    @staticmethod
    def _chosen_id(context: ResourceContext) -> str:
        return str(context.properties.get("id") or context.uuid)


def _patch(name: str, changes: Changes) -> Body:
    """The change of one field. Those that not every image has are added (again) or removed."""
    value = changes.after.get(name)
    if name in _FIXED:
        return {"op": "replace", "path": f"/{name}", "value": value}
    if value is None:
        return {"op": "remove", "path": f"/{name}"}
    return {"op": "add", "path": f"/{name}", "value": value}


WEB_IMAGE = WebImage(
    Row(
        Collection("image", "/v2/images", "", "images", "image"),
        omitted=_SEPARATE,
        status="status",
        ready=frozenset({"active", "deactivated"}),
        failed=frozenset({"killed", "deleted"}),
        observed=("name", "visibility", "protected", "tags"),
    )
)
