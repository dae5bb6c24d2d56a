# SPDX-License-Identifier: Apache-2.0
"""Configurations kept for deployments and for user data; they never change."""

from __future__ import annotations

from collections.abc import Mapping
from email import message_from_string
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import yaml

from samovar.clients import CloudError, ServiceNotInCatalog
from samovar.orchestration.resources.behaviour import ResourceContext, ResourceFailed
from samovar.orchestration.resources.behaviours.rest import Body, Collection, RestObject, Row

CONFIGS = Collection(
    "orchestration", "/software_configs", "software_config", "software_configs", "software configuration"
)
_BOUNDARY = "===============samovar-config-parts=="


class SoftwareConfig(RestObject):
    """A script or text with inputs, outputs and options."""

    def __init__(self) -> None:
        super().__init__(Row(CONFIGS))

    async def content(self, context: ResourceContext) -> Body:
        """The configuration as it is stored."""
        values = context.properties
        return {
            "group": values.get("group"),
            "config": values.get("config"),
            "inputs": [_said(each) for each in values.get("inputs") or []],
            "outputs": [_said(each) for each in values.get("outputs") or []],
            "options": values.get("options") or {},
        }

    async def create(self, context: ResourceContext) -> str | None:
        sent = {**await self.content(context), "name": context.physical_name}
        return str((await self.post(context, sent))["id"])

    async def find(self, context: ResourceContext) -> str | None:
        named = [each for each in await self.list(context) if each["name"] == context.physical_name]
        return str(named[0]["id"]) if named else None

    def wrapped(self, sent: Body) -> Any:
        return sent


class SoftwareComponent(SoftwareConfig):
    """A configuration for each action."""

    async def content(self, context: ResourceContext) -> Body:
        configs = [
            {"actions": list(each["actions"]), "config": each.get("config"), "tool": each["tool"]}
            for each in context.properties["configs"]
        ]
        named = [action for each in configs for action in each["actions"]]
        twice = sorted({action for action in named if named.count(action) > 1})
        if twice:
            raise ResourceFailed(
                f"Each action has one configuration; more than one is for {', '.join(twice)}.",
                kind="StackValidationFailed",
            )
        return {**await super().content(context), "group": "component", "config": {"configs": configs}}


class CloudConfig(SoftwareConfig):
    """A cloud-config document."""

    async def content(self, context: ResourceContext) -> Body:
        document = context.properties.get("cloud_config") or {}
        text = yaml.safe_dump(document, default_flow_style=False, sort_keys=False, allow_unicode=True)
        return {"group": "Heat::Ungrouped", "config": f"#cloud-config\n{text}"}


class MultipartMime(SoftwareConfig):
    """Several configurations in one message for cloud-init."""

    async def content(self, context: ResourceContext) -> Body:
        message = MIMEMultipart("mixed", boundary=_BOUNDARY)
        for given in context.properties.get("parts") or []:
            text = await config_text(context, str(given["config"]))
            if given.get("type") == "multipart":
                inner = message_from_string(text)
                parts = inner.get_payload() if inner.is_multipart() else [inner]
                for part in parts if isinstance(parts, list) else []:
                    message.attach(part)
                continue
            message.attach(_part(text, given))
        return {"group": context.properties.get("group"), "config": message.as_string()}


def _part(text: str, given: Mapping[str, Any]) -> MIMEText:
    part = MIMEText(text, given.get("subtype") or "plain", "us-ascii" if text.isascii() else "utf-8")
    if given.get("filename"):
        part.add_header("Content-Disposition", "attachment", filename=str(given["filename"]))
    return part


async def config_text(context: ResourceContext, given: str) -> str:
    """The text of the configuration with that id; what is no id of one stands for itself."""
    if len(given) != 36 or "\n" in given:
        return given
    try:
        found = await context.cloud.get(CONFIGS.service, f"{CONFIGS.path}/{given}")
    except ServiceNotInCatalog:
        return given
    except CloudError as error:
        if not error.not_found:
            raise
        return given
    return str(found[CONFIGS.key].get("config") or "")


def _said(declared: Mapping[str, Any]) -> Body:
    """An input or output without the keys that were left out."""
    return {key: value for key, value in declared.items() if value is not None}
