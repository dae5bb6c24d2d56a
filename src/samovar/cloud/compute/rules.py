# SPDX-License-Identifier: Apache-2.0
"""Who may do what, by the names and with the defaults of Nova's policy."""

from __future__ import annotations

from collections.abc import Mapping

READ = "role:admin or (role:reader and project_id:%(project_id)s)"
WRITE = "role:admin or (role:member and project_id:%(project_id)s)"
OWN_KEYS = "role:admin or user_id:%(user_id)s"
ADMIN = "role:admin"
SERVICE = "role:admin or role:service"
ANYONE = "@"

DEFAULTS: Mapping[str, str] = {
    "os_compute_api:servers:index": READ,
    "os_compute_api:servers:index:get_all_tenants": ADMIN,
    "os_compute_api:servers:show": READ,
    "os_compute_api:servers:create": WRITE,
    "os_compute_api:servers:create:requested_destination": ADMIN,
    "os_compute_api:servers:create:capabilities": ADMIN,
    "os_compute_api:servers:update": WRITE,
    "os_compute_api:servers:delete": WRITE,
    "os_compute_api:servers:action": WRITE,
    "os_compute_api:os-admin-actions:reset_state": ADMIN,
    "os_compute_api:os-lock-server:unlock:unlock_override": ADMIN,
    "os_compute_api:os-extended-server-attributes": ADMIN,
    "os_compute_api:server-metadata:index": READ,
    "os_compute_api:server-metadata:update": WRITE,
    "os_compute_api:os-server-tags:index": READ,
    "os_compute_api:os-server-tags:update": WRITE,
    "os_compute_api:os-attach-interfaces:list": READ,
    "os_compute_api:os-attach-interfaces:create": WRITE,
    "os_compute_api:os-attach-interfaces:delete": WRITE,
    "os_compute_api:os-volumes-attachments:index": READ,
    "os_compute_api:os-volumes-attachments:create": WRITE,
    "os_compute_api:os-instance-actions:list": READ,
    "os_compute_api:os-instance-actions:events:details": ADMIN,
    "os_compute_api:os-server-diagnostics": ADMIN,
    "os_compute_api:os-flavor-manage:create": ADMIN,
    "os_compute_api:os-flavor-manage:update": ADMIN,
    "os_compute_api:os-flavor-manage:delete": ADMIN,
    "os_compute_api:os-flavor-extra-specs:index": ANYONE,
    "os_compute_api:os-flavor-extra-specs:create": ADMIN,
    "os_compute_api:os-flavor-extra-specs:delete": ADMIN,
    "os_compute_api:os-flavor-access": ADMIN,
    "os_compute_api:os-keypairs:index": OWN_KEYS,
    "os_compute_api:os-keypairs:create": OWN_KEYS,
    "os_compute_api:os-keypairs:delete": OWN_KEYS,
    "os_compute_api:os-server-groups:index": READ,
    "os_compute_api:os-server-groups:index:all_projects": ADMIN,
    "os_compute_api:os-server-groups:create": WRITE,
    "os_compute_api:os-server-groups:delete": WRITE,
    "os_compute_api:os-availability-zone:list": ANYONE,
    "os_compute_api:os-availability-zone:detail": ADMIN,
    "os_compute_api:limits": ANYONE,
    "os_compute_api:limits:other_project": ADMIN,
    "os_compute_api:os-quota-sets:show": READ,
    "os_compute_api:os-quota-sets:update": ADMIN,
    "os_compute_api:os-simple-tenant-usage:show": READ,
    "os_compute_api:os-simple-tenant-usage:list": ADMIN,
    "os_compute_api:os-hypervisors": ADMIN,
    "os_compute_api:os-services": ADMIN,
    "os_compute_api:os-aggregates": ADMIN,
    "os_compute_api:os-server-external-events:create": SERVICE,
}
