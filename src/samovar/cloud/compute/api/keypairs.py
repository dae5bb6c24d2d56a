# SPDX-License-Identifier: Apache-2.0
"""/os-keypairs: public keys of a user, brought along or made here."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Column, Connection, RowMapping, and_, delete, insert, select

from samovar.cloud.compute import quota
from samovar.cloud.compute.faults import OverQuota, refuse_unknown
from samovar.cloud.compute.microversions import Version
from samovar.cloud.compute.tables import keypairs
from samovar.database import Database, utcnow
from samovar.web import BadRequest, Call, Conflict, Forbidden, NotFound, Reply, page_limit, paginate

from . import fields
from .routes import Routes

OLD_NAME = re.compile(r"^[a-zA-Z0-9 _-]{1,255}$")
NAME = re.compile(r"^[a-zA-Z0-9 ._@-]{1,255}$")
RULE = "os_compute_api:os-keypairs:"


class KeypairsApi:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, routes: Routes) -> None:
        routes.add("GET", "/os-keypairs", self.index)
        routes.add("POST", "/os-keypairs", self.create)
        routes.add("GET", "/os-keypairs/{name}", self.show)
        routes.add("DELETE", "/os-keypairs/{name}", self.delete)

    async def index(self, call: Call, version: Version) -> Any:
        user = _owner(call, version, "index")
        query = select(keypairs).where(keypairs.c.user_id == user)
        limit = page_limit(call) if version >= (2, 35) else None
        marker = call.query.get("marker") if version >= (2, 35) else None
        name: Column[Any] = keypairs.c.name
        page = await self._database.read(
            lambda c: paginate(c, query, identity=name, marker=marker, limit=limit or 1000)
        )
        body: dict[str, Any] = {"keypairs": [{"keypair": _brief(row, version)} for row in page.rows]}
        if links := page.links(call, "name"):
            body["keypairs_links"] = links
        return body

    async def show(self, call: Call, version: Version) -> Any:
        user, name = _owner(call, version, "index"), call.path["name"]
        where = and_(keypairs.c.user_id == user, keypairs.c.name == name)
        row = await self._database.read(lambda c: c.execute(select(keypairs).where(where)).mappings().first())
        if row is None:
            raise _missing(name, user)
        created = row["created_at"].replace(tzinfo=None).isoformat(timespec="microseconds")
        more = {
            "id": int.from_bytes(hashlib.sha256(f"{user}/{name}".encode()).digest()[:4], "big"),
            "user_id": user,
            "created_at": created,
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
        return {"keypair": {**_brief(row, version), **more}}

    async def create(self, call: Call, version: Version) -> Any:
        body = call.object("keypair")
        refuse_unknown(body, frozenset({"name", "public_key", "type", "user_id"}), "keypair")
        user = call.context.user_id
        if version >= (2, 10) and body.get("user_id"):
            user = str(body["user_id"])
        call.enforce(RULE + "create", {"user_id": user})
        name = fields.name(body)
        if not (NAME if version >= (2, 92) else OLD_NAME).match(name):
            raise BadRequest(
                "Keypair data is invalid: Keypair name contains unsafe characters; "
                "use letters, digits, spaces, '_' and '-'."
            )
        kind = body.get("type", "ssh") if version >= (2, 2) else "ssh"
        if kind not in ("ssh", "x509"):
            raise BadRequest(f"Invalid input for field/attribute type. Value: {kind}. Choose ssh or x509.")
        public, private = fields.text(body, "public_key", maximum=65535), None
        if public is None:
            if version >= (2, 92):
                raise BadRequest("Invalid input for keypair: 'public_key' is a required property.")
            if kind == "x509":
                raise BadRequest("Only ssh keys are generated here; bring a certificate as public_key.")
            made = await asyncio.to_thread(generate, f"Generated-by-{name.replace(' ', '-')}")
            public, private = made
        fingerprint = certificate_fingerprint(public) if kind == "x509" else ssh_fingerprint(public)
        row = {
            "user_id": user,
            "name": name,
            "type": kind,
            "public_key": public.strip() if kind == "ssh" else public,
            "fingerprint": fingerprint,
            "created_at": utcnow(),
        }
        await self._database.write(lambda c: _insert(c, row, call.context.project_id or ""))
        shown = {**_brief(row, version), "user_id": user}
        if private is not None:
            shown["private_key"] = private
        return Reply(201 if version >= (2, 2) else 200, {"keypair": shown})

    async def delete(self, call: Call, version: Version) -> Any:
        user, name = _owner(call, version, "delete"), call.path["name"]
        where = and_(keypairs.c.user_id == user, keypairs.c.name == name)
        if not await self._database.write(lambda c: c.execute(delete(keypairs).where(where)).rowcount):
            raise _missing(name, user)
        return Reply(204 if version >= (2, 2) else 202)


def _owner(call: Call, version: Version, what: str) -> str:
    """Whose keys are meant: the caller's, or for an administrator any user's (since 2.10)."""
    user = call.context.user_id
    if version >= (2, 10):
        user = call.query.get("user_id") or user
    if user != call.context.user_id and not call.context.is_admin:
        raise Forbidden("Only an administrator sees the keypairs of other users.")
    call.enforce(RULE + what, {"user_id": user})
    return user


def _insert(connection: Connection, row: Mapping[str, Any], project: str) -> None:
    where = and_(keypairs.c.user_id == row["user_id"], keypairs.c.name == row["name"])
    if connection.execute(select(keypairs.c.name).where(where)).first() is not None:
        raise Conflict(f"Key pair '{row['name']}' already exists.")
    limit, used = (
        quota.limits(connection, project)["key_pairs"],
        quota.count_keypairs(connection, row["user_id"]),
    )
    if 0 <= limit <= used:
        raise OverQuota("key_pairs", 1, used, limit)
    connection.execute(insert(keypairs).values(row))


def _brief(row: Mapping[str, Any] | RowMapping, version: Version) -> dict[str, Any]:
    shown = {key: row[key] for key in ("name", "public_key", "fingerprint")}
    if version >= (2, 2):
        shown["type"] = row["type"]
    return shown


def _missing(name: str, user: str) -> NotFound:
    return NotFound(f"Keypair {name} not found for user {user}")


def generate(comment: str) -> tuple[str, str]:
    """A new RSA key, as Nova makes it and old SSH libraries expect it: the public line, and PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return f"{public.decode()} {comment}", private.decode()


def ssh_fingerprint(public: str) -> str:
    """MD5 of the key in hexadecimal pairs. Raises BadRequest when it is no SSH public key."""
    try:
        parts = public.split()
        blob = base64.b64decode(parts[1], validate=True)
        serialization.load_ssh_public_key(f"{parts[0]} {parts[1]}".encode())
    except (IndexError, ValueError, UnsupportedAlgorithm):
        raise BadRequest(
            "Keypair data is invalid: failed to generate fingerprint; "
            "the public key is not a line as OpenSSH writes it."
        ) from None
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, 32, 2))


def certificate_fingerprint(pem: str) -> str:
    """SHA-1 of the certificate in hexadecimal pairs. Raises BadRequest when it is no certificate."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise BadRequest("Keypair data is invalid: failed to parse the X509 certificate.") from None
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise BadRequest("Keypair data is invalid: the certificate has expired.")
    digest = certificate.fingerprint(hashes.SHA1()).hex()
    return ":".join(digest[i : i + 2] for i in range(0, 40, 2))
