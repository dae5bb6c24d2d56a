# SPDX-License-Identifier: Apache-2.0
"""Drafts: what a create, update, preview or validate request says, checked before anything is made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from samovar.clients import Cloud
from samovar.diagnostics import Diagnostics, Place
from samovar.orchestration.engine.definitions import Definition
from samovar.orchestration.engine.groups import GROUPS
from samovar.orchestration.engine.kinds import AWS_STACK
from samovar.orchestration.engine.parts import Parts
from samovar.orchestration.engine.sandbox import Budget
from samovar.orchestration.engine.texts import limits_of
from samovar.orchestration.resources.behaviours import Lookup, is_available, missing_objects
from samovar.orchestration.resources.behaviours.unavailable import SERVICE_TYPES
from samovar.orchestration.resources.known_types import KnownTypes
from samovar.orchestration.resources.registry import find_type
from samovar.orchestration.resources.schema import ResourceType
from samovar.orchestration.resources.validation import PendingLookup, validate_properties
from samovar.orchestration.templates import (
    Environment,
    Parameters,
    RequestLimitExceeded,
    StackIdentity,
    StackScope,
    Template,
    TemplateError,
    build_parameters,
    merge_environment_files,
    parse,
    parse_environment,
    raise_errors,
    resolve,
)
from samovar.orchestration.templates.errors import (
    InvalidEnvironment,
    StackValidationFailed,
    UnreadableTemplate,
)
from samovar.orchestration.templates.nodes import Path
from samovar.orchestration.templates.surroundings import Surroundings
from samovar.orchestration.templates.validation import validate
from samovar.web import BadRequest

from .fetching import fetch_implementations, fetch_inner_stacks, fetch_template
from .merging import Kept
from .transports import check_transports, has_transport
from .values import GREATEST, truth, whole_number

MAX_TAG = 80
MAX_FILE_NAME = 255


@dataclass(slots=True)
class Draft:
    """A request body, read. `given` is the template as the client gave it."""

    given: Any
    template: Template
    environment: Environment
    files: dict[str, str]
    parameters: Parameters
    identity: StackIdentity
    findings: Diagnostics = field(default_factory=Diagnostics)
    file: str | None = None  # what the user calls the file of the template
    _types: dict[str, ResourceType] | None = None

    def place_of(self, path: Path) -> Place | None:
        """Where a value stands: that of a parameter in the environment file that gives it."""
        if len(path) == 2 and path[0] == "parameters" and path[1] in self.environment.places:
            return self.environment.places[str(path[1])]
        return self.template.places.of(path)

    def definition(self) -> Definition:
        hidden = self.parameters.hidden & self._set_names()
        return Definition(self.given, self.environment.as_dict(), self.files, hidden, file=self.file)

    def types(self, scope: StackScope) -> dict[str, ResourceType]:
        """The declared type of each resource that a type (and no template) implements."""
        if self._types is None:
            self._types = _resource_types(self, scope)
        return self._types

    def _set_names(self) -> set[str]:
        return {*self.environment.parameters, *self.environment.parameter_defaults}


class DraftReader:
    """Reads request bodies. Every finding of a template and its environment is collected before refusing."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    async def read(
        self,
        body: Mapping[str, Any],
        identity: StackIdentity,
        kept: Kept | None = None,
        *,
        values_needed: bool = True,
    ) -> Draft:
        """`kept` is what a PATCH goes on from. Raises TemplateError with all findings, BadRequest."""
        if body.get("files_container"):
            raise BadRequest(
                "files_container needs an object store, which this service cannot read; send `files`.",
                type="NotSupported",
            )
        given = body.get("template")
        if given is None and body.get("template_url"):
            given = await fetch_template(str(body["template_url"]), self.parts.settings.engine)
        if given is None:
            raise BadRequest("No template specified: give template or template_url.", type="HTTPBadRequest")
        if not isinstance(given, str | dict):
            raise BadRequest("The template must be an object or text.", type="HTTPBadRequest")
        draft = await asyncio.to_thread(self._read, given, body, identity, kept)
        draft.files |= await fetch_implementations(
            draft.template, draft.environment, draft.files, self.parts.settings.engine
        )
        draft = await asyncio.to_thread(self._check, draft, values_needed)
        if any(each.type == AWS_STACK for each in draft.template.resources.values()):
            settings = self.parts.settings.engine
            scope = StackScope(draft.template, draft.parameters, files=draft.files)
            draft.files |= await fetch_inner_stacks(draft.template, scope, draft.files, settings)
        return draft

    def _read(self, given: Any, body: Mapping[str, Any], identity: StackIdentity, kept: Kept | None) -> Draft:
        self._check_size(given)
        files = _texts(body.get("files"), "files")
        template, findings = parse(given, "template", limits_of(self.parts))
        if template is None:
            try:
                raise_errors(findings)
            except StackValidationFailed as error:
                raise UnreadableTemplate(diagnostics=error.diagnostics) from error
            raise UnreadableTemplate("The template cannot be read.")
        environment = self._environment(body, template, files, findings)
        if kept is not None:
            environment = kept.under(environment, template)
        draft = Draft(given, template, environment, files, Parameters({}), identity, findings)
        draft.file = _file_name(body.get("template_file"))
        return draft

    def _check_size(self, given: Any) -> None:
        """Texts are measured when they are read; a template that came as an object is measured as text."""
        most = self.parts.settings.engine.max_template_size
        if isinstance(given, dict) and (size := len(str(given))) > most:
            raise RequestLimitExceeded(
                f"The template has {size} characters; at most {most} are allowed (max_template_size)."
            )

    def _check(self, draft: Draft, values_needed: bool) -> Draft:
        """Complete a draft that was read. Raises TemplateError with all findings."""
        template, environment, identity = draft.template, draft.environment, draft.identity
        settings = self.parts.settings.engine
        sandbox = Budget(self.parts.sandbox)
        around = Surroundings(
            types=KnownTypes(),
            files=draft.files,
            sandbox=sandbox,
            identity=identity,
            limits=limits_of(self.parts),
            values_needed=values_needed,
            outputs_may_fail=True,
            nesting=settings.max_nested_stack_depth,
            resources=settings.max_resources_per_stack,
        )
        if environment.event_sinks:
            draft.findings.error(
                "invalid-environment",
                "Event sinks need the messaging service, which is not available here.",
                advice="Remove event_sinks from the environment",
                path="event_sinks",
            )
        draft.findings.extend(validate(template, environment, around))
        raise_errors(draft.findings)
        draft.parameters, _ = build_parameters(
            template,
            environment.parameters,
            environment.parameter_defaults,
            identity,
            sandbox,
            missing_allowed=not values_needed,
        )
        return draft

    def _environment(
        self, body: Mapping[str, Any], template: Template, files: Mapping[str, str], findings: Diagnostics
    ) -> Environment:
        parameters = body.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            raise BadRequest("parameters must be an object.", type="HTTPBadRequest")
        names = body.get("environment_files")
        if names:
            if not isinstance(names, list):
                raise BadRequest("environment_files must be a list of names.", type="HTTPBadRequest")
            merged, found = merge_environment_files(
                parameters or {}, [str(n) for n in names], files, template
            )
            findings.extend(found)
            return merged or Environment()
        given = body.get("environment")
        if given is not None and not isinstance(given, str | dict):
            raise BadRequest("The environment must be an object or text.", type="HTTPBadRequest")
        environment, found = parse_environment(given if given != "" else None)
        if environment is None:
            raise InvalidEnvironment(diagnostics=found)
        findings.extend(found)
        return (environment or Environment()).with_parameters(parameters or {})

    # What only the cloud can tell

    async def check_in_cloud(self, draft: Draft, cloud: Cloud) -> None:
        """Look for what the template names in the cloud. Raises TemplateError with every finding."""
        findings = Diagnostics()
        pending, declared = await asyncio.to_thread(self._pending, draft, findings)
        await self._check_services(declared, cloud, findings)
        raise_errors(findings)
        for name, constraint, value in draft.parameters.custom_checks():
            pending.append(PendingLookup(("parameters", name), constraint.name, value))
        if pending:
            findings.extend(await missing_objects(pending, Lookup(cloud), draft.place_of))
        if any(kind.name == "OS::Heat::Stack" for kind in declared.values()):
            from .remote import check_remote_stacks

            await check_remote_stacks(draft, cloud, findings)
        raise_errors(findings)

    def _pending(
        self, draft: Draft, findings: Diagnostics
    ) -> tuple[list[PendingLookup], dict[str, ResourceType]]:
        scope = StackScope(
            draft.template,
            draft.parameters,
            files=draft.files,
            sandbox=self.parts.sandbox,
            zones=lambda: ["nova"],
        )
        pending: list[PendingLookup] = []
        declared: dict[str, ResourceType] = {}
        words = draft.template.words
        for name, kind in draft.types(scope).items():
            declared[name] = kind
            definition = scope.enabled[name]
            if kind.noop or definition.external_id is not None:
                continue
            if not kind.asks_cloud and not has_transport(kind):
                continue  # whether its values are good is known already
            try:
                values = resolve(definition.properties, scope)
            except TemplateError:
                continue
            where = (words.resources, name, words.properties)
            checked = validate_properties(kind, values if isinstance(values, dict) else {}, where)
            pending += checked.lookups
            check_transports(where, checked.values, findings, draft.place_of)
        return pending, declared

    async def _check_services(
        self, declared: Mapping[str, ResourceType], cloud: Cloud, findings: Diagnostics
    ) -> None:
        """Refuse types whose service the cloud has not got, and those that nothing here can make."""
        known: dict[str, bool] = {}
        for name, kind in declared.items():
            if kind.noop or (kind.nested_stack and kind.name in GROUPS):
                continue
            service = SERVICE_TYPES.get(kind.service or "")
            if service is not None and service not in known:
                known[service] = await cloud.has_service(service)
            path = f"resources.{name}"
            if service is not None and not known[service]:
                findings.error(
                    "unavailable-type",
                    f"{kind.name} needs the {service} service, which the cloud's catalog has not got.",
                    path=path,
                )
            elif not is_available(kind.name):
                findings.error(
                    "unavailable-type",
                    f"Resources of type {kind.name} can be validated, but not made by this version.",
                    path=path,
                )


def _resource_types(draft: Draft, scope: StackScope) -> dict[str, ResourceType]:
    found: dict[str, ResourceType] = {}
    registry = draft.environment.registry
    for name, definition in scope.enabled.items():
        implementation = registry.find(
            str(definition.resolved_type(scope)), name, lambda kind: find_type(kind) is not None
        )
        if implementation is None or implementation.is_template:
            continue
        declared = find_type(implementation.name)
        if declared is not None:
            found[name] = declared
    return found


def _texts(value: Any, what: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{what} must be an object of names and texts.", type="HTTPBadRequest")
    for name, text in value.items():
        if not isinstance(text, str):
            raise BadRequest(f"The file {name} must be text.", type="HTTPBadRequest")
    return dict(value)


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What a body says of the stack besides its definition. None: not given."""

    disable_rollback: bool | None
    timeout_mins: int | None
    tags: list[str] | None


def read_options(body: Mapping[str, Any]) -> StackOptions:
    """Raises BadRequest."""
    rollback = body.get("disable_rollback")
    return StackOptions(
        disable_rollback=None if rollback is None else truth("disable_rollback", rollback),
        timeout_mins=_minutes(body.get("timeout_mins")),
        tags=_tags(body.get("tags")),
    )


def _minutes(given: Any) -> int | None:
    found = whole_number("timeout_mins", given)
    if found == GREATEST:
        raise BadRequest(f"timeout_mins must be less than {GREATEST}.", type="HTTPBadRequest")
    return found


def _tags(given: Any) -> list[str] | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise BadRequest(
            f"Invalid tags, not a comma-delimited string of tags: {given}", type="StackValidationFailed"
        )
    tags = [tag.strip() for tag in given.split(",") if tag.strip()]
    for tag in tags:
        if len(tag) > MAX_TAG:
            raise BadRequest(
                f'The tag "{tag[:20]}…" is longer than {MAX_TAG} characters.', type="HTTPBadRequest"
            )
    return tags


def _file_name(given: Any) -> str | None:
    """What the template's file is called, for excerpts. Raises BadRequest."""
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= MAX_FILE_NAME or not given.isprintable():
        raise BadRequest(
            f"template_file must be a name of at most {MAX_FILE_NAME} characters.", type="HTTPBadRequest"
        )
    return given
