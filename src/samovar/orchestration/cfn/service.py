# SPDX-License-Identifier: Apache-2.0
"""The CloudFormation API: stacks by signed requests, signal URLs, and the metadata that agents ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from samovar.clients import CloudError
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.requests import ActionNotAllowed
from samovar.orchestration.engine.rows import Resource, Stack
from samovar.orchestration.engine.signals import refuse_signal, take_signal
from samovar.orchestration.software import server_metadata
from samovar.web import Api, Call, Reply, health_routes

from .actions import ACTIONS, Stacks, needed
from .answers import rendered
from .callers import caller
from .errors import refusal, refused_by_heat, render_fault
from .signed import find_resource, holds_keys, load_signalled

LARGEST_SIGNAL = 1_048_576


class Service:
    """The API of one process. Requests are signed; there are no tokens here."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def api(self) -> Api:
        api = Api("cloudformation", render_fault=render_fault, max_body=LARGEST_SIGNAL)
        health_routes(api, {})
        for kind, verb in (("signal", "POST"), ("waitcondition", "PUT")):
            api.route(verb, f"/v1/{kind}/{{resource:path}}", self.signal, raw_body=True)
        for path in ("/v1", "/v1/"):
            for method in ("GET", "POST"):
                api.route(method, path, self.act, raw_body=True)
        return api

    async def start(self) -> None:
        """Nothing runs in the background here."""

    async def stop(self) -> None:
        """Nothing runs in the background here."""

    # Signals

    async def signal(self, call: Call) -> Reply:
        """Take a signal for the resource of the ARN in the path."""
        stack, separator, name = call.path["resource"].rpartition("/resources/")
        if not separator:
            raise refusal("InvalidParameterValue", "The path names no resource of a stack.")
        owner, row = await find_resource(self.parts, call, stack, name, dict(call.query))
        loaded, row = await load_signalled(self.parts, owner, row)
        details = await self._details(call)
        try:
            refuse_signal(loaded, row, details)
        except ActionNotAllowed as error:
            raise refusal("InvalidAction", str(error)) from error
        if call.request.method == "POST":
            await take_signal(loaded, row, details)
            return Reply(200, "")
        try:
            await take_signal(loaded, row, details, answered=True)
        except ActionNotAllowed as error:
            raise refusal("InvalidParameterValue", str(error)) from error
        return Reply(200, f"<resource>{escape(name)}</resource>", {"content-type": "text/xml"})

    @staticmethod
    async def _details(call: Call) -> Any:
        body = await _read(call)
        if not body.strip():
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise refusal("InvalidParameterValue", "The body of a signal is JSON.") from None

    # The Query API

    async def act(self, call: Call) -> Reply:
        """One action: of who signed with keys of their own, or of a resource for its own metadata."""
        params = dict(call.query)
        body = b""
        if call.request.method == "POST":
            body = await _read(call)
            params |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        name = params.get("Action")
        if not name:
            raise refusal("MissingAction", "The request names no Action.")
        action = ACTIONS.get(name)
        if action is None:
            raise refusal(
                "InvalidAction", f'There is no action "{name}"; there are {", ".join(sorted(ACTIONS))}.'
            )
        if name == "DescribeStackResource" and await holds_keys(self.parts, params):
            result = await self._own_resource(call, params)
        else:
            stacks = Stacks(await caller(self.parts, call, params, body))
            try:
                result = await action(stacks, params)
            except CloudError as error:
                raise refused_by_heat(error) from error
        answer = {f"{name}Response": {f"{name}Result": result}}
        text, headers = rendered(answer, params.get("ContentType"))
        return Reply(200, text, dict(headers))

    async def _own_resource(self, call: Call, params: Mapping[str, str]) -> dict[str, Any]:
        for name in ("StackName", "LogicalResourceId"):
            needed(params, name)
        stack, row = await find_resource(
            self.parts, call, params["StackName"], params["LogicalResourceId"], params, reading=True
        )
        return await self._detail(stack, row)

    async def _detail(self, stack: Stack, row: Resource) -> dict[str, Any]:
        notes = {**row.data, **row.secrets}
        metadata = await self.parts.database.read(
            lambda c: server_metadata(c, row.metadata, notes, row.physical_id, stack.project_id)
        )
        updated = row.updated_at or row.created_at
        return {
            "StackResourceDetail": {
                "Description": row.definition.get("description", ""),
                "LastUpdatedTimestamp": updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "LogicalResourceId": row.name,
                "Metadata": json.dumps(metadata) if metadata else "",
                "PhysicalResourceId": row.physical_id or "",
                "ResourceStatusReason": row.status_reason,
                "ResourceStatus": f"{row.action}_{row.status}",
                "ResourceType": row.type,
                "StackId": stack.arn,
                "StackName": stack.name,
            }
        }


async def _read(call: Call) -> bytes:
    body = b""
    async for chunk in call.request.stream():
        body += chunk
        if len(body) > LARGEST_SIGNAL:
            raise refusal("InvalidParameterValue", f"The body has more than {LARGEST_SIGNAL} bytes.")
    return body
