# SPDX-License-Identifier: Apache-2.0
"""Signed requests: which resource they mean, and whether that resource's keys signed them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from sqlalchemy import Connection

from samovar.orchestration.engine.definitions import EMPTY, Definition, load_definition
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.rows import Resource, Stack
from samovar.orchestration.engine.signals import SignalledStack
from samovar.orchestration.engine.signed_access import ACCESS_KEY, DIGESTS, SECRET_KEY, signature
from samovar.orchestration.engine.store import find_stacks_named, get_stack, list_resources, resource_of
from samovar.orchestration.engine.tables import resources
from samovar.web import Call

from .errors import refusal

ARN = re.compile(r"^arn:openstack:heat::(?P<project>[^:]*):stacks/(?P<name>[^/]+)/(?P<id>[^/]+)$")


async def find_resource(
    parts: Parts, call: Call, stack_name: str, resource_name: str, params: Mapping[str, str]
) -> tuple[Stack, Resource]:
    """The resource of a stack (a name or an ARN) whose keys signed the request.

    Raises a refusal: whoever cannot prove to hold the keys does not learn what exists.
    """
    access, given = params.get("AWSAccessKeyId"), params.get("Signature")
    if not access or not given:
        raise refusal("MissingAuthenticationToken", "The request bears no AWSAccessKeyId or no Signature.")
    if params.get("SignatureVersion") != "2" or params.get("SignatureMethod") not in DIGESTS:
        raise refusal(
            "IncompleteSignature",
            "Here requests are signed with SignatureVersion 2 and HmacSHA256 or HmacSHA1.",
        )

    def query(connection: Connection) -> tuple[Stack, Resource] | None:
        for stack in _stacks(connection, stack_name):
            named = resources.select().where(
                resources.c.stack_id == stack.id, resources.c.name == resource_name
            )
            for found in connection.execute(named).mappings():
                if (found["data"] or {}).get(ACCESS_KEY) == access:
                    return stack, resource_of(found, parts.vault)
        return None

    found = await parts.database.read(query)
    if found is None:
        raise refusal("InvalidClientTokenId", "The access key belongs to no resource of that stack and name.")
    secret = str(found[1].secrets.get(SECRET_KEY, ""))
    # The host that was signed: that of the request, or ours, which servers reach under another name.
    hosts = [call.request.headers.get("host") or call.request.url.netloc, urlsplit(parts.cfn_endpoint).netloc]
    if not secret or not any(
        hmac.compare_digest(
            signature(secret, call.request.method, host, call.request.scope["path"], params).encode(),
            given.encode(),
        )
        for host in hosts
    ):
        raise refusal("SignatureDoesNotMatch", "The signature is not that of this access key.")
    return found


async def holds_keys(parts: Parts, params: Mapping[str, str]) -> bool:
    """Whether the access key is one of those made for a single resource."""
    access = params.get("AWSAccessKeyId")
    if not access or params.get("SignatureVersion") != "2":
        return False
    stack, name = params.get("StackName", ""), params.get("LogicalResourceId", "")

    def query(connection: Connection) -> bool:
        ids = [each.id for each in _stacks(connection, stack)]
        wanted = resources.select().where(resources.c.stack_id.in_(ids), resources.c.name == name)
        found = connection.execute(wanted).mappings()
        return any((each["data"] or {}).get(ACCESS_KEY) == access for each in found)

    return await parts.database.read(query)


def _stacks(connection: Connection, name: str) -> list[Stack]:
    """The undeleted stacks that the text may mean."""
    arn = ARN.match(name)
    if arn is None:
        return find_stacks_named(connection, name)
    found = get_stack(connection, arn["id"])
    return [found] if found is not None and found.deleted_at is None else []


async def load_signalled(parts: Parts, stack: Stack, row: Resource) -> tuple[SignalledStack, Resource]:
    """The stack, so that a signal to one of its rows can be written."""

    def query(connection: Connection) -> tuple[Definition | None, list[Resource]]:
        definition = load_definition(connection, parts.vault, stack.definition_id)
        return definition, list_resources(connection, parts.vault, stack.id)

    definition, rows = await parts.database.read(query)
    loaded = SignalledStack(parts, stack, definition or Definition(dict(EMPTY)), rows)
    return loaded, loaded.rows.get(row.id, row)
