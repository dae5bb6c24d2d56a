# SPDX-License-Identifier: Apache-2.0
"""Who may do what, and what ends when something is withdrawn."""

import pytest

from samovar.auth import InvalidToken

HOME = {"project": {"name": "samovar", "domain": {"id": "default"}}}


async def member(cloud, **more):
    """A user with the role member on the project samovar: its id and a token."""
    user = {"name": "ann", "password": "old password", "domain_id": "default", **more}
    made = await cloud.admin("POST", "/v3/users", {"user": user}, status=201)
    await grant(cloud, made["user"]["id"], "member")
    token = await cloud.login("ann", HOME, password="old password")
    assert token.status == 201
    return made["user"]["id"], token.headers["x-subject-token"]


async def grant(cloud, user_id, role, method="PUT", place=None):
    roles = await cloud.admin("GET", f"/v3/roles?name={role}", status=200)
    where = place or f"projects/{cloud.first.project_id}"
    path = f"/v3/{where}/users/{user_id}/roles/{roles['roles'][0]['id']}"
    await cloud.admin(method, path, status=204)


@pytest.mark.parametrize(
    "withdraw",
    ["password", "own password", "disable", "delete", "role", "disable project", "disable and enable"],
)
async def test_what_is_withdrawn_ends_its_tokens_at_once(cloud, withdraw):
    user_id, token = await member(cloud)
    validator = cloud.service.validator()
    assert (await validator.validate(token)).user_id == user_id
    path = f"/v3/users/{user_id}"
    if withdraw == "password":
        await cloud.admin("PATCH", path, {"user": {"password": "new"}}, status=200)
    elif withdraw == "own password":
        body = {"user": {"original_password": "old password", "password": "new"}}
        await cloud.ask("POST", f"{path}/password", body, status=204)
    elif withdraw.startswith("disable") and "project" not in withdraw:
        await cloud.admin("PATCH", path, {"user": {"enabled": False}}, status=200)
        if withdraw.endswith("enable"):
            await cloud.admin("PATCH", path, {"user": {"enabled": True}}, status=200)
    elif withdraw == "delete":
        await cloud.admin("DELETE", path, status=204)
    elif withdraw == "role":
        await grant(cloud, user_id, "member", "DELETE")
    else:
        project = f"/v3/projects/{cloud.first.project_id}"
        await cloud.admin("PATCH", project, {"project": {"enabled": False}}, status=200)
    with pytest.raises(InvalidToken):
        await validator.validate(token)
    await cloud.ask("GET", "/v3/auth/projects", token=token, status=401)


async def test_a_member_sees_itself_and_little_else(cloud):
    user_id, token = await member(cloud, email="ann@tea")
    shown = await cloud.ask("GET", f"/v3/users/{user_id}", token=token, status=200)
    assert shown["user"]["email"] == "ann@tea" and "password" not in str(shown.body).replace(
        "password_exp", ""
    )
    await cloud.ask("GET", f"/v3/users/{user_id}/projects", token=token, status=200)
    await cloud.ask("GET", f"/v3/projects/{cloud.first.project_id}", token=token, status=200)
    await cloud.ask("GET", "/v3/regions", token=token, status=200)
    for method, path, body in (
        ("GET", "/v3/users", None),
        ("GET", f"/v3/users/{cloud.first.user_ids['admin']}", None),
        ("GET", f"/v3/projects/{cloud.first.admin_project_id}", None),
        ("PATCH", f"/v3/users/{user_id}", {"user": {"name": "root"}}),
        ("POST", "/v3/users", {"user": {"name": "eve", "domain_id": "default"}}),
        ("POST", "/v3/projects", {"project": {"name": "eve"}}),
        ("DELETE", "/v3/domains/default", None),
        ("GET", "/v3/role_assignments", None),
        ("POST", "/v3/ec2tokens", {"credentials": {"access": "a", "signature": "b"}}),
    ):
        refused = await cloud.ask(method, path, body, token=token, status=403)
        assert refused["error"]["title"] == "Forbidden"


async def test_a_manager_of_a_domain_rules_its_domain_only(cloud):
    made = await cloud.admin("POST", "/v3/domains", {"domain": {"name": "east"}}, status=201)
    east = made["domain"]["id"]
    body = {"user": {"name": "boss", "password": "x", "domain_id": east}}
    boss = await cloud.admin("POST", "/v3/users", body, status=201)
    await grant(cloud, boss["user"]["id"], "manager", place=f"domains/{east}")
    answer = await cloud.login("boss", {"domain": {"id": east}}, domain="east", password="x")
    token = answer.headers["x-subject-token"]
    listed = await cloud.ask("GET", "/v3/users", token=token, status=200)
    assert [user["name"] for user in listed["users"]] == ["boss"]
    project = {"project": {"name": "p", "domain_id": east}}
    made = await cloud.ask("POST", "/v3/projects", project, token=token, status=201)
    await cloud.ask(
        "POST", "/v3/projects", {"project": {"name": "q", "domain_id": "default"}}, token=token, status=403
    )
    roles = (await cloud.admin("GET", "/v3/roles"))["roles"]
    by_name = {role["name"]: role["id"] for role in roles}
    path = f"/v3/projects/{made['project']['id']}/users/{boss['user']['id']}/roles/"
    await cloud.ask("PUT", path + by_name["member"], token=token, status=204)
    await cloud.ask("PUT", path + by_name["admin"], token=token, status=403)
    outside = f"/v3/projects/{made['project']['id']}/users/{cloud.first.user_ids['samovar']}/roles/"
    await cloud.ask("PUT", outside + by_name["member"], token=token, status=403)


async def test_the_stack_domain_admin_can_make_stack_users(cloud):
    answer = await cloud.login("heat_domain_admin", {"domain": {"name": "heat"}}, domain="heat")
    token, domain_id = answer.headers["x-subject-token"], cloud.first.stack_domain_id
    project = {"project": {"name": "stack-1", "domain_id": domain_id}}
    made = await cloud.ask("POST", "/v3/projects", project, token=token, status=201)
    user = {"user": {"name": "signal", "domain_id": domain_id, "default_project_id": made["project"]["id"]}}
    user = await cloud.ask("POST", "/v3/users", user, token=token, status=201)
    roles = await cloud.ask("GET", "/v3/roles?name=heat_stack_user", token=token, status=200)
    role = roles["roles"][0]["id"]
    path = f"/v3/projects/{made['project']['id']}/users/{user['user']['id']}/roles/{role}"
    await cloud.ask("PUT", path, token=token, status=204)
    key = {"tenant_id": made["project"]["id"]}
    await cloud.ask(
        "POST", f"/v3/users/{user['user']['id']}/credentials/OS-EC2", key, token=token, status=201
    )


async def test_inherited_and_group_roles_reach_down(cloud):
    body = {"project": {"name": "child", "parent_id": cloud.first.project_id}}
    child = await cloud.admin("POST", "/v3/projects", body, status=201)
    user = {"user": {"name": "ann", "password": "x", "domain_id": "default"}}
    user = (await cloud.admin("POST", "/v3/users", user, status=201))["user"]["id"]
    group = (await cloud.admin("POST", "/v3/groups", {"group": {"name": "g"}}, status=201))["group"]["id"]
    await cloud.admin("PUT", f"/v3/groups/{group}/users/{user}", status=204)
    role = (await cloud.admin("GET", "/v3/roles?name=member"))["roles"][0]["id"]
    place = f"/v3/OS-INHERIT/projects/{cloud.first.project_id}/groups/{group}/roles/{role}"
    await cloud.admin("PUT", f"{place}/inherited_to_projects", status=204)
    await cloud.admin("HEAD", f"{place}/inherited_to_projects", status=204)
    scope = {"project": {"id": child["project"]["id"]}}
    answer = await cloud.login("ann", scope, password="x")
    assert answer.status == 201
    assert {"member", "reader"} <= {role["name"] for role in answer["token"]["roles"]}
    listed = await cloud.admin(
        "GET", f"/v3/role_assignments?effective&include_names&user.id={user}", status=200
    )
    assert {entry["scope"]["project"]["name"] for entry in listed["role_assignments"]} == {"child"}
    shown = await cloud.admin("GET", f"/v3/projects/{child['project']['id']}?parents_as_list", status=200)
    assert [parent["project"]["name"] for parent in shown["project"]["parents"]] == ["samovar"]
    await cloud.admin("DELETE", f"/v3/projects/{cloud.first.project_id}", status=403)


async def test_a_trust_lets_the_trustee_act_until_it_is_withdrawn(cloud):
    token = await cloud.token("samovar")
    users = cloud.first.user_ids
    trust = {
        "trustor_user_id": users["samovar"],
        "trustee_user_id": users["heat"],
        "project_id": cloud.first.project_id,
        "impersonation": True,
        "roles": [{"name": "member"}],
        "remaining_uses": 2,
    }
    made = await cloud.ask("POST", "/v3/OS-TRUST/trusts", {"trust": trust}, token=token, status=201)
    scope = {"OS-TRUST:trust": {"id": made["trust"]["id"]}}
    answer = await cloud.login("heat", scope)
    assert answer.status == 201
    body = answer["token"]
    assert body["user"]["id"] == users["samovar"]
    assert body["OS-TRUST:trust"]["trustee_user"]["id"] == users["heat"]
    assert {"member", "reader"} <= {role["name"] for role in body["roles"]}
    acting = answer.headers["x-subject-token"]
    context = await cloud.service.validator().validate(acting)
    assert (context.user_name, context.trust_id) == ("samovar", made["trust"]["id"])
    assert (await cloud.login("nova", scope)).status == 403
    again = {"trust": {**trust, "remaining_uses": None}}
    await cloud.ask("POST", "/v3/OS-TRUST/trusts", again, token=acting, status=403)
    rescope = {"identity": {"methods": ["token"], "token": {"id": acting}}, "scope": HOME}
    await cloud.ask("POST", "/v3/auth/tokens", {"auth": rescope}, status=403)
    assert (await cloud.login("heat", scope)).status == 201
    assert (await cloud.login("heat", scope)).status == 403
    await cloud.ask("DELETE", f"/v3/OS-TRUST/trusts/{made['trust']['id']}", token=token, status=204)
    with pytest.raises(InvalidToken, match="withdrawn"):
        await cloud.service.validator().validate(acting)


async def test_nobody_passes_on_what_it_does_not_have(cloud):
    token, users = await cloud.token("samovar"), cloud.first.user_ids
    trust = {
        "trustor_user_id": users["samovar"],
        "trustee_user_id": users["heat"],
        "project_id": cloud.first.project_id,
        "impersonation": False,
        "roles": [{"name": "admin"}],
    }
    await cloud.ask("POST", "/v3/OS-TRUST/trusts", {"trust": trust}, token=token, status=403)
    other = {**trust, "trustor_user_id": users["admin"], "roles": [{"name": "member"}]}
    await cloud.ask("POST", "/v3/OS-TRUST/trusts", {"trust": other}, token=token, status=403)
    body = {"application_credential": {"name": "robot", "roles": [{"name": "admin"}]}}
    path = f"/v3/users/{users['samovar']}/application_credentials"
    await cloud.ask("POST", path, body, token=token, status=403)


async def test_an_application_credential_is_bound_to_its_project_and_roles(cloud):
    user_id, token = await member(cloud)
    path = f"/v3/users/{user_id}/application_credentials"
    body = {"application_credential": {"name": "robot", "roles": [{"name": "reader"}]}}
    made = (await cloud.ask("POST", path, body, token=token, status=201))["application_credential"]
    await cloud.ask("POST", path, body, token=token, status=409)
    ruled = {"application_credential": {"name": "r2", "access_rules": [{"path": "/", "method": "GET"}]}}
    await cloud.ask("POST", path, ruled, token=token, status=501)
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"name": "robot", "user": {"id": user_id}, "secret": made["secret"]},
    }
    answer = await cloud.ask("POST", "/v3/auth/tokens", {"auth": {"identity": identity}}, status=201)
    assert {role["name"] for role in answer["token"]["roles"]} == {"reader"}
    robot = answer.headers["x-subject-token"]
    await cloud.ask("POST", path, {"application_credential": {"name": "r3"}}, token=robot, status=403)
    await grant(cloud, user_id, "member", "DELETE")
    with pytest.raises(InvalidToken):
        await cloud.service.validator().validate(robot)


async def test_lists_filter_and_page(cloud):
    for name in ("p1", "p2", "p3"):
        await cloud.admin(
            "POST", "/v3/projects", {"project": {"name": name, "tags": [name, "all"]}}, status=201
        )
    path, names = "/v3/projects?name__startswith=p&limit=2", []
    while path:
        page = await cloud.admin("GET", path, status=200)
        names += [project["name"] for project in page["projects"]]
        path = (page["links"]["next"] or "").removeprefix("http://cloud.test:9090/identity")
    assert names == ["p1", "p2", "p3"]
    for query, wanted in (("tags=p1,all", 1), ("tags-any=p1,p2", 2), ("not-tags=p1&name__contains=p", 2)):
        found = await cloud.admin("GET", f"/v3/projects?{query}", status=200)
        assert len([p for p in found["projects"] if p["name"].startswith("p")]) == wanted, query
    assert (await cloud.admin("GET", "/v3/users?enabled=false"))["users"] == []


async def test_a_user_may_be_spared_what_never_happens_here(cloud):
    options = {"ignore_lockout_failure_attempts": True, "ignore_password_expiry": True}
    body = {"user": {"name": "agent", "domain_id": "default", "options": options}}
    made = (await cloud.admin("POST", "/v3/users", body, status=201))["user"]
    assert made["options"] == options
    assert (await cloud.admin("GET", f"/v3/users/{made['id']}"))["user"]["options"] == options


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v3/users", {"user": {"name": "admin", "domain_id": "default"}}, 409),
        ("POST", "/v3/users", {"user": {"name": ""}}, 400),
        ("POST", "/v3/users", {"user": {"name": "x", "enabled": "yes"}}, 400),
        ("POST", "/v3/users", {"user": {}}, 400),
        ("POST", "/v3/users", {"user": {"name": "x", "options": {"multi_factor_auth_enabled": True}}}, 501),
        ("POST", "/v3/users", {"user": {"name": "x", "domain_id": "nowhere"}}, 404),
        ("POST", "/v3/projects", [], 400),
        ("POST", "/v3/projects", {"project": {"name": "samovar"}}, 409),
        (
            "POST",
            "/v3/endpoints",
            {"endpoint": {"service_id": "x", "interface": "public", "url": "http://a"}},
            404,
        ),
        (
            "POST",
            "/v3/endpoints",
            {"endpoint": {"service_id": "x", "interface": "odd", "url": "http://a"}},
            400,
        ),
        ("GET", "/v3/users/nobody", None, 404),
        ("GET", "/v3/users?marker=nobody&limit=1", None, 400),
        ("GET", "/v3/policies", None, 404),
        ("GET", "/v3/limits", None, 404),
        ("DELETE", "/v3/domains/default", None, 403),
    ],
)
async def test_bad_requests_are_refused_in_keystones_shape(cloud, method, path, body, status):
    answer = await cloud.admin(method, path, body, status=status)
    assert answer["error"]["code"] == status and answer["error"]["message"]
