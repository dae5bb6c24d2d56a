# SPDX-License-Identifier: Apache-2.0
"""The openstack command against identity."""

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]


def test_token_and_catalog(live):
    token = live.json("token", "issue", user="samovar", project="samovar")
    assert token["project_id"] == live.first.project_id
    catalog = {entry["Type"]: entry for entry in live.json("catalog", "list")}
    assert {"identity", "image"} <= set(catalog)
    shown = live.json("catalog", "show", "image")
    assert shown["endpoints"][0]["url"] == f"{live.origin}/image"
    live.run("token", "revoke", token["id"])
    assert "401" in live.run("project", "list", user="samovar", status=1, OS_PASSWORD="wrong").stderr


def test_projects_users_and_roles(live):
    project = live.json("project", "create", "--description", "Tea", "--tag", "hot", "tea")
    assert project["enabled"] is True and project["tags"] == ["hot"]
    live.run("project", "set", "--name", "green-tea", "--property", "leaf=yes", "tea")
    assert live.json("project", "show", "green-tea")["leaf"] == "yes"
    user = live.json(
        "user", "create", "--project", "green-tea", "--password", "p4ss", "--email", "a@b", "ann"
    )
    assert user["email"] == "a@b" and user["default_project_id"] == project["id"]
    live.run("role", "add", "--project", "green-tea", "--user", "ann", "member")
    assert {row["Name"] for row in live.json("user", "list", "--project", "green-tea")} == {"ann"}
    rows = live.json("role", "assignment", "list", "--names", "--user", "ann")
    assert [(row["Role"], row["Project"]) for row in rows] == [("member", "green-tea@Default")]
    rows = live.json("role", "assignment", "list", "--names", "--effective", "--user", "ann")
    assert {"member", "reader"} <= {row["Role"] for row in rows}
    live.json("token", "issue", user="ann", project="green-tea", OS_PASSWORD="p4ss")
    live.run("user", "set", "--password", "other", "ann")
    live.run("token", "issue", user="ann", project="green-tea", OS_PASSWORD="p4ss", status=1)
    live.run(
        *("user", "password", "set", "--original-password", "other", "--password", "third"),
        user="ann",
        project="green-tea",
        OS_PASSWORD="other",
    )
    live.json("token", "issue", user="ann", project="green-tea", OS_PASSWORD="third")
    refused = live.run("user", "list", user="ann", project="green-tea", OS_PASSWORD="third", status=1)
    assert "403" in refused.stderr
    live.run("user", "set", "--disable", "ann")
    live.run("token", "issue", user="ann", project="green-tea", OS_PASSWORD="third", status=1)
    live.run("role", "remove", "--project", "green-tea", "--user", "ann", "member")
    live.run("user", "delete", "ann")
    live.run("project", "delete", "green-tea")
    live.run("project", "show", "green-tea", status=1)


def test_domains_and_groups(live):
    live.run("domain", "create", "east")
    live.run("user", "create", "--domain", "east", "--password", "x", "bob")
    live.run("group", "create", "--domain", "east", "brewers")
    live.run("group", "add", "user", "--user-domain", "east", "--group-domain", "east", "brewers", "bob")
    live.run("group", "contains", "user", "--user-domain", "east", "--group-domain", "east", "brewers", "bob")
    live.run("role", "add", "--domain", "east", "--group", "brewers", "--group-domain", "east", "reader")
    assert [row["Name"] for row in live.json("user", "list", "--group", "brewers")] == ["bob"]
    live.run("domain", "delete", "east", status=1)
    live.run("domain", "set", "--disable", "east")
    live.run("domain", "delete", "east")
    assert "east" not in {row["Name"] for row in live.json("domain", "list")}


def test_roles(live):
    live.run("role", "create", "taster")
    live.run("implied", "role", "create", "member", "--implied-role", "taster")
    rules = live.json("implied", "role", "list")
    assert ("member", "taster") in {(row["Prior Role Name"], row["Implied Role Name"]) for row in rules}
    live.run("implied", "role", "delete", "member", "--implied-role", "taster")
    live.run("role", "delete", "taster")
    assert {"admin", "member", "reader"} <= {row["Name"] for row in live.json("role", "list")}
    live.run("role", "delete", "admin", status=1)


def test_services_endpoints_and_regions(live):
    live.run("region", "create", "West")
    service = live.json("service", "create", "--name", "teapot", "tea-brewing")
    endpoint = live.json(
        "endpoint", "create", "--region", "West", "teapot", "public", "http://t:1/%(project_id)s"
    )
    assert endpoint["service_id"] == service["id"]
    rows = live.json("endpoint", "list", "--service", "teapot")
    assert [row["URL"] for row in rows] == ["http://t:1/%(project_id)s"]
    live.run("endpoint", "set", "--url", "http://t:2/", endpoint["id"])
    assert live.json("endpoint", "show", endpoint["id"])["url"] == "http://t:2/"
    live.run("endpoint", "delete", endpoint["id"])
    live.run("service", "delete", "teapot")
    live.run("region", "delete", "West")


def test_credentials_of_users(live):
    key = live.json("ec2", "credentials", "create", user="samovar", project="samovar")
    listed = live.json("ec2", "credentials", "list", user="samovar", project="samovar")
    assert key["access"] in {row["Access"] for row in listed}
    live.run("ec2", "credentials", "delete", key["access"], user="samovar", project="samovar")
    stored = live.json("credential", "create", "--type", "cert", "admin", "a secret")
    live.run("credential", "delete", stored["id"])


def test_application_credentials_and_trusts(live):
    me = {"user": "samovar", "project": "samovar"}
    made = live.json("application", "credential", "create", "--role", "member", "robot", **me)
    secret = made.get("secret") or made.get("Secret")
    identity = made.get("id") or made.get("ID")
    robot = {
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": identity,
        "OS_APPLICATION_CREDENTIAL_SECRET": secret,
        **dict.fromkeys(("OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME")),
        **dict.fromkeys(("OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME")),
    }
    assert live.json("token", "issue", **robot)["project_id"] == live.first.project_id
    assert len(live.json("application", "credential", "list", **me)) == 1
    live.run("application", "credential", "delete", "robot", **me)
    live.run("token", "issue", status=1, **robot)
    users = {row["Name"]: row["ID"] for row in live.json("user", "list")}
    trust = live.json(
        *("trust", "create", "--project", live.first.project_id, "--role", "member", "--impersonate"),
        *(users["samovar"], users["heat"]),
        **me,
    )
    token = live.json(
        *("token", "issue"),
        user="heat",
        project=None,
        OS_TRUST_ID=trust["id"],
        OS_PROJECT_DOMAIN_NAME=None,
    )
    assert token["user_id"] == users["samovar"]
    assert trust["id"] in {row["ID"] for row in live.json("trust", "list")}
    live.run("trust", "delete", trust["id"], **me)
