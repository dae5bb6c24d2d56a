# SPDX-License-Identifier: Apache-2.0
"""What a resource type does, as the engine sees it.

The engine calls, always with a context that is durable on its own:

    prepare ─▶ (intent is durable) ─▶ create ─▶ (physical id is durable) ─▶ progress("CREATE") … None
    update(changes) ─▶ progress("UPDATE") … None
    delete ─▶ progress("DELETE") … None

After a crash between intent and physical id it asks `find` for what was meant to be made; only when
that gives None it calls `create` again. Every step may be called twice and must then do what is left to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from samovar.clients import Cloud
from samovar.orchestration.resources.schema import Reference, ResourceType


@dataclass(frozen=True, slots=True)
class Waiting:
    """An action goes on. `for_what` completes "waiting for …"; ask again after `seconds`.

    `left`: the resource itself gives up after that many seconds. `about`: waits that are about the same
    thing are one wait, however its words change.
    """

    for_what: str
    seconds: float = 0.5
    left: float | None = None
    about: str = ""


class ResourceFailed(Exception):
    """The action on the resource failed; the text is one sentence for the user.

    `kind` is the name of the failure that the API's reason begins with, as the field's clients know it;
    `evidence` are texts that show how it came to it (what a script wrote), by name.
    """

    kind = "ResourceFailure"
    in_error = False

    def __init__(
        self, message: str, *, kind: str | None = None, evidence: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.evidence = dict(evidence or {})
        if kind is not None:
            self.kind = kind


class ResourceInError(ResourceFailed):
    """The cloud's object is in its error state; a new try needs a new object."""

    kind = "ResourceInError"
    in_error = True


class ResourceGone(ResourceFailed):
    """The cloud's object that should be there is not."""

    kind = "NotFound"


@dataclass(frozen=True, slots=True)
class StackIdentity:
    """The stack a resource belongs to. `path` names the resources that lead to it from the root stack."""

    id: str
    name: str
    project_id: str
    root_id: str
    path: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update changes: property values before and after, and whether metadata changed."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    metadata: bool = False

    def has(self, *names: str) -> bool:
        return any(name in self.names for name in names)


class ResourceContext(Protocol):
    """One resource in one action: its values, its durable notes, and the cloud. Made by the engine."""

    @property
    def name(self) -> str:
        """The name in the template."""

    @property
    def uuid(self) -> str:
        """The identity of this resource; a replacement has another."""

    @property
    def type(self) -> ResourceType: ...

    @property
    def properties(self) -> Mapping[str, Any]:
        """Values as validated: typed, defaulted, translated, names looked up.

        In create and update those wanted, otherwise those that were last applied.
        """

    @property
    def metadata(self) -> Mapping[str, Any]: ...

    @property
    def physical_id(self) -> str | None: ...

    @property
    def physical_name(self) -> str:
        """`<stack>-<resource>-<12 characters>`, cut to the type's limit."""

    @property
    def data(self) -> Mapping[str, str]:
        """Durable notes of the behaviour, written by `set_data`."""

    @property
    def stack(self) -> StackIdentity: ...

    @property
    def cloud(self) -> Cloud: ...

    @property
    def files(self) -> Mapping[str, str]:
        """The files that came with the stack's template."""

    @property
    def environment(self) -> Mapping[str, Any]:
        """The stack's environment, for stacks made by a resource."""

    async def other_cloud(
        self, region_name: str | None, auth: Mapping[str, Any] | None, ca_cert: str | None, insecure: bool
    ) -> Cloud:
        """Another region, or with `auth` (as in clouds.yaml, with auth_type) another cloud altogether."""

    async def set_data(self, key: str, value: str | None, *, secret: bool = False) -> None:
        """Keep (or forget, with None) a note; durable when this returns."""

    async def set_physical_id(self, physical_id: str | None) -> None:
        """For a behaviour that learns its id before `create` returns; durable when this returns."""

    async def set_metadata(self, metadata: Mapping[str, Any]) -> None: ...

    async def metadata_of(self, reference: str) -> Mapping[str, Any] | None:
        """The metadata of the resource of this stack whose reference is that; None: there is none."""

    async def properties_of(self, reference: str) -> Mapping[str, Any] | None:
        """The properties of the resource of this stack whose reference is that; None: there is none."""

    async def clear_metadata_of(self, reference: str) -> None: ...

    async def refresh(self) -> None:
        """Read `data` and `metadata` again: signals are taken, and their notes written, elsewhere."""

    async def scale_group(self, reference: str, adjustment: Adjustment) -> str | None:
        """Scale the group of this stack whose reference is that; what was done, None: nothing now."""

    async def signed_access(self, *, outside: bool = False) -> SignedAccess:
        """URLs and keys for this resource alone, made when first asked for.

        `outside`: for a machine that is no server of the cloud.
        """

    def seen_from_servers(self, url: str) -> str:
        """A URL of an API as servers of the cloud reach it."""

    async def signal_address(self, *, outside: bool = False) -> SignalAddress:
        """Where this resource is signalled, with a stack user's credentials made when first asked for."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How a policy scales. `kind`: change (by members), exact (size) or percent (of the size).

    `minimum_step` only with percent; `cooldown` in seconds, None for the group's own.
    """

    kind: str
    amount: float
    minimum_step: int = 0
    cooldown: float | None = None
    told: str = ""  # the kind in the words of the template


@dataclass(frozen=True, slots=True)
class SignalAddress:
    """How something outside signals a resource."""

    endpoint: str  # native API: POST …/resources/<name>/signal
    presigned_url: str  # CloudFormation API: POST …/signal, no token needed
    user_id: str
    user_name: str
    password: str
    token: str
    project_id: str
    auth_url: str
    region_name: str = ""
    domain_id: str = ""


@dataclass(frozen=True, slots=True)
class SignedAccess:
    """Keys of one resource for the CloudFormation API, and its URLs with their signature."""

    access_key: str
    secret_key: str
    signal_url: str  # POST
    waitcondition_url: str  # PUT
    metadata_url: str  # DescribeStackResource, signed with the keys


class Behaviour:
    """What a type does. Subclasses define what differs; a type that only holds values defines nothing."""

    async def prepare(self, context: ResourceContext) -> Mapping[str, str]:
        """Notes to keep together with the intent to create, so that `find` can tell ours from others'."""
        return {}

    async def create(self, context: ResourceContext) -> str | None:
        """Ask for the object; its physical id. Raises ResourceFailed, CloudError."""
        return context.uuid

    async def find(self, context: ResourceContext) -> str | None:
        """The object that an interrupted `create` made, if it did."""
        return None

    async def make_way(self, context: ResourceContext) -> Waiting | None:
        """Let go of what a replacement needs (ports, a name) before it is made; asked again until None.

        Only for types that prepare for replacement; `context` is the old object's.
        """
        return None

    async def take_back(self, context: ResourceContext) -> None:
        """Have again what `make_way` let go of: the replacement came to nothing."""

    async def update(self, context: ResourceContext, changes: Changes) -> None:
        """Ask for the changes, all of them allowed in place."""

    async def delete(self, context: ResourceContext) -> None:
        """Ask for the end of the object. Already gone is fine."""

    async def progress(self, context: ResourceContext, action: str) -> Waiting | None:
        """How far CREATE, UPDATE, DELETE, SUSPEND, RESUME, SNAPSHOT or RESTORE is; None: done.

        Raises ResourceFailed when it cannot end well.
        """
        return None

    async def observe(self, context: ResourceContext) -> Mapping[str, Any] | None:
        """The properties as the cloud has them now, as far as it tells. Raises ResourceGone."""
        return None

    async def check(self, context: ResourceContext) -> None:
        """Raises ResourceFailed when the object is gone or sick."""

    async def attributes(self, context: ResourceContext, names: frozenset[str]) -> Mapping[str, Any]:
        """The values of these attributes, `show` among them if asked for."""
        return dict.fromkeys(names)

    def reference(self, context: ResourceContext) -> str | None:
        """What `get_resource` gives."""
        match context.type.reference:
            case Reference.PHYSICAL_ID | Reference.PHYSICAL_ID_OR_NULL:
                return context.physical_id
            case Reference.PHYSICAL_NAME:
                return context.physical_name
            case Reference.RESOURCE_NAME:
                return context.name
            case _:
                return context.physical_id or context.name

    async def suspend(self, context: ResourceContext) -> None:
        """Only for types with the handler `suspend`; the same for the next ones."""

    async def resume(self, context: ResourceContext) -> None: ...

    async def snapshot(self, context: ResourceContext) -> Mapping[str, str]:
        """Notes of the snapshot, given back to `restore` and `delete_snapshot`."""
        return {}

    async def delete_snapshot(self, context: ResourceContext, notes: Mapping[str, str]) -> None: ...

    async def restore(self, context: ResourceContext, notes: Mapping[str, str]) -> None: ...

    async def signal(self, context: ResourceContext, details: Any) -> str | None:
        """Take a signal; the reason shown in its event, None when it changed nothing.

        Raises ResourceFailed for one that is refused.
        """
        raise ResourceFailed(f"Resources of type {context.type.name} take no signals.")
