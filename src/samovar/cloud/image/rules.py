# SPDX-License-Identifier: Apache-2.0
"""Who may do what to images, under Glance's rule names.

Which images somebody sees at all is decided in `catalogue`; an unseen image is 404, never 403.
"""

from __future__ import annotations

ADMIN = "rule:context_is_admin"
OWNER = f"{ADMIN} or (role:member and project_id:%(project_id)s)"
SEER = f"{ADMIN} or role:reader or role:service"

RULES: dict[str, str] = {
    "context_is_admin": "role:admin",
    "get_image": SEER,
    "get_images": SEER,
    "download_image": f"{ADMIN} or role:member or role:service",
    "add_image": OWNER,
    "modify_image": OWNER,
    "delete_image": OWNER,
    "upload_image": OWNER,
    "publicize_image": ADMIN,
    "communitize_image": OWNER,
    "deactivate": OWNER,
    "reactivate": OWNER,
    "get_member": SEER,
    "get_members": SEER,
    "add_member": OWNER,
    "delete_member": OWNER,
    "modify_member": f"{ADMIN} or (role:member and project_id:%(member_id)s)",
    "get_task": SEER,
    "get_tasks": SEER,
}
