# SPDX-License-Identifier: Apache-2.0
"""Who the services of this process are to the cloud: users of our own identity, or of another Keystone."""

from __future__ import annotations

from dataclasses import dataclass

from samovar.clients import Cloud, PasswordCredentials
from samovar.cloud import identity
from samovar.config import KeystoneSettings, Settings


@dataclass(frozen=True, slots=True)
class StackDomain:
    """The domain of the users that stacks make, and who may make them there."""

    id: str
    admin: PasswordCredentials


def foreign(settings: Settings, wanted: set[str]) -> bool:
    """Whether tokens are another Keystone's (or our own, asked as one): a service user is configured."""
    return settings.keystone.username is not None and "identity" not in wanted


def service_user(settings: Settings, name: str, *, elsewhere: bool) -> PasswordCredentials:
    """The credentials of a service; `name` is its user in our own identity."""
    if elsewhere:
        return _configured(settings.keystone)
    password = identity.read_passwords(settings.state_dir)[name]
    return PasswordCredentials(
        password,
        username=name,
        user_domain_id="default",
        project_name=identity.project_of(name),
        project_domain_id="default",
    )


def trustee(settings: Settings, *, elsewhere: bool) -> PasswordCredentials:
    """Whom stacks' owners trust with their stacks."""
    given = settings.keystone
    if not elsewhere or given.trustee_username is None:
        return service_user(settings, "heat", elsewhere=elsewhere)
    return PasswordCredentials(
        given.trustee_password or "",
        username=given.trustee_username,
        user_domain_id=given.trustee_domain_id,
        user_domain_name=given.trustee_domain_name,
    )


async def stack_domain(given: KeystoneSettings, cloud: Cloud) -> StackDomain | None:
    """The domain that is configured for stacks' users; None where there is none."""
    named = given.stack_user_domain_id or given.stack_user_domain_name
    if not named or given.stack_domain_admin is None:
        return None
    domain = given.stack_user_domain_id
    if domain is None:
        found = await cloud.get("identity", "/domains", query={"name": given.stack_user_domain_name})
        if not found["domains"]:
            raise LookupError(f"[DEFAULT] stack_user_domain_name: there is no domain {named}")
        domain = str(found["domains"][0]["id"])
    return StackDomain(
        domain,
        PasswordCredentials(
            given.stack_domain_admin_password or "",
            username=given.stack_domain_admin,
            user_domain_id=domain,
            domain_id=domain,
        ),
    )


def _configured(given: KeystoneSettings) -> PasswordCredentials:
    return PasswordCredentials(
        given.password or "",
        username=given.username,
        user_domain_id=given.user_domain_id,
        user_domain_name=given.user_domain_name,
        project_id=given.project_id,
        project_name=given.project_name,
        project_domain_id=given.project_domain_id,
        project_domain_name=given.project_domain_name,
    )
