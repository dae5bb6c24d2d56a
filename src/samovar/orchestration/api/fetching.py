# SPDX-License-Identifier: Apache-2.0
"""Templates by URL: that of a request, and those that implement resources and did not come as files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from samovar.config.settings import EngineSettings
from samovar.orchestration.engine.kinds import AWS_STACK
from samovar.orchestration.templates import (
    Environment,
    StackScope,
    Template,
    TemplateError,
    is_template_name,
    parse,
    resolve,
)
from samovar.orchestration.templates.limits import Limits
from samovar.web import BadRequest
from samovar.web.public_urls import FetchFailed, fetch_text

MOST_URLS = 50
TEMPLATE_URL = "TemplateURL"


async def fetch_template(url: str, settings: EngineSettings) -> str:
    """The text at `url`. Raises BadRequest."""
    try:
        return await fetch_text(
            url,
            most=settings.max_template_size,
            seconds=settings.template_fetch_timeout,
            private=settings.template_fetch_private,
        )
    except FetchFailed as error:
        raise BadRequest(f"Failed to retrieve the template {error}.", type="HTTPBadRequest") from error


async def fetch_implementations(
    template: Template, environment: Environment, files: Mapping[str, str], settings: EngineSettings
) -> dict[str, str]:
    """The texts of the templates that are named by URL and are not among the files. Raises BadRequest."""
    fetched: dict[str, str] = {}
    todo = [*_urls_of(template), *(name for name in environment.registry.template_names() if _is_url(name))]
    limits = Limits(characters=settings.max_template_size)
    seen = set(files)
    while todo:
        new = [url for url in dict.fromkeys(todo) if url not in seen]
        seen.update(new)
        if len(fetched) + len(new) > MOST_URLS:
            raise BadRequest(
                f"More than {MOST_URLS} templates are named by URL.", type="RequestLimitExceeded"
            )
        texts = await asyncio.gather(*(fetch_template(url, settings) for url in new))
        todo = []
        for url, text in zip(new, texts, strict=True):
            fetched[url] = text
            inner, _ = await asyncio.to_thread(parse, text, url, limits)
            if inner is not None:
                todo += _urls_of(inner)
    return fetched


def _urls_of(template: Template) -> Iterable[str]:
    for definition in template.resources.values():
        if isinstance(definition.type, str) and _is_url(definition.type):
            yield definition.type
        given = definition.properties if definition.type == AWS_STACK else None
        if isinstance(given, dict) and isinstance(given.get(TEMPLATE_URL), str):
            yield given[TEMPLATE_URL]


async def fetch_inner_stacks(
    template: Template, scope: StackScope, files: Mapping[str, str], settings: EngineSettings
) -> dict[str, str]:
    """The templates of AWS::CloudFormation::Stack whose URLs the parameters say. Raises BadRequest."""
    urls = []
    for definition in scope.enabled.values():
        if definition.type != AWS_STACK:
            continue
        try:
            values = resolve(definition.properties, scope)
        except TemplateError:
            continue  # told by the validation
        url = values.get(TEMPLATE_URL) if isinstance(values, dict) else None
        if isinstance(url, str) and url not in files:
            urls.append(url)
    fetched: dict[str, str] = {}
    for url in dict.fromkeys(urls):
        fetched[url] = await fetch_template(url, settings)
        inner, _ = await asyncio.to_thread(
            parse, fetched[url], url, Limits(characters=settings.max_template_size)
        )
        if inner is not None:
            known = {**files, **fetched}
            fetched |= await fetch_implementations(inner, Environment(), known, settings)
    return fetched


def _is_url(name: Any) -> bool:
    return is_template_name(name) and name.startswith(("http://", "https://"))
