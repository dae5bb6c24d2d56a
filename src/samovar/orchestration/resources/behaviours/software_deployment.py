# SPDX-License-Identifier: Apache-2.0
"""Deployments: a configuration with inputs is handed to a server, and its signal awaited.

    source config + inputs ─▶ derived config ─▶ deployment of the server ─▶ (its agent runs it) ─▶ signal

The signal is taken by whoever hears it, with no rights of the stack's owner: it is only noted here. The
engine, which acts for the owner, reads the note and writes down how the deployment ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from samovar.clients import CloudError, ServiceNotInCatalog, segment
from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceFailed,
    ResourceGone,
    Waiting,
)
from samovar.orchestration.resources.behaviours.derived_config import (
    actions_of,
    derived_inputs,
    filled,
    outcome,
)
from samovar.orchestration.resources.behaviours.rest import Body
from samovar.orchestration.resources.behaviours.software_config import CONFIGS

# Notes: the derived config, whether its signal is awaited, and the signal that came.
DERIVED, AWAITING, SIGNAL = "derived_config", "awaiting", "signal"
NO_SIGNAL = "NO_SIGNAL"
DEPLOYMENTS = "/software_deployments"
POLL_SECONDS = 2.0
MOST_WRITTEN = 4000


class SoftwareDeployment(Behaviour):
    """One configuration on one server."""

    async def create(self, context: ResourceContext) -> str | None:
        return await self._deploy(context, "CREATE", context.uuid)

    async def find(self, context: ResourceContext) -> str | None:
        return context.uuid if await self._shown(context, context.uuid) is not None else None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        if await self._must_be_new(context, changes):
            await self._remove(context)
            fresh = str(uuid4())
            await context.set_physical_id(await self._deploy(context, "CREATE", fresh, new=True))
            return
        identity = await self._deploy(context, "UPDATE", context.physical_id or str(uuid4()))
        if identity != context.physical_id:
            await context.set_physical_id(identity)

    async def delete(self, context: ResourceContext) -> None:
        shown = await self._shown(context, context.physical_id)
        if shown is None:
            return
        if (shown["action"], shown["status"]) == ("DELETE", "IN_PROGRESS"):
            return
        config = await self._source(context)
        transport = context.properties.get("signal_transport")
        wanted = "DELETE" in actions_of(config, context.properties) and transport != NO_SIGNAL
        if wanted and await self._can_answer(context):
            await self._deploy(context, "DELETE", str(context.physical_id))
        else:
            await self._remove(context)

    async def suspend(self, context: ResourceContext) -> None:
        await self._again(context, "SUSPEND")

    async def resume(self, context: ResourceContext) -> None:
        await self._again(context, "RESUME")

    async def _again(self, context: ResourceContext, action: str) -> None:
        if context.physical_id is not None:
            await self._deploy(context, action, context.physical_id)

    # Asking the server

    async def _deploy(
        self, context: ResourceContext, action: str, identity: str, *, new: bool = False
    ) -> str | None:
        """Hand the configuration to the server for this action, if it is one of the deployment's."""
        config = await self._source(context)
        if action not in actions_of(config, context.properties):
            return context.physical_id if not new else None
        await self._check_server(context)
        transport = str(context.properties.get("signal_transport"))
        inputs = derived_inputs(
            config,
            context.properties.get("input_values") or {},
            await self._about(context, action, transport),
        )
        before = context.data.get(DERIVED)
        derived = await self._make_config(context, config, inputs)
        await context.set_data(SIGNAL, None)
        await context.set_data(DERIVED, derived)
        await context.set_data(AWAITING, None if transport == NO_SIGNAL else derived)
        done = transport == NO_SIGNAL
        body: Body = {
            "config_id": derived,
            "action": action,
            "status": "COMPLETE" if done else "IN_PROGRESS",
            "status_reason": "Not waiting for outputs signal" if done else "Deploy data available",
            "input_values": dict(context.properties.get("input_values") or {}),
        }
        if await self._shown(context, identity) is None:
            body |= {"id": identity, "server_id": context.properties["server"]}
            await self._request(context, "POST", DEPLOYMENTS, body)
        else:
            await self._request(context, "PUT", f"{DEPLOYMENTS}/{segment(identity)}", body)
        if before and before != derived:
            await self._delete_config(context, before)
        return identity

    async def _source(self, context: ResourceContext) -> Body:
        given = context.properties.get("config")
        if not given:
            return {}
        try:
            return dict(
                (await self._request(context, "GET", f"{CONFIGS.path}/{segment(str(given))}"))[CONFIGS.key]
            )
        except CloudError as error:
            if not error.not_found:
                raise
            raise ResourceFailed(f'There is no software configuration "{given}".', kind="NotFound") from None

    async def _make_config(self, context: ResourceContext, config: Body, inputs: list[Body]) -> str:
        derived = {
            "name": context.properties.get("name") or config.get("name") or context.physical_name,
            "group": config.get("group") or "Heat::Ungrouped",
            "config": self.configuration(context, config, inputs),
            "inputs": inputs,
            "outputs": config.get("outputs") or [],
            "options": config.get("options") or {},
        }
        return str((await self._request(context, "POST", CONFIGS.path, derived))[CONFIGS.key]["id"])

    def configuration(self, context: ResourceContext, config: Body, inputs: list[Body]) -> Any:
        """The text or map that the server gets."""
        return config.get("config") if config.get("config") is not None else ""

    async def _about(
        self, context: ResourceContext, action: str, transport: str
    ) -> list[tuple[str, Any, str]]:
        """The inputs that tell the server about the deployment and where to signal."""
        stack = context.stack
        found = [
            ("deploy_server_id", context.properties["server"], "ID of the server being deployed to"),
            ("deploy_action", action, "Name of the current action being deployed"),
            ("deploy_stack_id", f"{stack.name}/{stack.id}", "ID of the stack this deployment belongs to"),
            ("deploy_resource_name", context.name, "Name of this deployment resource in the stack"),
            ("deploy_signal_transport", transport, "How the server tells its outputs"),
        ]
        if transport == "CFN_SIGNAL":
            # The public URL: people signal too, and agents know their way to the cloud.
            access = await context.signed_access(outside=True)
            found += [
                ("deploy_signal_id", access.signal_url, "URL to signal the outputs at"),
                ("deploy_signal_verb", "POST", "HTTP verb of the signal"),
            ]
        elif transport == "HEAT_SIGNAL":
            address = await context.signal_address()
            auth_url = address.auth_url if await self._in_cloud(context) else context.cloud.auth_url
            found += [
                ("deploy_auth_url", auth_url, "URL of Identity"),
                ("deploy_username", address.user_name, "User that signals"),
                ("deploy_user_id", address.user_id, "Id of the user that signals"),
                ("deploy_password", address.password, "Password of the user that signals"),
                ("deploy_project_id", address.project_id, "Project of the user that signals"),
                ("deploy_domain_id", address.domain_id, "Domain of the user that signals"),
                ("deploy_region_name", address.region_name, "Region of the orchestration service"),
            ]
        elif transport != NO_SIGNAL:
            needed = "object-store" if transport == "TEMP_URL_SIGNAL" else "messaging"
            missing = "" if await context.cloud.has_service(needed) else " in the cloud's catalog"
            raise ResourceFailed(
                f"The signal transport {transport} needs the {needed} service, which is not available"
                f"{missing}; use CFN_SIGNAL or HEAT_SIGNAL."
            )
        return found

    # How it goes

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if context.physical_id is None:
            return None
        await context.refresh()
        shown = await self._shown(context, context.physical_id)
        if shown is None:
            return None
        if shown["status"] == "IN_PROGRESS":
            said = context.data.get(SIGNAL)
            if said is None and action == "DELETE" and not await self._can_answer(context):
                await self._remove(context)  # nobody is there any more to undo anything
                return None
            if said is None:
                return Waiting(
                    f'the server {shown["server_id"]} to deploy "{context.name}" and signal', POLL_SECONDS
                )
            shown = await self._conclude(context, json.loads(said))
        if shown["status"] == "FAILED" and shown["action"] == action:
            raise ResourceFailed(shown["status_reason"], kind="Error", evidence=_wrote(shown))
        if action == "DELETE":
            await self._remove(context)
        return None

    async def _conclude(self, context: ResourceContext, details: Any) -> Body:
        """Write down how the deployment ended; the deployment as it is then."""
        derived = context.data.get(DERIVED, "")
        config = (await self._request(context, "GET", f"{CONFIGS.path}/{segment(derived)}"))[CONFIGS.key]
        found = outcome(details, config["outputs"])
        body = {"output_values": found.outputs, "status": found.status, "status_reason": found.reason}
        path = f"{DEPLOYMENTS}/{segment(context.physical_id or '')}"
        shown = (await self._request(context, "PUT", path, body))["software_deployment"]
        await context.set_data(AWAITING, None)
        return dict(shown)

    async def signal(self, context: ResourceContext, details: Any) -> str:
        if AWAITING not in context.data or SIGNAL in context.data:
            raise ResourceFailed(f'The deployment "{context.name}" waits for no signal.')
        await context.set_data(SIGNAL, json.dumps(details))
        code = details.get("deploy_status_code") if isinstance(details, Mapping) else None
        failed = code is not None and str(code) != "0"
        return f"deployment failed ({code})" if failed else "deployment succeeded"

    async def check(self, context: ResourceContext) -> None:
        if await self._shown(context, context.physical_id) is None:
            raise ResourceGone(f"The software deployment {context.physical_id} is gone.")

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        shown = await self._shown(context, context.physical_id) or {}
        values = shown.get("output_values") or {}
        return {name: shown if name == "show" else values.get(name) for name in names}

    # The parts

    async def _must_be_new(self, context: ResourceContext, changes: Changes) -> bool:
        """Whether an input has changed that asks for a new deployment when it does."""
        if not changes.has("input_values") or context.physical_id is None:
            return False
        before, after = changes.before.get("input_values") or {}, changes.after.get("input_values") or {}
        config = await self._source(context)
        return any(
            each.get("replace_on_change")
            and before.get(each["name"], each.get("default")) != after.get(each["name"], each.get("default"))
            for each in config.get("inputs") or []
        )

    async def _remove(self, context: ResourceContext) -> None:
        await self._gone(context, f"{DEPLOYMENTS}/{segment(context.physical_id or '')}")
        if context.data.get(DERIVED):
            await self._delete_config(context, context.data[DERIVED])

    async def _delete_config(self, context: ResourceContext, identity: str) -> None:
        await self._gone(context, f"{CONFIGS.path}/{segment(identity)}")

    async def _gone(self, context: ResourceContext, path: str) -> None:
        try:
            await self._request(context, "DELETE", path)
        except CloudError as error:
            if not error.not_found:
                raise

    async def _shown(self, context: ResourceContext, identity: str | None) -> Body | None:
        if identity is None:
            return None
        try:
            found = await self._request(context, "GET", f"{DEPLOYMENTS}/{segment(identity)}")
        except CloudError as error:
            if not error.not_found:
                raise
            return None
        return dict(found["software_deployment"])

    async def _server(self, context: ResourceContext) -> Body | None:
        """The server as the compute service has it; None for a machine from elsewhere, or one gone."""
        path = f"/servers/{segment(str(context.properties['server']))}"
        try:
            return dict((await context.cloud.get("compute", path))["server"])
        except ServiceNotInCatalog:
            return None
        except CloudError as error:
            if not error.not_found:
                raise
            return None

    async def _in_cloud(self, context: ResourceContext) -> bool:
        return await self._server(context) is not None

    @staticmethod
    async def _check_server(context: ResourceContext) -> None:
        """A server of this stack must have been told that it is deployed to. Raises ResourceFailed."""
        server = await context.properties_of(str(context.properties["server"])) or {}
        form = server.get("user_data_format", "SOFTWARE_CONFIG")
        if form != "SOFTWARE_CONFIG":
            raise ResourceFailed(
                f"The server has the user_data_format {form}; nothing in it looks for deployments unless that"
                " is SOFTWARE_CONFIG.",
                kind="StackValidationFailed",
            )

    async def _can_answer(self, context: ResourceContext) -> bool:
        """Whether somebody is there to run what is deployed."""
        server = await self._server(context)
        if server is not None:
            return bool(server["status"] == "ACTIVE")
        properties = await context.properties_of(str(context.properties["server"]))
        return properties is not None and "flavor" not in properties  # a machine that is no server of ours

    @staticmethod
    async def _request(context: ResourceContext, method: str, path: str, body: Body | None = None) -> Any:
        return (await context.cloud.request("orchestration", method, path, json=body)).body


def _wrote(shown: Body) -> dict[str, str]:
    """The ends of what the script wrote."""
    values = shown.get("output_values") or {}
    found = {name: str(values.get(f"deploy_{name}") or "") for name in ("stderr", "stdout")}
    return {name: text[-MOST_WRITTEN:] for name, text in found.items() if text.strip()}


class StructuredDeployment(SoftwareDeployment):
    """The same for a configuration that is a map, with places for the inputs."""

    def configuration(self, context: ResourceContext, config: Body, inputs: list[Body]) -> Any:
        values = context.properties
        strict = values.get("input_values_validate") == "STRICT"
        return filled(
            config.get("config") or {}, inputs, values.get("input_key") or "get_input", strict=strict
        )
