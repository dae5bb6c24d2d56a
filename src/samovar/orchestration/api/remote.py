# SPDX-License-Identifier: Apache-2.0
"""Stacks of other regions inside a draft: the other region is asked before anything is made."""

from __future__ import annotations

from typing import Any

from samovar.clients import Cloud, CloudError, ServiceNotInCatalog
from samovar.diagnostics import Diagnostics
from samovar.orchestration.engine.deferred import other_cloud
from samovar.orchestration.templates import StackScope, TemplateError, contains_unknown, resolve

from .draft import Draft

REMOTE_STACK = "OS::Heat::Stack"


async def check_remote_stacks(draft: Draft, cloud: Cloud, findings: Diagnostics) -> None:
    """Let each OS::Heat::Stack's region validate its template. What is not known yet is not asked.

    Stacks of other clouds, which need a secret, are left to their creation.
    """
    scope = StackScope(draft.template, draft.parameters, files=draft.files)
    for name, definition in scope.enabled.items():
        if definition.type != REMOTE_STACK or definition.external_id is not None:
            continue
        try:
            values = resolve(definition.properties, scope)
        except TemplateError:
            continue
        where = values.get("context") or {} if isinstance(values, dict) else {}
        if contains_unknown(where) or set(where) - {"region_name"}:
            continue
        await _check(f"resources.{name}", values, where.get("region_name"), draft, cloud, findings)


async def _check(
    path: str, values: dict[str, Any], region: str | None, draft: Draft, cloud: Cloud, findings: Diagnostics
) -> None:
    there = other_cloud(cloud, region, None, None, False) if region else cloud
    template = values.get("template")
    known = isinstance(template, str) and not contains_unknown(template)
    try:
        if known:
            sent = {"template": template, "files": draft.files}
            await there.request("orchestration", "POST", "/validate", json=sent)
        else:
            await there.endpoint("orchestration")
    except ServiceNotInCatalog as error:
        findings.error("unavailable-type", str(error), path=path)
    except CloudError as error:
        if error.status != 400:
            raise
        findings.error("unavailable-type", f"The other stack is refused: {error.message}", path=path)
