# SPDX-License-Identifier: Apache-2.0
"""Secrets, orders and containers of the key manager. They are known by their address, their `…_ref`."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from samovar.clients import segment
from samovar.orchestration.resources.behaviour import ResourceContext, ResourceInError, Waiting
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

SERVICE = "key-manager"
PAGE = "100"


class Kept(RestObject):
    """An object whose id is its address; the collection's key is the name of the address."""

    async def create(self, context: ResourceContext) -> str | None:
        sent = self.body(context, context.properties, updating=False)
        path = self.collection.path
        answer = await self.request(context, "POST", path, json=self.named(context, sent))
        reference = str(answer[self.collection.key])
        await context.set_physical_id(reference)
        return reference

    def named(self, context: ResourceContext, sent: Body) -> Body:
        """What is sent, with the name in its place."""
        return {**sent, "name": self.chosen_name(context)}

    def name_of(self, shown: Body) -> str:
        return str(shown.get("name"))

    async def list(self, context: ResourceContext, **query: str) -> list[Body]:
        found = await self.request(context, "GET", self.collection.path, query={"limit": PAGE, **query})
        listed = [dict(each) | {"id": each[self.collection.key]} for each in found[self.collection.plural]]
        return [each for each in listed if self.name_of(each) == self.chosen_name(context)]

    def object_path(self, context: ResourceContext, *steps: str) -> str:
        identity = (context.physical_id or "").rstrip("/").rpartition("/")[2]
        return "/".join((self.collection.path, segment(identity), *steps))

    def unwrapped(self, answer: Any) -> Body:
        return dict(answer)

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if action != "CREATE":
            return None
        shown = await self.show(context)
        if shown.get("status") == "ERROR":
            reason = shown.get("error_reason") or "the key manager does not say why"
            raise ResourceInError(f"The {self.collection.noun} went to status ERROR: {reason}.")
        if shown.get("status") == "PENDING":
            return Waiting(f"the {self.collection.noun}, which is PENDING")
        return None


class Secret(Kept):
    """A payload; text unless its content type says otherwise."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        if "payload" in sent:
            sent.setdefault("payload_content_type", "text/plain")
        return sent

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        found = dict(await super().attributes(context, names))
        if "decrypted_payload" in names:
            found["decrypted_payload"] = await payload(context, await self.show(context))
        return found


class Order(Kept):
    """What is to be made; the name is in its meta."""

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        sent = super().body(context, values, updating=updating)
        kind = sent.pop("type")
        return {"type": kind, "meta": sent}

    def named(self, context: ResourceContext, sent: Body) -> Body:
        return {**sent, "meta": {**sent["meta"], "name": self.chosen_name(context)}}

    def name_of(self, shown: Body) -> str:
        return str((shown.get("meta") or {}).get("name"))

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        found = dict(await super().attributes(context, names))
        parts = names & {"certificate", "intermediates", "private_key", "public_key"}
        if parts:
            shown = await self.show(context)
            held = await _held(context, shown.get("container_ref"))
            read = await asyncio.gather(*(_read(context, held.get(name)) for name in sorted(parts)))
            found |= dict(zip(sorted(parts), read, strict=True))
        return found


class Container(Kept):
    """Secrets that belong together: `kind`, and the properties that name them."""

    def __init__(self, row: Row, kind: str) -> None:
        super().__init__(row)
        self.kind = kind

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        if self.kind == "generic":
            given = {each["name"]: each["ref"] for each in values.get("secrets") or ()}
        else:
            given = {
                name.removesuffix("_ref"): value
                for name, value in values.items()
                if name.endswith("_ref") and value
            }
        refs = [{"name": name, "secret_ref": reference} for name, reference in given.items()]
        return {"type": self.kind, "secret_refs": refs}

    def attribute(self, shown: Body, name: str) -> Any:
        if name == "secret_refs":
            return {each.get("name") or "": each["secret_ref"] for each in shown.get("secret_refs") or ()}
        return super().attribute(shown, name)


async def _held(context: ResourceContext, reference: str | None) -> dict[str, str]:
    """The secrets of a container, by name."""
    if not reference:
        return {}
    identity = segment(reference.rpartition("/")[2])
    answer = await context.cloud.request(SERVICE, "GET", f"/v1/containers/{identity}")
    return {each["name"]: each["secret_ref"] for each in answer.body["secret_refs"]}


async def _read(context: ResourceContext, reference: str | None) -> str | None:
    if not reference:
        return None
    identity = segment(reference.rpartition("/")[2])
    shown = (await context.cloud.request(SERVICE, "GET", f"/v1/secrets/{identity}")).body
    return await payload(context, shown)


async def payload(context: ResourceContext, shown: Body) -> str | None:
    """What the secret holds, as text; what is not text in base64."""
    kind = (shown.get("content_types") or {}).get("default")
    if kind is None:
        return None
    identity = segment(str(shown["secret_ref"]).rpartition("/")[2])
    path = f"/v1/secrets/{identity}/payload"
    answer = await context.cloud.request(SERVICE, "GET", path, headers={"accept": kind})
    content = answer.body if isinstance(answer.body, bytes) else str(answer.body).encode()
    try:
        return content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()


def _kept(plural: str, noun: str) -> Row:
    return Row(Collection(SERVICE, f"/v1/{plural}", f"{plural[:-1]}_ref", plural, noun))


SECRET = Secret(_kept("secrets", "secret"))
ORDER = Order(_kept("orders", "order"))
GENERIC_CONTAINER = Container(_kept("containers", "container"), "generic")
CERTIFICATE_CONTAINER = Container(_kept("containers", "container"), "certificate")
RSA_CONTAINER = Container(_kept("containers", "container"), "rsa")
