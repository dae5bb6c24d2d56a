# SPDX-License-Identifier: Apache-2.0
"""Stacks, operations and resources as the engine holds them in memory."""

from __future__ import annotations

import datetime
import re
from base64 import b32encode
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from samovar.database import utcnow

NAME_PATTERN = re.compile(r"^[a-zA-Z][a-zA-Z0-9_.-]{0,254}$")

# Statuses of stacks and resources.
INIT, IN_PROGRESS, COMPLETE, FAILED = "INIT", "IN_PROGRESS", "COMPLETE", "FAILED"
CHECK = "CHECK"
# Statuses of operations.
WAITING, RUNNING, DONE, SUPERSEDED = "WAITING", "RUNNING", "DONE", "SUPERSEDED"
OPEN = (WAITING, RUNNING)


@dataclass(slots=True)
class Stack:
    """One stack, as stored."""

    id: str
    name: str
    project_id: str
    user_id: str
    user_name: str
    owner_id: str | None
    root_id: str
    parent_resource: str | None
    depth: int
    action: str
    status: str
    status_reason: str
    definition_id: str
    previous_definition_id: str | None
    operation_id: str | None
    credentials_id: str | None
    user_project_id: str | None
    description: str
    tags: list[str]
    timeout_mins: int | None
    disable_rollback: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    live_name: str | None = None

    @classmethod
    def of(cls, row: RowMapping) -> Stack:
        return cls(**row)

    @property
    def state(self) -> tuple[str, str]:
        return self.action, self.status

    @property
    def arn(self) -> str:
        return f"arn:openstack:heat::{self.project_id}:stacks/{self.name}/{self.id}"


@dataclass(slots=True)
class Operation:
    """One action on one stack, as stored."""

    id: str
    stack_id: str
    turn: int
    depth: int
    action: str
    status: str
    status_reason: str
    definition_id: str | None
    details: dict[str, Any]
    done: dict[str, Any] | None
    failures: list[dict[str, Any]] | None
    requested_by: str
    request_id: str
    deadline_at: datetime.datetime
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    lease_owner: str | None
    lease_epoch: int
    lease_expires_at: datetime.datetime | None

    @classmethod
    def of(cls, row: RowMapping) -> Operation:
        return cls(**row)


@dataclass(slots=True)
class Resource:
    """One physical object of a stack, meant or made. `secrets` is decrypted here."""

    id: str
    stack_id: str
    name: str
    type: str
    action: str = INIT
    status: str = COMPLETE
    status_reason: str = ""
    physical_id: str | None = None
    operation_id: str | None = None
    fingerprint: str | None = None
    definition: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    requires: list[str] = field(default_factory=list)
    replaces: str | None = None
    replaced_by: str | None = None
    waiting: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    created_at: datetime.datetime = field(default_factory=utcnow)
    updated_at: datetime.datetime | None = None

    @property
    def state(self) -> tuple[str, str]:
        return self.action, self.status

    @property
    def failed(self) -> bool:
        """Whether its object may be broken; a snapshot that failed or was broken off did nothing to it."""
        return self.status == FAILED and self.action != "SNAPSHOT"

    @property
    def never_made(self) -> bool:
        """Whether the cloud was never asked for this object."""
        return self.action == INIT and self.physical_id is None


def short_id(identity: str) -> str:
    """The first 60 bits of a UUID as 12 base32 characters: the end of a physical name."""
    return b32encode(UUID(identity).bytes[:8])[:12].decode().lower()


def physical_name(stack_name: str, resource: Resource, limit: int = 255) -> str:
    """`stack-resource-id`, the same for the same row at any time; shortened as Heat does."""
    name = f"{stack_name}-{resource.name}-{short_id(resource.id)}"
    return name if len(name) <= limit else f"{name[:2]}-{name[3 - limit :]}"
