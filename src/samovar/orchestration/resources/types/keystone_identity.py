# SPDX-License-Identifier: Apache-2.0
"""Domains, projects, users, groups and roles."""

from __future__ import annotations

from samovar.orchestration.resources.builders import (
    REQUIRED,
    SECRET,
    UPDATE,
    boolean,
    boolean_attr,
    by_name,
    check,
    items,
    records,
    since,
    string,
    string_attr,
)
from samovar.orchestration.resources.schema import ResourceType

ROLES = records(
    "Roles given, each in a project or in a domain.",
    {
        "domain": string("Domain, by name or id.", check("keystone.domain")),
        "project": string("Project, by name or id.", check("keystone.project")),
        "role": string("Role, by name or id.", REQUIRED, check("keystone.role")),
    },
    UPDATE,
)

DOMAIN = ResourceType(
    name="OS::Keystone::Domain",
    description="A domain of users and projects.",
    support=since("8.0.0"),
    service="keystone",
    entity="domains",
    properties={
        "description": string("Text for people.", UPDATE),
        "enabled": boolean("Whether it is in effect.", UPDATE, default=True),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
    },
    observe_reality=True,
)


GROUP = ResourceType(
    name="OS::Keystone::Group",
    description="A group of users.",
    support=since("2015.1"),
    service="keystone",
    entity="groups",
    properties={
        "description": string("Text for people.", UPDATE, default=""),
        "domain": string("Domain, by name or id.", UPDATE, check("keystone.domain"), default="default"),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "roles": ROLES,
    },
    translation=(by_name("domain", "keystone.domain"),),
    observe_reality=True,
)


GROUP_ROLE_ASSIGNMENT = ResourceType(
    name="OS::Keystone::GroupRoleAssignment",
    description="Gives roles to a group.",
    support=since("5.0.0"),
    service="keystone",
    properties={
        "group": string("Group it belongs to.", REQUIRED, UPDATE, check("keystone.group")),
        "roles": ROLES,
    },
)


PROJECT = ResourceType(
    name="OS::Keystone::Project",
    description="A project.",
    support=since("2015.1"),
    service="keystone",
    entity="projects",
    properties={
        "description": string("Text for people.", UPDATE, default=""),
        "domain": string("Domain, by name or id.", UPDATE, check("keystone.domain"), default="default"),
        "enabled": boolean("Whether it is in effect.", UPDATE, default=True),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "parent": string("Parent, by name or id.", check("keystone.project"), since("6.0.0")),
        "tags": items("Tags of the object.", UPDATE, since("10.0.0"), default=[]),
    },
    attributes={
        "domain_id": string_attr("Id of the domain.", since("10.0.0")),
        "enabled": boolean_attr("Whether it is enabled.", since("10.0.0")),
        "is_domain": boolean_attr("Whether it is domain.", since("10.0.0")),
        "name": string_attr("Its name.", since("10.0.0")),
        "parent_id": string_attr("Id of the parent.", since("10.0.0")),
    },
    translation=(
        by_name("domain", "keystone.domain"),
        by_name("parent", "keystone.project"),
    ),
    observe_reality=True,
)


ROLE = ResourceType(
    name="OS::Keystone::Role",
    description="A role that users and groups can be given.",
    support=since("2015.1"),
    service="keystone",
    entity="roles",
    properties={
        "domain": string("Domain, by name or id.", check("keystone.domain"), since("16.0.0")),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
    },
    translation=(by_name("domain", "keystone.domain"),),
)


USER = ResourceType(
    name="OS::Keystone::User",
    description="A user.",
    support=since("2015.1"),
    service="keystone",
    entity="users",
    properties={
        "default_project": string("Default project, by name or id.", UPDATE, check("keystone.project")),
        "description": string("Text for people.", UPDATE, default=""),
        "domain": string("Domain, by name or id.", UPDATE, check("keystone.domain"), default="default"),
        "email": string("E-mail address.", UPDATE),
        "enabled": boolean("Whether it is in effect.", UPDATE, default=True),
        "groups": items("Groups, by name or id.", UPDATE, of=string("", check("keystone.group"))),
        "name": string("Name; made from the stack and resource names when it is left out.", UPDATE),
        "password": string("Password.", UPDATE, SECRET),
        "roles": ROLES,
    },
    attributes={
        "default_project_id": string_attr("Id of the default project.", since("9.0.0")),
        "domain_id": string_attr("Id of the domain.", since("9.0.0")),
        "enabled": boolean_attr("Whether it is enabled.", since("9.0.0")),
        "name": string_attr("Its name.", since("9.0.0")),
        "password_expires_at": string_attr("Password expires at.", since("9.0.0")),
    },
    translation=(
        by_name("domain", "keystone.domain"),
        by_name("default_project", "keystone.project"),
        by_name("groups", "keystone.group"),
    ),
    observe_reality=True,
)


USER_ROLE_ASSIGNMENT = ResourceType(
    name="OS::Keystone::UserRoleAssignment",
    description="Gives roles to a user.",
    support=since("5.0.0"),
    service="keystone",
    properties={
        "roles": ROLES,
        "user": string("User, by name or id.", REQUIRED, UPDATE, check("keystone.user")),
    },
)


TYPES = (
    DOMAIN,
    GROUP,
    GROUP_ROLE_ASSIGNMENT,
    PROJECT,
    ROLE,
    USER,
    USER_ROLE_ASSIGNMENT,
)
