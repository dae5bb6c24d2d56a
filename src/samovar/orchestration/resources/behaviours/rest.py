# SPDX-License-Identifier: Apache-2.0
"""Objects of a REST collection: one row of a table says all that is particular to a type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from samovar.clients import CloudError, segment
from samovar.orchestration.resources.behaviour import (
    Behaviour,
    Changes,
    ResourceContext,
    ResourceGone,
    ResourceInError,
    Waiting,
)

Body = dict[str, Any]
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Collection:
    """Where a kind of object lives: service type of the catalog, path of the collection, keys of the JSON."""

    service: str
    path: str
    key: str
    plural: str
    noun: str
    microversion: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """How a type maps onto its collection.

    renames: property -> field of the body. omitted: properties that are not fields. named: whether the object
    has a name, made from the stack's when not given. ready and failed: values of `status`. observed: the
    properties whose fields can be compared with what was asked for. attributes: attribute -> field.
    """

    collection: Collection
    renames: Mapping[str, str] = field(default_factory=dict)
    omitted: frozenset[str] = frozenset()
    create_only: frozenset[str] = frozenset()
    named: bool = True
    status: str | None = None
    ready: frozenset[str] = frozenset({"ACTIVE"})
    failed: frozenset[str] = frozenset({"ERROR"})
    update_method: str = "PUT"
    observed: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


class RestObject(Behaviour):
    """Creates, updates, deletes and reads one object of a collection."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.collection = row.collection

    # What subclasses shape.

    def body(self, context: ResourceContext, values: Mapping[str, Any], *, updating: bool) -> Body:
        """The fields sent for these property values; None values are left out of a create."""
        sent: Body = {}
        for name, value in values.items():
            if name in self.row.omitted or (updating and name in self.row.create_only):
                continue
            if value is not None or updating:
                sent[self.row.renames.get(name, name)] = value
        return sent

    async def after_create(self, context: ResourceContext, shown: Body) -> None:
        """What else a new object needs, such as tags."""

    async def after_update(self, context: ResourceContext, changes: Changes) -> None:
        """What else an update means."""

    def attribute(self, shown: Body, name: str) -> Any:
        return shown.get(self.row.attributes.get(name, name))

    # The life of an object.

    def chosen_name(self, context: ResourceContext) -> str:
        return str(context.properties.get("name") or context.physical_name)

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        """A name that the user chose may be others' too: remember theirs, so that `find` tells them apart."""
        if not self.row.named or not context.properties.get("name"):
            return {}
        others = await self.list(context, name=self.chosen_name(context))
        return {OTHERS: ",".join(str(each["id"]) for each in others)} if others else {}

    async def create(self, context: ResourceContext) -> str | None:
        sent = self.body(context, context.properties, updating=False)
        if self.row.named:
            sent["name"] = self.chosen_name(context)
        shown = await self.post(context, sent)
        await context.set_physical_id(str(shown["id"]))
        await self.after_create(context, shown)
        return str(shown["id"])

    async def find(self, context: ResourceContext) -> str | None:
        """By name; only an object that was not there before. Completes what creation had still to do."""
        if not self.row.named:
            return None
        others = context.data.get(OTHERS, "").split(",")
        for shown in await self.list(context, name=self.chosen_name(context)):
            if str(shown["id"]) not in others:
                await self.after_create(context, shown)
                return str(shown["id"])
        return None

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        changed = {name: changes.after.get(name) for name in changes.names}
        sent = self.body(context, changed, updating=True)
        if "name" in sent:
            sent["name"] = self.chosen_name(context)
        if sent:
            await self.put(context, sent)
        await self.after_update(context, changes)

    async def delete(self, context: ResourceContext) -> None:
        if context.physical_id is None:
            return
        try:
            await self.request(context, "DELETE", self.object_path(context))
        except CloudError as error:
            if not error.not_found:
                raise

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        if self.row.status is None or action not in ("CREATE", "UPDATE"):
            return None
        shown = await self.show(context)
        state = str(shown.get(self.row.status))
        if state in self.row.ready:
            return None
        noun = f'{self.collection.noun} "{shown.get("name") or context.physical_id}"'
        if state in self.row.failed:
            raise ResourceInError(f"The {noun} went to status {state}.")
        return Waiting(f"{noun}, which is {state}")

    async def observe(self, context: ResourceContext) -> Mapping[str, Any] | None:
        shown = await self.show(context)
        seen = {}
        for name in self.row.observed:
            wanted = context.properties.get(name)
            if wanted is None:
                continue
            value = self.observed_value(shown, name)
            seen[name] = wanted if _same(wanted, value) else value
        return seen

    def observed_value(self, shown: Body, name: str) -> Any:
        return shown.get(self.row.renames.get(name, name))

    async def check(self, context: ResourceContext) -> None:
        waiting = await self.progress(context, "CREATE")
        if waiting is not None:
            raise ResourceInError(f"It is not well: {waiting.for_what}.")
        await self.show(context)

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        shown = await self.show(context)
        return {name: shown if name == "show" else self.attribute(shown, name) for name in names}

    # Requests.

    def object_path(self, context: ResourceContext, *steps: str) -> str:
        return "/".join((self.collection.path, segment(context.physical_id or ""), *steps))

    async def request(self, context: ResourceContext, method: str, path: str, **options: Any) -> Any:
        options.setdefault("microversion", self.collection.microversion)
        answer = await context.cloud.request(self.collection.service, method, path, **options)
        return answer.body

    async def show(self, context: ResourceContext) -> Body:
        """The object as its service shows it. Raises ResourceGone."""
        if context.physical_id is None:
            raise ResourceGone(f"The {self.collection.noun} was never made.")
        try:
            return self.unwrapped(await self.request(context, "GET", self.object_path(context)))
        except CloudError as error:
            if error.not_found:
                raise ResourceGone(f"The {self.collection.noun} {context.physical_id} is gone.") from None
            raise

    async def list(self, context: ResourceContext, **query: str) -> list[Body]:
        found = await self.request(context, "GET", self.collection.path, query=query)
        return list(found[self.collection.plural])

    async def post(self, context: ResourceContext, sent: Body) -> Body:
        answer = await self.request(context, "POST", self.collection.path, json=self.wrapped(sent))
        return self.unwrapped(answer)

    async def put(self, context: ResourceContext, sent: Body) -> None:
        await self.request(
            context, self.row.update_method, self.object_path(context), json=self.wrapped(sent)
        )

    def wrapped(self, sent: Body) -> Any:
        return {self.collection.key: sent} if self.collection.key else sent

    def unwrapped(self, answer: Any) -> Body:
        return dict(answer[self.collection.key] if self.collection.key else answer)


def _same(wanted: Any, seen: Any) -> bool:
    """Equal, where lists of a service have no order."""
    if isinstance(wanted, list) and isinstance(seen, list):
        return sorted(map(str, wanted)) == sorted(map(str, seen))
    return bool(wanted == seen)
