# SPDX-License-Identifier: Apache-2.0
"""Who may do what to identity, under Keystone's rule names.

An administrator may do all; the reader of the system may see all; the manager (and, to see, the
reader) of a domain its domain; everybody what is their own.
"""

from __future__ import annotations


def _kinds(names: str, verbs: str, rule: str) -> dict[str, str]:
    return {f"identity:{verb}_{name}": rule for name in names.split() for verb in verbs.split()}


ADMIN = "rule:admin_required"
SEE_ALL = f"{ADMIN} or (role:reader and system_scope:all)"


def _domain(role: str, of: str) -> str:
    return f"(role:{role} and domain_id:%(target.{of})s)"


def _see(of: str) -> str:
    return f"{SEE_ALL} or {_domain('reader', of)}"


def _manage(of: str) -> str:
    return f"{ADMIN} or {_domain('manager', of)}"


OWN_USER = "user_id:%(target.user.id)s"
OWN_CREDENTIAL = "user_id:%(target.credential.user_id)s"

RULES: dict[str, str] = {
    "admin_required": "role:admin",
    "service_role": "role:service",
    "token_subject": "user_id:%(target.token.user_id)s",
    "identity:validate_token": f"{SEE_ALL} or rule:service_role or rule:token_subject",
    "identity:check_token": f"{SEE_ALL} or rule:service_role or rule:token_subject",
    "identity:revoke_token": f"{ADMIN} or rule:token_subject",
    "identity:list_revoke_events": f"{SEE_ALL} or rule:service_role",
    # domains and projects
    "identity:get_domain": f"{_see('domain.id')} or project_domain_id:%(target.domain.id)s",
    "identity:list_domains": f"{SEE_ALL} or (role:manager and not domain_id:None)",
    **_kinds("domain", "create update delete", ADMIN),
    "identity:get_project": f"{_see('project.domain_id')} or project_id:%(target.project.id)s",
    "identity:list_projects": _see("domain_id"),
    "identity:list_user_projects": f"{_see('user.domain_id')} or {OWN_USER}",
    **_kinds("project", "create update delete", _manage("project.domain_id")),
    **_kinds("project_tags", "list get", f"{_see('project.domain_id')} or project_id:%(target.project.id)s"),
    **_kinds("project_tags", "create update delete", _manage("project.domain_id")),
    # users and groups
    "identity:get_user": f"{_see('user.domain_id')} or {OWN_USER}",
    "identity:list_users": _see("domain_id"),
    **_kinds("user", "create update delete", _manage("user.domain_id")),
    "identity:get_group": _see("group.domain_id"),
    "identity:list_groups": _see("domain_id"),
    "identity:list_groups_for_user": f"{_see('user.domain_id')} or {OWN_USER}",
    "identity:list_users_in_group": _see("group.domain_id"),
    "identity:check_user_in_group": _see("group.domain_id"),
    **_kinds("group", "create update delete", _manage("group.domain_id")),
    **_kinds("user_to_group user_from_group", "add remove", _manage("group.domain_id")),
    # roles and who has them where
    **_kinds("role domain_role", "get list", f"{SEE_ALL} or role:manager"),
    "identity:list_roles": f"{SEE_ALL} or role:manager",
    **_kinds("role domain_role", "create update delete", ADMIN),
    **_kinds("implied_role", "get create delete check", ADMIN),
    "identity:list_implied_roles": SEE_ALL,
    "identity:list_role_inference_rules": SEE_ALL,
    **_kinds("grant grants", "check list", _see("place.domain_id")),
    # a manager of a domain hands out, within it, only what a manager may have
    **_kinds(
        "grant",
        "create revoke",
        f"{ADMIN} or (role:manager and domain_id:%(target.place.domain_id)s"
        " and domain_id:%(target.actor.domain_id)s and rule:domain_managed_target_role)",
    ),
    "domain_managed_target_role": (
        "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s"
    ),
    **_kinds("system_grant_for_user system_grant_for_group", "check create revoke", ADMIN),
    **_kinds("system_grants_for_user system_grants_for_group", "list", SEE_ALL),
    "identity:list_role_assignments": f"{_see('domain_id')} or user_id:%(target.user.id)s",
    "identity:list_role_assignments_for_tree": SEE_ALL,
    # the catalog's parts
    **_kinds("region", "get", ""),
    "identity:list_regions": "",
    **_kinds("service endpoint", "get", SEE_ALL),
    **_kinds("services endpoints", "list", SEE_ALL),
    **_kinds("region service endpoint", "create update delete", ADMIN),
    # what users keep here
    **_kinds("credential", "get create update delete", f"{ADMIN} or {OWN_CREDENTIAL}"),
    "identity:list_credentials": f"{SEE_ALL} or {OWN_CREDENTIAL}",
    "identity:ec2_validate_signature": f"{ADMIN} or rule:service_role",
    "identity:ec2_list_credentials": f"{SEE_ALL} or {OWN_USER}",
    "identity:ec2_get_credential": f"{SEE_ALL} or {OWN_USER}",
    "identity:ec2_create_credential": f"{ADMIN} or {OWN_USER}",
    "identity:ec2_delete_credential": f"{ADMIN} or {OWN_USER}",
    **_kinds("application_credential", "get", f"{SEE_ALL} or {OWN_USER}"),
    "identity:list_application_credentials": f"{SEE_ALL} or {OWN_USER}",
    "identity:create_application_credential": OWN_USER,
    "identity:delete_application_credential": f"{ADMIN} or {OWN_USER}",
    **_kinds("access_rules", "list", f"{SEE_ALL} or {OWN_USER}"),
    # trusts
    "identity:create_trust": "user_id:%(target.trust.trustor_user_id)s",
    "identity:list_trusts": SEE_ALL,
    "identity:list_trusts_for_trustor": f"{SEE_ALL} or user_id:%(target.trust.trustor_user_id)s",
    "identity:list_trusts_for_trustee": f"{SEE_ALL} or user_id:%(target.trust.trustee_user_id)s",
    **_kinds(
        "trust role_for_trust",
        "get",
        f"{SEE_ALL} or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s",
    ),
    "identity:list_roles_for_trust": (
        f"{SEE_ALL} or user_id:%(target.trust.trustor_user_id)s or user_id:%(target.trust.trustee_user_id)s"
    ),
    "identity:delete_trust": f"{ADMIN} or user_id:%(target.trust.trustor_user_id)s",
}
