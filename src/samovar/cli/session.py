# SPDX-License-Identifier: Apache-2.0
"""How a command talks to a cloud: over HTTP; to the running one as its own member user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from samovar.clients import (
    Cloud,
    CloudError,
    CloudUnreachable,
    Http,
    PasswordCredentials,
    ServiceNotInCatalog,
    segment,
)

from .main import CommandError
from .state_directory import Running, StateDirectory

if TYPE_CHECKING:
    from .template_files import Package

DOMAIN = "default"
PROJECT = "samovar"
USER = "samovar"


class Refused(CommandError):
    """The API refused; `kind` is the name that it gives to the reason."""

    def __init__(self, message: str, kind: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status


def passwords(state: StateDirectory) -> dict[str, str]:
    """The passwords that were made for this cloud. Raises CommandError."""
    try:
        return msgspec.json.decode(state.passwords.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        raise CommandError(
            f"the passwords of the cloud cannot be read from {state.passwords}: {error}"
        ) from error


def cloud_entry(origin: str, user: str, project: str, password: str) -> dict[str, Any]:
    """An entry of clouds.yaml."""
    return {
        "auth": {
            "auth_url": f"{origin}/identity/v3",
            "username": user,
            "password": password,
            "project_name": project,
            "user_domain_id": DOMAIN,
            "project_domain_id": DOMAIN,
        },
        "region_name": "RegionOne",
        "identity_api_version": "3",
        "interface": "public",
    }


def local_cloud(state: StateDirectory, running: Running) -> Cloud:
    """The way into the cloud that runs here."""
    credentials = PasswordCredentials(
        password=passwords(state)[USER],
        username=USER,
        user_domain_id=DOMAIN,
        project_name=PROJECT,
        project_domain_id=DOMAIN,
    )
    return Cloud(f"{running.origin}/identity/v3", credentials, transport=Http())


def service_cloud(state: StateDirectory, running: Running, name: str) -> Cloud:
    """The way of one of the services into the cloud that runs here."""
    from samovar.cloud.identity import project_of

    credentials = PasswordCredentials(
        password=passwords(state)[name],
        username=name,
        user_domain_id=DOMAIN,
        project_name=project_of(name),
        project_domain_id=DOMAIN,
    )
    return Cloud(f"{running.origin}/identity/v3", credentials, transport=Http())


class Orchestration:
    """The orchestration API of a running cloud; use as an asynchronous context manager."""

    def __init__(
        self,
        state: StateDirectory | None = None,
        running: Running | None = None,
        *,
        cloud: Cloud | None = None,
    ) -> None:
        if cloud is None:
            assert state is not None and running is not None
            cloud = local_cloud(state, running)
        self._cloud = cloud

    @property
    def cloud(self) -> Cloud:
        """The way into the cloud, for what is no plain question."""
        return self._cloud

    async def __aenter__(self) -> Orchestration:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cloud.transport.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: Any = None,
        package: Package | None = None,
        service: str = "orchestration",
    ) -> Any:
        """The decoded body of the answer. Raises CommandError with the cloud's words.

        `path` follows the endpoint of `service`.

        Where what is refused is the template in `package`, the findings are printed with their lines.
        """
        try:
            answer = await self._cloud.request(service, method, path, json=json, query=query)
        except CloudError as error:
            raise _refused(error, package) from error
        except ServiceNotInCatalog as error:
            raise CommandError(str(error)) from error
        except CloudUnreachable as error:
            raise CommandError(f"the cloud does not answer: {error}") from error
        return answer.body

    async def find(self, name: str) -> tuple[dict[str, Any], str]:
        """The stack and its ``name/id``. Raises CommandError when there is none of this name."""
        found = await self.stack(name)
        if found is None:
            raise CommandError(f"there is no stack {name!r}; see 'openstack stack list' for those there are")
        return found, f"{segment(found['stack_name'])}/{found['id']}"

    async def stack(self, name: str) -> dict[str, Any] | None:
        """The stack of this name, without its outputs; None when there is none."""
        try:
            answer = await self._cloud.request("orchestration", "GET", f"/stacks/{segment(name)}")
            if answer.status == 302:
                location = answer.headers["location"].split("/stacks/", 1)[1]
                answer = await self._cloud.request("orchestration", "GET", f"/stacks/{location}")
        except CloudError as error:
            if error.not_found:
                return None
            raise CommandError(error.message) from error
        except CloudUnreachable as error:
            raise CommandError(f"the cloud does not answer: {error}") from error
        found: dict[str, Any] = answer.body["stack"]
        return found


def _refused(error: CloudError, package: Package | None) -> Refused:
    told = error.body.get("error") if isinstance(error.body, dict) else None
    kind = str(told.get("type", "")) if isinstance(told, dict) else ""
    if package is not None:
        from .findings import refusal, tell

        findings = refusal(package, told)
        if findings is not None:
            tell(package, findings)
            return Refused("the cloud refuses this template", kind)
    return Refused(error.message, kind, error.status)
