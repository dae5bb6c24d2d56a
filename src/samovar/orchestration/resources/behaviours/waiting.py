# SPDX-License-Identifier: Apache-2.0
"""Wait conditions, and the handles at which they are signalled."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceFailed,
    SignalAddress,
    Waiting,
)

_KEYS = ("id", "status", "data", "reason")
_TOKEN = "token"
_BEGUN = "begun"
_UNTIL = "until"


class WaitConditionFailure(ResourceFailed):
    """A signal said FAILURE."""

    kind = "WaitConditionFailure"


class WaitConditionTimeout(ResourceFailed):
    """Too few signals came in time."""

    kind = "WaitConditionTimeout"


class WaitConditionHandle(Behaviour):
    """Keeps the signals it received in its metadata, by id."""

    async def create(self, context: ResourceContext) -> str | None:
        transport = context.properties.get("signal_transport")
        if transport in ("TEMP_URL_SIGNAL", "ZAQAR_SIGNAL"):
            needed = "object-store" if transport == "TEMP_URL_SIGNAL" else "messaging"
            if not await context.cloud.has_service(needed):
                raise ResourceFailed(
                    f"The signal transport {transport} needs the {needed} service, which the cloud's"
                    " catalog has not got."
                )
            raise ResourceFailed(f"The signal transport {transport} is not available for wait conditions.")
        address = await context.signal_address()
        # The token of the first day stays that of the handle: what was made with it must not change later.
        await context.set_data(_TOKEN, address.token, secret=True)
        return address.user_id

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        address = await context.signal_address()
        address = replace(address, token=context.data.get(_TOKEN, address.token))
        transport = str(context.properties.get("signal_transport"))
        values: dict[str, Any] = {"signal": json.dumps(signal_details(transport, address))}
        if transport in ("TOKEN_SIGNAL", "CFN_SIGNAL"):
            endpoint = address.endpoint if transport == "TOKEN_SIGNAL" else address.presigned_url
            values["endpoint"] = endpoint
            values["curl_cli"] = curl_command(
                endpoint, address.token if transport == "TOKEN_SIGNAL" else None
            )
        if transport == "TOKEN_SIGNAL":
            values["token"] = address.token
        return {name: values.get(name) for name in names}

    async def signal(self, context: ResourceContext, details: Any) -> str:
        given = details if isinstance(details, Mapping) else {}
        unknown = sorted(set(given) - set(_KEYS))
        if unknown or not (details is None or isinstance(details, Mapping)):
            raise ResourceFailed(f"A signal may only have the keys {', '.join(_KEYS)}.", kind="ValueError")
        received = dict(context.metadata)
        number = len(received) + 1
        status = str(given.get("status", "SUCCESS"))
        if status not in ("SUCCESS", "FAILURE"):
            raise ResourceFailed(
                f'The status of a signal is SUCCESS or FAILURE, not "{status[:40]}".', kind="ValueError"
            )
        reason = str(given.get("reason", f"Signal {number} received"))
        entry = {"data": given.get("data"), "reason": reason, "status": status}
        await context.set_metadata(received | {str(given.get("id", number)): entry})
        return f"status:{status} reason:{reason}"


def signal_details(transport: str, address: SignalAddress) -> dict[str, str]:
    """What a client needs to signal, as the attribute `signal` shows it."""
    match transport:
        case "CFN_SIGNAL":
            return {"alarm_url": address.presigned_url}
        case "TOKEN_SIGNAL":
            return {"alarm_url": address.endpoint, "token": address.token}
        case "HEAT_SIGNAL":
            return {
                "auth_url": address.auth_url,
                "username": address.user_name,
                "user_id": address.user_id,
                "password": address.password,
                "project_id": address.project_id,
                "domain_id": address.domain_id,
                "region_name": address.region_name,
            }
        case _:
            return {}


def curl_command(endpoint: str, token: str | None) -> str:
    """A command to which the user adds the signal itself, with --data-binary."""
    headers = ["Content-Type: application/json", "Accept: application/json"]
    if token is not None:
        headers.insert(0, f"X-Auth-Token: {token}")
    where = f"'{endpoint}'" if "&" in endpoint else endpoint
    return " ".join(["curl -i -X POST", *(f"-H '{header}'" for header in headers), where])


class PresignedHandle(WaitConditionHandle):
    """A handle whose reference is the URL to signal; every key of a signal is required."""

    async def create(self, context: ResourceContext) -> str | None:
        address = await context.signal_address()
        await context.set_data("url", (await context.signed_access()).waitcondition_url)
        return address.user_id

    def reference(self, context: ResourceContext) -> str | None:
        return context.data.get("url") or context.name

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        return dict.fromkeys(names)

    async def signal(self, context: ResourceContext, details: Any) -> str:
        pairs = {"id": "UniqueId", "status": "Status", "data": "Data", "reason": "Reason"}
        if not isinstance(details, Mapping) or set(details) != set(pairs.values()):
            raise ResourceFailed(
                f"A signal must have the keys {', '.join(pairs.values())}.", kind="ValueError"
            )
        return await super().signal(context, {ours: details[theirs] for ours, theirs in pairs.items()})


class WaitCondition(Behaviour):
    """Done when its handle has enough signals, all of success."""

    handle, count, timeout = "handle", "count", "timeout"

    async def create(self, context: ResourceContext) -> str | None:
        await context.set_data(_BEGUN, repr(time.time()))
        return context.physical_name

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        await context.set_data(_BEGUN, repr(time.time()))

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if action not in ("CREATE", "UPDATE"):
            return None
        received = await self._signals(context)
        wanted = int(context.properties.get(self.count) or 1)
        failed = [str(each.get("reason")) for each in received.values() if each.get("status") == "FAILURE"]
        if failed:
            raise WaitConditionFailure(";".join(failed))
        if len(received) >= wanted:
            return None
        begun = float(context.data.get(_BEGUN, "0"))
        left = begun + float(context.properties[self.timeout]) - time.time()
        so_far = f"{len(received)} of {wanted} received"
        if left <= 0:
            reasons = ";".join(str(each.get("reason")) for each in received.values())
            raise WaitConditionTimeout(f"{so_far} - {reasons}" if reasons else so_far)
        pause = min(1.0, max(left, 0.05))
        return Waiting(f"signals, {so_far}", pause, left=left, about="signals")

    async def delete(self, context: ResourceContext) -> None:
        await context.clear_metadata_of(str(context.properties.get(self.handle)))

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        received = await self._signals(context) if names & {"data", "Data"} else {}
        data = json.dumps({key: each.get("data") for key, each in received.items()})
        return {name: data if name in ("data", "Data") else None for name in names}

    async def _signals(self, context: ResourceContext) -> Mapping[str, Any]:
        handle = str(context.properties.get(self.handle))
        received = await context.metadata_of(handle)
        if received is None:
            raise ResourceFailed(f'The handle "{handle}" is no resource of this stack.', kind="ValueError")
        return received


class AwsWaitCondition(WaitCondition):
    """The same with the names of AWS."""

    handle, count, timeout = "Handle", "Count", "Timeout"


class Delay(Behaviour):
    """Lets time pass in the actions it takes part in: a fixed time, and some more at random."""

    async def create(self, context: ResourceContext) -> str | None:
        await self._begin(context, "CREATE")
        return context.physical_name

    async def delete(self, context: ResourceContext) -> None:
        await self._begin(context, "DELETE")

    async def suspend(self, context: ResourceContext) -> None:
        await self._begin(context, "SUSPEND")

    async def resume(self, context: ResourceContext) -> None:
        await self._begin(context, "RESUME")

    async def _begin(self, context: ResourceContext, action: str) -> None:
        """Note when it will be over; one that goes on after a crash does not begin again."""
        values = context.properties
        until = context.data.get(_UNTIL, "")
        if action not in values["actions"] or until.startswith(f"{action} "):
            return
        most = float(values["max_jitter"]) * float(values["jitter_multiplier"])
        seconds = float(values["min_wait"]) + random.uniform(0, most)
        await context.set_data(_UNTIL, f"{action} {time.time() + seconds!r}")

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        of, _, until = context.data.get(_UNTIL, "").partition(" ")
        if of != action:
            return None
        left = float(until) - time.time()
        if left > 0:
            return Waiting("its delay to be over", min(left, 1.0))
        await context.set_data(_UNTIL, None)
        return None


class AccessPolicy(Behaviour):
    """A value only: what the names of users of the stack are checked against."""

    async def create(self, context: ResourceContext) -> str | None:
        return context.physical_name
