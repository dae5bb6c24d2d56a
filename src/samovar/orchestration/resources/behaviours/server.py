# SPDX-License-Identifier: Apache-2.0
"""Servers: made, changed in place step by step, suspended, saved, and read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from samovar.clients import CloudError
from samovar.orchestration.resources.behaviour import (
    Changes,
    ResourceContext,
    ResourceFailed,
    ResourceInError,
    Waiting,
)
from samovar.orchestration.resources.behaviours.collect_config import collect_config
from samovar.orchestration.resources.behaviours.rest import OTHERS, Body, Collection, RestObject, Row
from samovar.orchestration.resources.behaviours.server_attributes import server_attributes
from samovar.orchestration.resources.behaviours.server_body import (
    server_metadata,
    server_request,
    server_user_data,
)
from samovar.orchestration.resources.behaviours.server_interfaces import (
    change_interfaces,
    delete_own_ports,
    give_up_ports,
    take_back_ports,
)
from samovar.orchestration.resources.behaviours.user_data import encoded

# The long steps of an update that are still to do, as JSON: kept durably, done one after the other.
_STEPS = "update_steps"
_SNAPSHOT = "snapshot_image"
_SAVING = "images_before"  # while a snapshot is made: the images of its name that were there before
_SETTLED = {
    "CREATE": "ACTIVE",
    "RESUME": "ACTIVE",
    "RESTORE": "ACTIVE",
    "UPDATE": "ACTIVE",
    "SUSPEND": "SUSPENDED",
}


class Server(RestObject):
    """A server of the compute API."""

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        """Names of servers are not unique: remember who has this one already."""
        if not context.properties.get("name"):
            return {}
        others = await self._named(context, self.chosen_name(context))
        return {OTHERS: ",".join(others)} if others else {}

    async def create(self, context: ResourceContext) -> str | None:
        body, version = await server_request(context, self.chosen_name(context))
        answer = await self.request(context, "POST", "/servers", json=body, microversion=version)
        return str(answer["server"]["id"])

    async def find(self, context: ResourceContext) -> str | None:
        others = context.data.get(OTHERS, "").split(",")
        named = await self._named(context, self.chosen_name(context))
        return next((each for each in named if each not in others), None)

    async def _named(self, context: ResourceContext, name: str) -> list[str]:
        query = {"name": f"^{re.escape(name)}$"}
        listed = await self.request(context, "GET", "/servers", query=query)
        return [str(each["id"]) for each in listed["servers"] if each["name"] == name]

    async def make_way(self, context: ResourceContext) -> Waiting | None:
        attached = await give_up_ports(context)
        return Waiting(f"the old server to let go of port {attached[0]}", 0.1) if attached else None

    async def take_back(self, context: ResourceContext) -> None:
        await take_back_ports(context)

    # Progress.

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if action == "DELETE":
            return await self._deleted(context)
        if action == "SNAPSHOT":
            return await self._saved(context)
        if action not in _SETTLED:
            return None
        shown = await self.show(context)
        state, name = str(shown["status"]), shown["name"]
        if state == "ERROR":
            raise ResourceInError(f'The server "{name}" went to status ERROR{_fault(shown)}')
        if state == "VERIFY_RESIZE" and action in ("UPDATE", "RESTORE"):
            await self._act(context, {"confirmResize": None}, already_so=409)
            return Waiting(f'server "{name}" to confirm its new size', 0.2)
        task = shown.get("OS-EXT-STS:task_state")
        if state != _SETTLED[action] or (task and action != "CREATE"):
            doing = f" ({task})" if task else ""
            return Waiting(f'server "{name}", which is {state}{doing}', 0.3)
        return await self._next_step(context, name) if action == "UPDATE" else None

    async def _deleted(self, context: ResourceContext) -> Waiting | None:
        if context.physical_id is not None:
            try:
                shown = (await self.request(context, "GET", self.object_path(context)))["server"]
            except CloudError as error:
                if not error.not_found:
                    raise
            else:
                state = str(shown["status"])
                if state in ("SOFT_DELETED", "DELETED"):
                    await self._act(context, {"forceDelete": None})
                elif state == "ERROR" and not shown.get("OS-EXT-STS:task_state"):
                    raise ResourceInError(f'The server "{shown["name"]}" could not be deleted{_fault(shown)}')
                return Waiting(f'server "{shown["name"]}" to go, which is {state}', 0.2)
        await delete_own_ports(context)
        return None

    async def check(self, context: ResourceContext) -> None:
        shown = await self.show(context)
        if shown["status"] != "ACTIVE":
            raise ResourceFailed(
                f'The server "{shown["name"]}" is {shown["status"]}, not ACTIVE.', kind="Error"
            )

    # Updates: what is quick at once, what takes time step by step.

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        after = changes.after
        if changes.has("name"):
            await self.put(context, {"name": self.chosen_name(context)})
        if changes.has("metadata"):
            metadata = {"metadata": server_metadata(after.get("metadata"))}
            await self.request(context, "PUT", self.object_path(context, "metadata"), json=metadata)
        if changes.has("tags"):
            path, tags = self.object_path(context, "tags"), {"tags": list(after.get("tags") or [])}
            await self.request(context, "PUT", path, json=tags, microversion="2.26")
        if changes.has("admin_pass"):
            await self._act(context, {"changePassword": {"adminPass": after.get("admin_pass") or ""}})
        if changes.has("networks"):
            await change_interfaces(
                context, changes.before.get("networks") or [], after.get("networks") or []
            )
        if changes.has("software_config_transport") and after.get("user_data_format") == "SOFTWARE_CONFIG":
            await collect_config(context, str(after["software_config_transport"]))
        steps = []
        if changes.has("flavor"):
            steps.append("resize")
        if changes.has("image") or (
            changes.has("user_data") and after.get("user_data_update_policy") == "REBUILD"
        ):
            steps.append("rebuild")
        await context.set_data(_STEPS, json.dumps(steps) if steps else None)

    async def _next_step(self, context: ResourceContext, name: str) -> Waiting | None:
        steps = json.loads(context.data.get(_STEPS, "[]"))
        if not steps:
            return None
        step, rest = steps[0], steps[1:]
        if step == "resize":
            flavor = context.properties["flavor"]
            await self._act(context, {"resize": {"flavorRef": flavor}}, already_so=409)
        else:
            body, version = await self._rebuild_request(context)
            await self._act(context, {"rebuild": body}, microversion=version)
        await context.set_data(_STEPS, json.dumps(rest) if rest else None)
        return Waiting(f'server "{name}" to {step}', 0.3)

    async def _rebuild_request(self, context: ResourceContext) -> tuple[Body, str | None]:
        values = context.properties
        body: Body = {"imageRef": values.get("image"), "name": self.chosen_name(context)}
        if values.get("image_update_policy") == "REBUILD_PRESERVE_EPHEMERAL":
            body["preserve_ephemeral"] = True
        if values.get("admin_pass"):
            body["adminPass"] = values["admin_pass"]
        if values.get("user_data_update_policy") != "REBUILD":
            return body, None
        data = await server_user_data(context, values)
        body["user_data"] = encoded(data) if data is not None else None
        return body, "2.57"

    async def _act(
        self, context: ResourceContext, body: Body, *, microversion: str | None = None, already_so: int = 0
    ) -> Any:
        path = self.object_path(context, "action")
        try:
            return await self.request(context, "POST", path, json=body, microversion=microversion)
        except CloudError as error:
            if error.status != already_so:
                raise
            return None

    # Suspending and saving.

    async def suspend(self, context: ResourceContext) -> None:
        if (await self.show(context))["status"] != "SUSPENDED":
            await self._act(context, {"suspend": None})

    async def resume(self, context: ResourceContext) -> None:
        if (await self.show(context))["status"] != "ACTIVE":
            await self._act(context, {"resume": None})

    async def snapshot(self, context: ResourceContext) -> Mapping[str, str]:
        name = context.physical_name
        saved = context.data.get(_SAVING)
        if saved is None:
            # Images of this name that are there already are those of earlier snapshots.
            await context.set_data(_SAVING, ",".join(await self._images(context, name)))
            image = None
        else:
            there = [each for each in await self._images(context, name) if each not in saved.split(",")]
            image = there[0] if there else None
        if image is None:
            path, body = self.object_path(context, "action"), {"createImage": {"name": name}}
            answer = await context.cloud.request("compute", "POST", path, json=body)
            image = str((answer.body or {}).get("image_id") or answer.headers["location"].rpartition("/")[2])
        await context.set_data(_SNAPSHOT, image)
        return {"snapshot_image_id": image}

    @staticmethod
    async def _images(context: ResourceContext, name: str) -> list[str]:
        found = await context.cloud.get("image", "/v2/images", query={"name": name})
        return [str(each["id"]) for each in found["images"]]

    async def _saved(self, context: ResourceContext) -> Waiting | None:
        image = context.data.get(_SNAPSHOT)
        if image is None:
            return None
        shown = await context.cloud.get("image", f"/v2/images/{image}")
        if shown["status"] in ("killed", "deleted"):
            raise ResourceFailed(f'The image "{shown["name"]}" of the server could not be made.')
        if shown["status"] != "active":
            return Waiting(f'image "{shown["name"]}" of the server, which is {shown["status"]}')
        await context.set_data(_SAVING, None)
        return None

    async def delete_snapshot(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        try:
            await context.cloud.request("image", "DELETE", f"/v2/images/{notes['snapshot_image_id']}")
        except CloudError as error:
            if not error.not_found:
                raise

    async def restore(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        image, name = notes["snapshot_image_id"], self.chosen_name(context)
        await self._act(context, {"rebuild": {"imageRef": image, "name": name}})

    # Reading.

    async def observe(self, context: ResourceContext) -> Mapping[str, Any] | None:
        shown = await self.show(context)
        seen: dict[str, Any] = {}
        if context.properties.get("name") is not None:
            seen["name"] = shown["name"]
        wanted = server_metadata(context.properties.get("metadata"))
        present = {key: value for key, value in shown.get("metadata", {}).items() if key in wanted}
        if present != wanted:
            seen["metadata"] = present
        flavor = (shown.get("flavor") or {}).get("id")
        if flavor is not None:
            seen["flavor"] = flavor
        return seen

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        return await server_attributes(context, names, await self.show(context))


def _fault(shown: Mapping[str, Any]) -> str:
    fault = shown.get("fault") or {}
    return f": {fault['message']}" if fault.get("message") else "."


SERVER = Server(Row(Collection("compute", "/servers", "server", "servers", "server")))
