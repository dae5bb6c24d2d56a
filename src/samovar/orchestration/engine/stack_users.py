# SPDX-License-Identifier: Apache-2.0
"""Users of the stack domain: identities that may do nothing but signal and read metadata of one resource."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from samovar.clients import CloudError, PasswordCredentials, segment
from samovar.orchestration.resources.behaviour import ResourceFailed, SignalAddress

from .store import get_stack
from .tables import stacks

if TYPE_CHECKING:
    from .context import Context
    from .loaded import LoadedStack

ROLE = "heat_stack_user"


class StackUsers:
    """Makes and removes the users of one stack, acting as the administrator of the stack domain."""

    def __init__(self, run: LoadedStack) -> None:
        assert run.parts.stack_domain_admin is not None
        self._run = run
        self._admin = run.parts.cloud_for(run.parts.stack_domain_admin)
        self._domain = run.parts.stack_domain_id

    async def address_of(self, context: Context, outside: bool = False) -> SignalAddress:
        """Where the resource is signalled, seen from servers or from outside.

        Its user is made when first asked for.
        """
        row, stack = context.row, self._run.stack
        password = row.secrets.get("stack_user_password") or secrets.token_urlsafe(24)
        user_id = row.data.get("stack_user_id")
        project = await self._project()
        if user_id is None:
            # The password is durable before the user is: an interrupted one is found by name.
            await context.set_data("stack_user_password", password, secret=True)
            user_id = await self._user(context.physical_name, password, project)
            await context.set_data("stack_user_id", user_id)
        parts = self._run.parts
        credentials = PasswordCredentials(password, user_id=user_id, project_id=project)
        token = await parts.cloud_for(credentials).token()
        path = f"{segment(stack.name)}/{stack.id}/resources/{segment(row.name)}"

        def seen(url: str) -> str:
            return url if outside else context.seen_from_servers(url)

        return SignalAddress(
            endpoint=seen(f"{parts.endpoint}/v1/{project}/stacks/{path}/signal"),
            presigned_url=(await context.signed_access(outside=outside)).signal_url,
            user_id=user_id,
            user_name=context.physical_name,
            password=password,
            token=token,
            project_id=project,
            auth_url=seen(parts.auth_url),
            domain_id=self._domain,
        )

    async def remove_user(self, user_id: str) -> None:
        if await self._is_ours(user_id):
            await self._gone("DELETE", f"/users/{segment(user_id)}")

    async def _is_ours(self, user_id: str) -> bool:
        """Whether it is a user of this stack: which one it is may have come with data to adopt."""
        try:
            answer = await self._admin.get("identity", f"/users/{segment(user_id)}")
        except CloudError as error:
            if error.not_found:
                return False
            raise
        root_id = self._run.stack.root_id
        root = await self._run.parts.database.read(lambda c: get_stack(c, root_id))
        ours = root.user_project_id if root is not None else self._run.stack.user_project_id
        return ours is not None and answer["user"].get("default_project_id") == ours

    async def is_for(self, project_id: str, owner: str) -> bool:
        """Whether a project holds the users of stacks of `owner`, a project of the cloud's users."""
        try:
            answer = await self._admin.get("identity", f"/projects/{segment(project_id)}")
        except CloudError as error:
            if error.not_found or error.status in (400, 403):
                return False
            raise
        found = answer["project"]
        return found.get("domain_id") == self._domain and str(found.get("name")).startswith(f"{owner}-")

    async def enable_user(self, user_id: str, enabled: bool) -> None:
        """Suspended resources are not signalled."""
        if not await self._is_ours(user_id):
            return
        change = {"user": {"enabled": enabled}}
        await self._admin.request("identity", "PATCH", f"/users/{segment(user_id)}", json=change)

    async def remove_project(self, project_id: str) -> None:
        """Remove the users and the project of a stack tree; what is gone already is fine."""
        users = await self._admin.get("identity", "/users", query={"domain_id": self._domain})
        for user in users["users"]:
            if user.get("default_project_id") == project_id:
                await self._gone("DELETE", f"/users/{segment(user['id'])}")
        await self._gone("DELETE", f"/projects/{segment(project_id)}")

    async def _project(self) -> str:
        """The project of the stack tree in the stack domain."""
        stack, parts = self._run.stack, self._run.parts
        root = await parts.database.read(lambda c: get_stack(c, stack.root_id))
        if root is not None and root.user_project_id is not None:
            return root.user_project_id
        name = f"{stack.project_id}-{stack.root_id}"[:64]
        body = {"project": {"name": name, "domain_id": self._domain, "description": "Users of a stack"}}
        project = await self._made("/projects", "project", body, name)
        change = update(stacks).where(stacks.c.root_id == stack.root_id).values(user_project_id=project)
        await parts.database.write(lambda c: c.execute(change))
        stack.user_project_id = project
        return project

    async def _user(self, name: str, password: str, project: str) -> str:
        body: dict[str, Any] = {
            "user": {
                "name": name[-255:],
                "password": password,
                "domain_id": self._domain,
                "default_project_id": project,
                "options": {"ignore_password_expiry": True, "ignore_change_password_upon_first_use": True},
            }
        }
        try:
            user = await self._made("/users", "user", body, name[-255:])
        except CloudError as error:
            if error.status != 501:
                raise
            del body["user"]["options"]  # an Identity without password rules has no exceptions from them
            user = await self._made("/users", "user", body, name[-255:])
        role = await self._role()
        path = f"/projects/{segment(project)}/users/{segment(user)}/roles/{segment(role)}"
        await self._admin.request("identity", "PUT", path)
        return user

    async def _role(self) -> str:
        found = await self._admin.get("identity", "/roles", query={"name": ROLE})
        for role in found["roles"]:
            return str(role["id"])
        try:
            answer = await self._admin.request("identity", "POST", "/roles", json={"role": {"name": ROLE}})
        except CloudError as error:
            if error.status != 403:
                raise
            raise ResourceFailed(
                f"Stacks' users need the role {ROLE}, which is not there, and the administrator of their "
                f"domain may not make it. An administrator of the cloud can: openstack role create {ROLE}"
            ) from error
        return str(answer.body["role"]["id"])

    async def _made(self, path: str, key: str, body: dict[str, Any], name: str) -> str:
        """The id of what is made, or of what an interrupted attempt made before."""
        try:
            answer = await self._admin.request("identity", "POST", path, json=body)
            return str(answer.body[key]["id"])
        except CloudError as error:
            if not error.conflict:
                raise
        query = {"name": name, "domain_id": self._domain}
        for each in (await self._admin.get("identity", path, query=query))[f"{key}s"]:
            if key == "user":
                password = body["user"]["password"]
                change = {"user": {"password": password}}
                await self._admin.request("identity", "PATCH", f"/users/{segment(each['id'])}", json=change)
            return str(each["id"])
        raise LookupError(f"the {key} {name} is said to exist and cannot be found")

    async def _gone(self, method: str, path: str) -> None:
        try:
            await self._admin.request("identity", method, path)
        except CloudError as error:
            if not error.not_found:
                raise


__all__ = ["StackUsers"]
