# SPDX-License-Identifier: Apache-2.0
"""Secrets: a payload with what it is, given at once or in a second step."""

from __future__ import annotations

import base64
import binascii
import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from starlette.responses import Response

from samovar.database import Database, new_id, utcnow
from samovar.web import Api, BadRequest, Call, Conflict, Fault, NotFound, Reply, ServiceUnavailable, TooLarge

from .access import check_create, check_list, check_read, check_write
from .listing import body_of, fetch, moment, page, reference, stamped, words
from .tables import secrets
from .vault import Vault, VaultError

TYPES = ("symmetric", "public", "private", "passphrase", "certificate", "opaque")
TEXT = "text/plain"
BINARY = ("application/octet-stream", "application/pkcs8", "application/pkix-cert", "application/pkcs12")
LARGEST_PAYLOAD = 65_536
KNOWN = {
    "name",
    "secret_type",
    "algorithm",
    "bit_length",
    "mode",
    "expiration",
    "payload",
    "payload_content_type",
    "payload_content_encoding",
}


class Secrets:
    """``/v1/secrets``."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database, self.vault = database, vault

    def routes(self, api: Api) -> None:
        api.route("GET", "/v1/secrets", self.index)
        api.route("POST", "/v1/secrets", self.create)
        api.route("GET", "/v1/secrets/{id}", self.show)
        api.route("PUT", "/v1/secrets/{id}", self.fill, raw_body=True)
        api.route("DELETE", "/v1/secrets/{id}", self.delete)
        api.route("GET", "/v1/secrets/{id}/payload", self.payload)

    async def index(self, call: Call) -> Any:
        project = check_list(call.context)
        user = call.context.user_id
        wanted = _filters(call)
        listed = call.query.get("acl_only", "").lower() == "true"

        def run(connection: Connection) -> list[RowMapping]:
            query = select(secrets).order_by(secrets.c.created_at, secrets.c.id)
            if not listed:
                query = query.where(secrets.c.project_id == project)
            return list(connection.execute(query.where(*wanted)).mappings())

        rows = await self.database.read(run)
        if listed:
            rows = [row for row in rows if user in (row["acl"] or {}).get("users", ())]
        now = utcnow()
        shown = [_shown(call, row) for row in rows if row["expiration"] is None or row["expiration"] > now]
        return page(call, "secrets", shown)

    async def create(self, call: Call) -> Reply:
        project = check_create(call.context)
        given = body_of(call)
        unknown = sorted(set(given) - KNOWN)
        if unknown:
            raise BadRequest(f"A secret has no attribute {unknown[0][:255]!r}.")
        kind = given.get("secret_type") or "opaque"
        if kind not in TYPES:
            raise BadRequest(f"secret_type must be one of {', '.join(TYPES)}.")
        content_type, payload = _given_payload(given)
        identity, now = new_id(), utcnow()
        row: dict[str, Any] = {
            "id": identity,
            "project_id": project,
            "creator_id": call.context.user_id,
            "name": words(given.get("name"), "name"),
            "secret_type": kind,
            "algorithm": words(given.get("algorithm"), "algorithm"),
            "bit_length": _bit_length(given.get("bit_length")),
            "mode": words(given.get("mode"), "mode"),
            "content_type": content_type,
            "payload": None if payload is None else self.vault.seal(identity, payload),
            "expiration": expiration(given.get("expiration")),
            "acl": None,
            "metadata": {},
            "consumers": [],
            "created_at": now,
            "updated_at": now,
        }
        await self.database.write(lambda connection: connection.execute(insert(secrets).values(row)).rowcount)
        where = reference(call, "secrets", identity)
        return Reply(201, {"secret_ref": where}, {"location": where})

    async def show(self, call: Call) -> Any:
        row = await self._alive(call)
        accepted = call.request.headers.get("accept", "*/*")
        if "json" not in accepted and "*/*" not in accepted and row["content_type"] is not None:
            return self._payload(row, accepted)
        return _shown(call, row)

    async def payload(self, call: Call) -> Response:
        row = await self._alive(call)
        return self._payload(row, call.request.headers.get("accept", "*/*"))

    def _payload(self, row: RowMapping, accepted: str) -> Response:
        if row["payload"] is None:
            raise NotFound(
                "This secret has no payload.", title="Not Found. Sorry but your secret has no payload."
            )
        kind = str(row["content_type"])
        wanted = {part.split(";")[0].strip() for part in accepted.split(",")}
        try:
            content = self.vault.open(row["id"], row["payload"])
        except VaultError as error:
            raise ServiceUnavailable(f"The secret cannot be read: {error}.") from error
        if not {"*/*", kind, kind.split("/")[0] + "/*"} & wanted:
            # The command line stores all payloads as bytes and asks for text: text it is, where it is text.
            if TEXT not in wanted or not _is_text(content):
                raise Fault(f"The payload is {kind}, which the request does not accept.", status=406)
            kind = TEXT
        return Response(content, media_type=kind + ("; charset=utf-8" if kind == TEXT else ""))

    async def fill(self, call: Call) -> Reply:
        """The payload of a secret that was made without one."""
        row = await self.database.read(lambda c: fetch(c, secrets, call.path["id"], "Secret"))
        check_write(call.context, row, "Secret")
        kind = _content_type(call.request.headers.get("content-type", ""))
        content = bytearray()
        async for chunk in call.request.stream():
            content += chunk
            if len(content) > 2 * LARGEST_PAYLOAD:
                raise TooLarge(f"A payload may have at most {LARGEST_PAYLOAD} bytes.")
        encoding = call.request.headers.get("content-encoding")
        if encoding not in (None, "", "base64"):
            raise BadRequest("The content encoding must be base64, or none.")
        payload = _decoded(bytes(content)) if encoding == "base64" else bytes(content)
        _check_size(payload)
        sealed = self.vault.seal(row["id"], payload)

        def run(connection: Connection) -> None:
            now = fetch(connection, secrets, row["id"], "Secret")
            if now["payload"] is not None:
                raise Conflict("The secret has a payload already; a payload cannot be changed.")
            connection.execute(
                update(secrets)
                .where(secrets.c.id == row["id"])
                .values(payload=sealed, content_type=kind, updated_at=utcnow())
            )

        await self.database.write(run)
        return Reply(204)

    async def delete(self, call: Call) -> Reply:
        def run(connection: Connection) -> None:
            row = fetch(connection, secrets, call.path["id"], "Secret")
            check_write(call.context, row, "Secret")
            connection.execute(delete(secrets).where(secrets.c.id == row["id"]))

        await self.database.write(run)
        return Reply(204)

    async def _alive(self, call: Call) -> RowMapping:
        """The secret, unless it has expired. Raises 404, 403."""
        row = await self.database.read(lambda c: fetch(c, secrets, call.path["id"], "Secret"))
        check_read(call.context, row, "Secret")
        if row["expiration"] is not None and row["expiration"] <= utcnow():
            raise NotFound("Secret not found.", title="Secret not found.")
        return row


def _shown(call: Call, row: RowMapping) -> dict[str, Any]:
    shown = {
        **stamped(row),
        "secret_ref": reference(call, "secrets", row["id"]),
        "secret_type": row["secret_type"],
        "algorithm": row["algorithm"],
        "bit_length": row["bit_length"],
        "mode": row["mode"],
        "expiration": moment(row["expiration"]),
        "consumers": row["consumers"],
    }
    if row["content_type"] is not None:
        shown["content_types"] = {"default": row["content_type"]}
    return shown


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _filters(call: Call) -> list[Any]:
    columns = {"name": "name", "alg": "algorithm", "mode": "mode", "secret_type": "secret_type"}
    wanted: list[Any] = [
        secrets.c[column] == call.query[name] for name, column in columns.items() if name in call.query
    ]
    bits = call.query.get("bits")
    if bits is not None:
        if not bits.isascii() or not bits.isdigit() or len(bits) > 9:
            raise BadRequest("bits must be a whole number of at least 0.")
        wanted.append(secrets.c.bit_length == int(bits))
    return wanted


def _given_payload(given: dict[str, Any]) -> tuple[str | None, bytes | None]:
    payload, kind = given.get("payload"), given.get("payload_content_type")
    encoding = given.get("payload_content_encoding")
    if payload is None:
        if kind is not None or encoding is not None:
            raise BadRequest("payload_content_type and payload_content_encoding need a payload.")
        return None, None
    if not isinstance(payload, str) or not payload.strip():
        raise BadRequest("payload must be a text that is not empty.")
    if not isinstance(kind, str):
        raise BadRequest("A payload needs a payload_content_type.")
    kind = _content_type(kind)
    if encoding not in (None, "base64"):
        raise BadRequest("payload_content_encoding must be base64.")
    if kind in BINARY and encoding is None:
        raise BadRequest(f"A payload of type {kind} must be given in base64, with payload_content_encoding.")
    if kind == TEXT and encoding is not None:
        raise BadRequest("A payload of type text/plain has no payload_content_encoding.")
    try:
        raw = payload.encode()
    except UnicodeEncodeError:
        raise BadRequest("payload must be text that UTF-8 can carry.") from None
    content = _decoded(raw) if encoding else raw
    _check_size(content)
    return kind, content


def _content_type(text: str) -> str:
    kind = text.split(";")[0].strip().lower()
    if kind != TEXT and kind not in BINARY:
        raise BadRequest(f"The content type must be one of {', '.join((TEXT, *BINARY))}.")
    return kind


def _decoded(content: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("The payload is not base64.") from None


def _check_size(payload: bytes) -> None:
    if not payload:
        raise BadRequest("The payload is empty.")
    if len(payload) > LARGEST_PAYLOAD:
        raise TooLarge(f"A payload may have at most {LARGEST_PAYLOAD} bytes.")


def _bit_length(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 32767:
        raise BadRequest("bit_length must be a whole number from 1 to 32767.")
    return value


def expiration(value: Any) -> datetime.datetime | None:
    if value is None or value == "":
        return None
    try:
        if not isinstance(value, str):
            raise ValueError
        parsed = datetime.datetime.fromisoformat(value)
        parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
        parsed = parsed.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise BadRequest("expiration must be a moment in ISO 8601.") from None
    if parsed <= utcnow():
        raise BadRequest("expiration must be in the future.")
    return parsed
