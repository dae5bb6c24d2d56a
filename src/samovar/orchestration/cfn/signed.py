# SPDX-License-Identifier: Apache-2.0
"""Signed requests: which resource they mean, and whether that resource's keys signed them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from sqlalchemy import Connection, or_

from samovar.orchestration.engine.definitions import EMPTY, Definition, load_definition
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.rows import Resource, Stack, physical_name
from samovar.orchestration.engine.signals import SignalledStack
from samovar.orchestration.engine.signed_access import ACCESS_KEY, DIGESTS, SECRET_KEY, signature
from samovar.orchestration.engine.store import find_stacks_named, get_stack, list_resources, resource_of
from samovar.orchestration.engine.tables import resources
from samovar.web import Call

from .errors import refusal

AGENT_KEY = "AWS::IAM::AccessKey"
ARN = re.compile(r"^arn:openstack:heat::(?P<project>[^:]*):stacks/(?P<name>[^/]+)/(?P<id>[^/]+)$")


async def find_resource(
    parts: Parts,
    call: Call,
    stack_name: str,
    resource_name: str,
    params: Mapping[str, str],
    *,
    reading: bool = False,
) -> tuple[Stack, Resource]:
    """The resource of a stack (a name or an ARN) whose keys signed the request.

    `reading`: also with the keys of a user of the stack (AWS::IAM::AccessKey) who may read it.

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

    def query(connection: Connection) -> tuple[Stack, Resource, Resource] | None:
        for stack in _stacks(connection, stack_name):
            row, key = _signed_for(connection, parts, stack.id, resource_name, access)
            if row is not None and key is not None and (reading or row is key):
                return stack, row, key
        return None

    found = await parts.database.read(query)
    if found is None:
        raise refusal("InvalidClientTokenId", "The access key belongs to no resource of that stack and name.")
    stack, row, key = found
    secret = str(key.secrets.get(SECRET_KEY, ""))
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
    return stack, row


def _signed_for(
    connection: Connection, parts: Parts, stack_id: str, name: str, access: str
) -> tuple[Resource | None, Resource | None]:
    """The resource of that name, and the one whose keys were used: its own, or a user's that may read it."""
    named = resources.select().where(resources.c.stack_id == stack_id, resources.c.name == name)
    for found in connection.execute(named).mappings():
        if (found["data"] or {}).get(ACCESS_KEY) == access:
            own = resource_of(found, parts.vault)
            return own, own
    rows = list_resources(connection, parts.vault, stack_id)
    key = next(
        (each for each in rows if each.type == AGENT_KEY and each.data.get(ACCESS_KEY) == access), None
    )
    row = next((each for each in rows if each.name == name and each.replaced_by is None), None)
    if key is None or row is None:
        return None, None
    stack = get_stack(connection, stack_id)
    assert stack is not None
    user = (key.properties or {}).get("UserName")
    owner = next((each for each in rows if physical_name(stack.name, each) == user), None)
    if owner is None or not _may_read(rows, owner, name):
        return None, None
    return row, key


def _may_read(rows: Sequence[Resource], user: Resource, name: str) -> bool:
    """Whether each of the user's policies allows it; a user without any may read the whole stack."""
    for policy in (user.properties or {}).get("Policies") or []:
        found = next((each for each in rows if each.physical_id == policy), None)
        if found is None or name not in ((found.properties or {}).get("AllowedResources") or []):
            return False
    return True


async def holds_keys(parts: Parts, params: Mapping[str, str]) -> bool:
    """Whether the access key is one of those made for a single resource."""
    access = params.get("AWSAccessKeyId")
    if not access or params.get("SignatureVersion") != "2":
        return False
    stack, name = params.get("StackName", ""), params.get("LogicalResourceId", "")

    def query(connection: Connection) -> bool:
        ids = [each.id for each in _stacks(connection, stack)]
        wanted = resources.select().where(
            resources.c.stack_id.in_(ids), or_(resources.c.name == name, resources.c.type == AGENT_KEY)
        )
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
