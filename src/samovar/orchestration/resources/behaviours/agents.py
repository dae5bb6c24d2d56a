# SPDX-License-Identifier: Apache-2.0
"""Users and access keys in the words of AWS, with which agents in instances read their metadata.

A user is one of the stack's domain. Its key lets its holder describe the resources of the stack that the
user's policies allow, and signs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samovar.orchestration.resources.behaviour import Behaviour, ResourceContext, ResourceFailed


class User(Behaviour):
    """A user of the stack; which resources it may read its policies say."""

    async def create(self, context: ResourceContext) -> str | None:
        return (await context.signal_address()).user_id


class AccessKey(Behaviour):
    """A pair of keys of a user of the same stack."""

    async def create(self, context: ResourceContext) -> str | None:
        user = str(context.properties["UserName"])
        if await context.properties_of(user) is None:
            raise ResourceFailed(f'The stack has no user "{user}".', kind="NotFound")
        return (await context.signed_access()).access_key

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        known = {
            "SecretAccessKey": (await context.signed_access()).secret_key,
            "UserName": context.properties.get("UserName"),
        }
        return {name: known.get(name) for name in names}
