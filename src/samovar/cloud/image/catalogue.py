# SPDX-License-Identifier: Apache-2.0
"""The catalogue: images as the tables hold them, and who sees which."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, or_, select, update

from samovar.auth import Context
from samovar.database import utcnow
from samovar.web import Conflict

from .faults import no_image
from .tables import images, members, properties, tags


@dataclass(frozen=True, slots=True)
class Image:
    """One image with its properties and tags."""

    row: RowMapping
    properties: Mapping[str, str]
    tags: Sequence[str]

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def target(self) -> dict[str, Any]:
        """What a rule is asked about."""
        owner = self.row["owner"]
        return {"project_id": owner, "owner": owner} if owner else {}


def visible(context: Context, *, listing: bool = False) -> ColumnElement[bool]:
    """The condition that the caller sees an image; in a list, fewer than one by one."""
    if context.is_admin:
        return images.c.id.is_not(None)
    project = context.project_id or ""
    shared = select(members.c.image_id).where(members.c.member_id == project)
    if listing:
        shared = shared.where(members.c.status == "accepted")
    open_to_all = ["public"] if listing else ["public", "community"]
    return or_(
        images.c.visibility.in_(open_to_all),
        images.c.owner == project,
        and_(images.c.visibility == "shared", images.c.id.in_(shared)),
    )


def load(connection: Connection, rows: Sequence[RowMapping]) -> list[Image]:
    """The rows with what belongs to them."""
    ids = [row["id"] for row in rows]
    having: dict[str, dict[str, str]] = {identity: {} for identity in ids}
    labels: dict[str, list[str]] = {identity: [] for identity in ids}
    if ids:
        for found in connection.execute(select(properties).where(properties.c.image_id.in_(ids))):
            having[found.image_id][found.name] = found.value
        query = select(tags).where(tags.c.image_id.in_(ids)).order_by(tags.c.value)
        for found in connection.execute(query):
            labels[found.image_id].append(found.value)
    return [Image(row, having[row["id"]], labels[row["id"]]) for row in rows]


def one(connection: Connection, context: Context, image_id: str) -> Image:
    """The image, if the caller sees it. Raises NotFound."""
    query = select(images).where(images.c.id == image_id, visible(context))
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        raise no_image(image_id)
    return load(connection, [found])[0]


def fetch(connection: Connection, image_id: str) -> Image:
    """The image, whoever asks. Raises NotFound."""
    found = connection.execute(select(images).where(images.c.id == image_id)).mappings().one_or_none()
    if found is None:
        raise no_image(image_id)
    return load(connection, [found])[0]


def add(
    connection: Connection,
    values: Mapping[str, Any],
    own_properties: Mapping[str, str],
    labels: Sequence[str],
    now: datetime.datetime,
) -> Image:
    """A new image. Raises Conflict when its id is taken."""
    if connection.execute(select(images.c.id).where(images.c.id == values["id"])).first() is not None:
        raise Conflict(f"Image ID {values['id']} already exists!")
    connection.execute(insert(images).values({**values, "created_at": now, "updated_at": now}))
    replace(connection, values["id"], own_properties, labels)
    return fetch(connection, values["id"])


def replace(
    connection: Connection, image_id: str, own_properties: Mapping[str, str], labels: Sequence[str]
) -> None:
    """Give the image these properties and tags and no others."""
    for table in (properties, tags):
        connection.execute(delete(table).where(table.c.image_id == image_id))
    if own_properties:
        rows = [{"image_id": image_id, "name": n, "value": v} for n, v in own_properties.items()]
        connection.execute(insert(properties), rows)
    if labels:
        connection.execute(insert(tags), [{"image_id": image_id, "value": label} for label in labels])


def move(connection: Connection, image_id: str, before: Sequence[str], after: str, **values: Any) -> bool:
    """Change the status from one of `before` to `after`; False when it was none of them."""
    changed = connection.execute(
        update(images)
        .where(images.c.id == image_id, images.c.status.in_(before))
        .values(status=after, updated_at=utcnow(), **values)
    )
    return changed.rowcount == 1


def remove(connection: Connection, image_id: str) -> None:
    """The image and all that belongs to it."""
    for table in (properties, tags, members):
        connection.execute(delete(table).where(table.c.image_id == image_id))
    connection.execute(delete(images).where(images.c.id == image_id))


def time_text(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
