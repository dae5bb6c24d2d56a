# SPDX-License-Identifier: Apache-2.0
"""Orders: keys and key pairs that the key manager makes itself and keeps as secrets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Connection, RowMapping, delete, insert, select

from samovar.database import Database, new_id, utcnow
from samovar.web import Api, BadRequest, Call, Reply

from .access import check_create, check_list, check_read, check_write
from .listing import body_of, fetch, page, reference, stamped, words
from .secrets import expiration
from .tables import containers, orders, secrets
from .vault import Vault

BINARY = "application/octet-stream"
KNOWN = {"name", "algorithm", "bit_length", "mode", "payload_content_type", "expiration", "pass_phrase"}
KEYS: Mapping[str, tuple[int, ...]] = {
    "aes": (128, 192, 256),
    "hmacsha1": (),
    "hmacsha256": (),
    "hmacsha384": (),
    "hmacsha512": (),
}
"""Symmetric keys by algorithm, with the lengths that they may have; none: any whole number of bytes."""
PAIRS: Mapping[str, tuple[int, ...]] = {"rsa": (2048, 3072, 4096)}
LONGEST_KEY = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made: the order's `meta`, checked."""

    kind: str
    name: str | None
    algorithm: str
    bit_length: int
    mode: str | None
    expires: Any
    pass_phrase: str | None


class Orders:
    """``/v1/orders``."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database, self.vault = database, vault

    def routes(self, api: Api) -> None:
        api.route("GET", "/v1/orders", self.index)
        api.route("POST", "/v1/orders", self.create)
        api.route("GET", "/v1/orders/{id}", self.show)
        api.route("DELETE", "/v1/orders/{id}", self.delete)

    async def index(self, call: Call) -> Any:
        project = check_list(call.context)

        def run(connection: Connection) -> list[RowMapping]:
            query = select(orders).where(orders.c.project_id == project)
            return list(connection.execute(query.order_by(orders.c.created_at, orders.c.id)).mappings())

        return page(call, "orders", [_shown(call, row) for row in await self.database.read(run)])

    async def create(self, call: Call) -> Reply:
        project = check_create(call.context)
        given = body_of(call)
        wanted = _wanted(given)
        parts = await _parts(wanted)
        now, identity = utcnow(), new_id()
        common: dict[str, Any] = {
            "project_id": project,
            "creator_id": call.context.user_id,
            "acl": None,
            "consumers": [],
            "created_at": now,
            "updated_at": now,
        }
        made = [self._secret(common, wanted, kind, payload) for kind, payload in parts.items()]
        box = _container(common, wanted, made) if wanted.kind == "asymmetric" else None
        row = {
            "id": identity,
            "project_id": project,
            "creator_id": call.context.user_id,
            "type": wanted.kind,
            "meta": _kept(given["meta"]),
            "secret_id": None if box else made[0]["id"],
            "container_id": box["id"] if box else None,
            "created_at": now,
            "updated_at": now,
        }

        def run(connection: Connection) -> None:
            connection.execute(insert(secrets), made)
            if box is not None:
                connection.execute(insert(containers).values(box))
            connection.execute(insert(orders).values(row))

        await self.database.write(run)
        where = reference(call, "orders", identity)
        return Reply(202, {"order_ref": where}, {"location": where})

    async def show(self, call: Call) -> Any:
        row = await self.database.read(lambda c: fetch(c, orders, call.path["id"], "Order"))
        check_read(call.context, {**row, "acl": None}, "Order")
        return _shown(call, row)

    async def delete(self, call: Call) -> Reply:
        """The order goes; what it made stays."""

        def run(connection: Connection) -> None:
            row = fetch(connection, orders, call.path["id"], "Order")
            check_write(call.context, {**row, "acl": None}, "Order")
            connection.execute(delete(orders).where(orders.c.id == row["id"]))

        await self.database.write(run)
        return Reply(204)

    def _secret(self, common: Mapping[str, Any], wanted: Wanted, kind: str, payload: bytes) -> dict[str, Any]:
        identity = new_id()
        phrase = kind == "passphrase"
        return {
            **common,
            "id": identity,
            "name": wanted.name,
            "secret_type": kind,
            "algorithm": None if phrase else wanted.algorithm,
            "bit_length": None if phrase else wanted.bit_length,
            "mode": wanted.mode,
            "content_type": "text/plain" if phrase else BINARY,
            "payload": self.vault.seal(identity, payload),
            "expiration": wanted.expires,
            "metadata": {},
        }


def _container(common: Mapping[str, Any], wanted: Wanted, made: list[dict[str, Any]]) -> dict[str, Any]:
    names = {"public": "public_key", "private": "private_key", "passphrase": "private_key_passphrase"}
    parts = [{"name": names[part["secret_type"]], "id": part["id"]} for part in made]
    return {**common, "id": new_id(), "name": wanted.name, "type": "rsa", "secrets": parts}


def _wanted(given: Mapping[str, Any]) -> Wanted:
    kind, meta = given.get("type"), given.get("meta")
    if kind == "certificate":
        raise BadRequest("This key manager has no certificate authority; it makes keys and key pairs only.")
    if kind not in ("key", "asymmetric"):
        raise BadRequest("type must be key or asymmetric.")
    if set(given) - {"type", "meta"} or not isinstance(meta, dict):
        raise BadRequest("An order has a type and meta, an object that says what is to be made.")
    unknown = sorted(set(meta) - KNOWN)
    if unknown:
        raise BadRequest(f"The meta of an order has no attribute {unknown[0][:255]!r}.")
    choices = KEYS if kind == "key" else PAIRS
    algorithm = meta.get("algorithm")
    if not isinstance(algorithm, str) or algorithm.lower() not in choices:
        raise BadRequest(f"The algorithm of an order of type {kind} must be one of {', '.join(choices)}.")
    bits, lengths = meta.get("bit_length"), choices[algorithm.lower()]
    if isinstance(bits, bool) or not isinstance(bits, int) or (lengths and bits not in lengths):
        shown = ", ".join(map(str, lengths)) or "a whole number"
        raise BadRequest(f"bit_length for {algorithm} must be {shown}.")
    if not 8 <= bits <= LONGEST_KEY or bits % 8:
        raise BadRequest(f"bit_length must be a multiple of 8, at most {LONGEST_KEY}.")
    if meta.get("payload_content_type") not in (None, BINARY):
        raise BadRequest(f"payload_content_type of what an order makes is {BINARY}.")
    phrase = words(meta.get("pass_phrase"), "pass_phrase")
    if phrase is not None and (kind == "key" or not phrase):
        raise BadRequest("A pass_phrase is for key pairs, and not empty.")
    return Wanted(
        kind=kind,
        name=words(meta.get("name"), "name"),
        algorithm=algorithm,
        bit_length=bits,
        mode=words(meta.get("mode"), "mode"),
        expires=expiration(meta.get("expiration")),
        pass_phrase=phrase,
    )


async def _parts(wanted: Wanted) -> dict[str, bytes]:
    """Secret type -> payload. A key pair takes a while: it is made beside the loop."""
    if wanted.kind == "key":
        return {"symmetric": os.urandom(wanted.bit_length // 8)}
    return await asyncio.to_thread(_key_pair, wanted.bit_length, wanted.pass_phrase)


def _key_pair(bits: int, phrase: str | None) -> dict[str, bytes]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if phrase is not None:
        locked = serialization.BestAvailableEncryption(phrase.encode())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    public = private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    parts = {"private": private.private_bytes(pem, form, locked), "public": public}
    return parts if phrase is None else {**parts, "passphrase": phrase.encode()}


def _kept(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of an order again: never the pass phrase."""
    shown = {name: meta.get(name) for name in sorted(KNOWN - {"pass_phrase"})}
    return {**shown, "payload_content_type": BINARY}


def _shown(call: Call, row: RowMapping) -> dict[str, Any]:
    shown = {
        **stamped({**row, "name": None}),
        "order_ref": reference(call, "orders", row["id"]),
        "type": row["type"],
        "meta": row["meta"],
        "sub_status": "Unknown",
        "sub_status_message": "Unknown",
    }
    del shown["name"]
    if row["secret_id"] is not None:
        shown["secret_ref"] = reference(call, "secrets", row["secret_id"])
    if row["container_id"] is not None:
        shown["container_ref"] = reference(call, "containers", row["container_id"])
    return shown
