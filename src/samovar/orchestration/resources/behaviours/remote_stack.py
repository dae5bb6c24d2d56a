# SPDX-License-Identifier: Apache-2.0
"""A stack of another region or cloud (or of this one), through its orchestration API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from samovar.clients import Cloud, CloudError, segment
from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceFailed,
    ResourceGone,
    Waiting,
)

_SERVICE = "orchestration"


class RemoteStack(Behaviour):
    """OS::Heat::Stack. Its physical id is the other stack's id."""

    async def create(self, context: ResourceContext) -> str | None:
        cloud = await self._cloud(context)
        sent = self._body(context) | {"stack_name": context.physical_name, "disable_rollback": True}
        answer = await cloud.request(_SERVICE, "POST", "/stacks", json=sent)
        return str(answer.body["stack"]["id"])

    async def find(self, context: ResourceContext) -> str | None:
        """Names of stacks are unique in a project."""
        cloud = await self._cloud(context)
        query = {"name": context.physical_name}
        listed = (await cloud.get(_SERVICE, "/stacks", query=query))["stacks"]
        return str(listed[0]["id"]) if listed else None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        cloud = await self._cloud(context)
        await cloud.request(_SERVICE, "PUT", await self._path(context, cloud), json=self._body(context))

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        cloud = await self._cloud(context)
        try:
            await cloud.request(_SERVICE, "DELETE", await self._path(context, cloud))
        except ResourceGone:
            return
        except CloudError as error:
            if not error.not_found:
                raise

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if context.physical_id is None:
            return None
        try:
            shown = await self._show(context)
        except ResourceGone:
            if action == "DELETE":
                return None
            raise
        state, status = str(shown["stack_status"]).split("_", 1)
        name = shown["stack_name"]
        if status == "IN_PROGRESS":
            return Waiting(f'stack "{name}", which is {shown["stack_status"]}', 1.0)
        if state != action and not (action == "DELETE" and state != "DELETE"):
            return Waiting(f'stack "{name}" to begin its {action.lower()}', 0.5)
        if status == "FAILED":
            raise ResourceFailed(
                f'The stack "{name}" is {shown["stack_status"]}: {shown["stack_status_reason"]}'
            )
        if action == "DELETE" and state != "DELETE":
            return Waiting(f'stack "{name}" to begin its delete', 0.5)
        return None

    async def suspend(self, context: ResourceContext) -> None:
        await self._action(context, "suspend")

    async def resume(self, context: ResourceContext) -> None:
        await self._action(context, "resume")

    async def check(self, context: ResourceContext) -> None:
        shown = await self._show(context)
        if not str(shown["stack_status"]).endswith("_COMPLETE"):
            raise ResourceFailed(f'The stack "{shown["stack_name"]}" is {shown["stack_status"]}.')

    async def snapshot(self, context: ResourceContext) -> Mapping[str, str]:
        cloud = await self._cloud(context)
        path = await self._path(context, cloud, "snapshots")
        answer = await cloud.request(_SERVICE, "POST", path, json={"name": context.physical_name})
        return {"snapshot": str(answer.body.get("id") or answer.body["snapshot"]["id"])}

    async def restore(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        cloud = await self._cloud(context)
        path = await self._path(context, cloud, "snapshots", notes["snapshot"], "restore")
        await cloud.request(_SERVICE, "POST", path)

    async def delete_snapshot(self, context: ResourceContext, notes: Mapping[str, str]) -> None:
        cloud = await self._cloud(context)
        path = await self._path(context, cloud, "snapshots", notes["snapshot"])
        await cloud.request(_SERVICE, "DELETE", path)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        shown = await self._show(context)
        outputs = {each["output_key"]: each.get("output_value") for each in shown.get("outputs") or []}
        values = {"stack_name": shown["stack_name"], "outputs": outputs, "show": shown}
        return {name: values.get(name) for name in names}

    async def _action(self, context: ResourceContext, verb: str) -> None:
        cloud = await self._cloud(context)
        await cloud.request(_SERVICE, "POST", await self._path(context, cloud, "actions"), json={verb: None})

    async def _show(self, context: ResourceContext) -> dict[str, Any]:
        cloud = await self._cloud(context)
        try:
            return dict((await cloud.get(_SERVICE, await self._path(context, cloud)))["stack"])
        except CloudError as error:
            if error.not_found:
                raise ResourceGone(f"The stack {context.physical_id} is gone.") from None
            raise

    async def _path(self, context: ResourceContext, cloud: Cloud, *steps: str) -> str:
        """Paths have the stack's name before its id; it was made under its physical name."""
        return "/".join(
            ("/stacks", segment(context.physical_name), segment(context.physical_id or ""), *steps)
        )

    def _body(self, context: ResourceContext) -> dict[str, Any]:
        values = context.properties
        sent: dict[str, Any] = {
            "template": values["template"],
            "parameters": dict(values.get("parameters") or {}),
            "files": dict(context.files),
            "environment": {key: value for key, value in context.environment.items() if key != "parameters"},
        }
        if values.get("timeout"):
            sent["timeout_mins"] = values["timeout"]
        return sent

    async def _cloud(self, context: ResourceContext) -> Cloud:
        where = context.properties.get("context") or {}
        if not any(where.get(key) for key in ("region_name", "credential_secret_id", "ca_cert", "insecure")):
            return context.cloud
        auth = None
        if where.get("credential_secret_id"):
            auth = await self._credential(context, str(where["credential_secret_id"]))
        return await context.other_cloud(
            where.get("region_name"), auth, where.get("ca_cert"), bool(where.get("insecure"))
        )

    @staticmethod
    async def _credential(context: ResourceContext, secret: str) -> Mapping[str, Any]:
        """The payload of a key manager secret, which is JSON."""
        secret_id = secret.rpartition("/")[2]
        answer = await context.cloud.request(
            "key-manager", "GET", f"/v1/secrets/{secret_id}/payload", headers={"accept": "text/plain"}
        )
        text = answer.body.decode() if isinstance(answer.body, bytes) else str(answer.body)
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError):
            raise ResourceFailed(
                f"The secret {secret_id} does not hold JSON with auth_type and auth.",
                kind="StackValidationFailed",
            ) from None
