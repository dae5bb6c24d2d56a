# SPDX-License-Identifier: Apache-2.0
import datetime
import stat

import pytest
from sqlalchemy import select

from samovar.auth import InvalidToken
from samovar.clients import Cloud as Client
from samovar.clients import InProcess, PasswordCredentials
from samovar.cloud.identity import Service
from samovar.config import IdentitySettings, Settings
from samovar.database import metadata
from samovar.web import Prefixes

ORIGIN = "http://cloud.test:9090"
HOME = {"project": {"name": "samovar", "domain": {"id": "default"}}}


async def test_discovery_names_v3_at_the_address_the_client_used(cloud):
    many = await cloud.ask("GET", "", status=300)
    assert many["versions"]["values"][0]["links"][0]["href"] == f"{ORIGIN}/identity/v3/"
    one = await cloud.ask("GET", "/v3/", status=200)
    assert (one["version"]["id"], one["version"]["status"]) == ("v3.14", "stable")


async def test_a_password_gives_a_token_with_roles_and_a_catalog(cloud):
    answer = await cloud.login("samovar", HOME)
    assert answer.status == 201
    token = answer["token"]
    assert token["methods"] == ["password"]
    assert token["project"]["name"] == "samovar" and token["project"]["domain"]["name"] == "Default"
    assert {"member", "reader"} <= {role["name"] for role in token["roles"]}
    urls = {entry["type"]: entry["endpoints"][0]["url"] for entry in token["catalog"]}
    assert urls["compute"] == f"{ORIGIN}/compute/v2.1"
    assert urls["orchestration"] == f"{ORIGIN}/heat-api/v1/{token['project']['id']}"
    expires = datetime.datetime.fromisoformat(token["expires_at"])
    assert expires > datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        ({"system": {"all": True}}, "system"),
        ({"domain": {"id": "default"}}, "domain"),
        ({"project": {"name": "admin", "domain": {"name": "Default"}}}, "project"),
        ("unscoped", None),
        (None, "project"),
    ],
)
async def test_a_token_is_scoped_as_asked(cloud, scope, kind):
    answer = await cloud.login("admin", scope)
    assert answer.status == 201
    assert [key for key in ("system", "domain", "project") if key in answer["token"]] == (
        [kind] if kind else []
    )
    assert ("catalog" in answer["token"]) is (kind is not None)


@pytest.mark.parametrize(
    ("name", "password", "scope"),
    [
        ("samovar", "wrong", HOME),
        ("nobody", "wrong", HOME),
        ("samovar", None, {"project": {"name": "admin", "domain": {"id": "default"}}}),
        ("samovar", None, {"project": {"id": "nowhere"}}),
        ("samovar", None, {"domain": {"id": "default"}}),
    ],
)
async def test_a_login_that_proves_nothing_is_401_in_keystones_shape(cloud, name, password, scope):
    answer = await cloud.login(name, scope, password=password or (None if name == "samovar" else "x"))
    assert answer.status == 401
    assert answer["error"]["code"] == 401 and answer["error"]["title"] == "Unauthorized"
    assert answer.headers["www-authenticate"].startswith("Keystone uri=")


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"auth": []},
        {"auth": {"identity": {}}},
        {"auth": {"identity": {"methods": ["password"]}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "x"}}}}},
    ],
)
async def test_a_malformed_login_is_400(cloud, body):
    answer = await cloud.ask("POST", "/v3/auth/tokens", body)
    assert answer.status == 400 and answer["error"]["title"] == "Bad Request"


async def test_show_check_and_revoke(cloud):
    token = await cloud.token("samovar")
    about = {"x-subject-token": token}
    shown = await cloud.ask("GET", "/v3/auth/tokens?nocatalog", token=token, headers=about, status=200)
    assert shown.headers["x-subject-token"] == token and "catalog" not in shown["token"]
    await cloud.ask("HEAD", "/v3/auth/tokens", token=token, headers=about, status=200)
    other = await cloud.token("samovar")
    await cloud.ask("DELETE", "/v3/auth/tokens", token=token, headers=about, status=204)
    await cloud.ask("GET", "/v3/auth/projects", token=token, status=401)
    await cloud.ask("GET", "/v3/auth/tokens", token=other, headers=about, status=404)
    with pytest.raises(InvalidToken, match="revoked"):
        await cloud.service.validator().validate(token)


async def test_a_stranger_may_not_look_into_anothers_token(cloud):
    mine, theirs = await cloud.token("samovar"), await cloud.token("admin", "admin")
    headers = {"x-subject-token": theirs}
    await cloud.ask("GET", "/v3/auth/tokens", token=mine, headers=headers, status=403)
    await cloud.ask("GET", "/v3/auth/tokens", token=theirs, headers={"x-subject-token": mine}, status=200)


async def test_a_token_can_be_rescoped_but_not_prolonged(cloud):
    first = await cloud.login("admin", "unscoped")
    identity = {"methods": ["token"], "token": {"id": first.headers["x-subject-token"]}}
    auth = {"identity": identity, "scope": HOME}
    second = await cloud.ask("POST", "/v3/auth/tokens", {"auth": auth}, status=201)
    assert second["token"]["methods"] == ["password", "token"]
    assert second["token"]["expires_at"] == first["token"]["expires_at"]
    assert second["token"]["audit_ids"][1] == first["token"]["audit_ids"][0]


async def test_what_a_bearer_can_reach(cloud):
    token = await cloud.token("admin", "admin")
    projects = await cloud.ask("GET", "/v3/auth/projects", token=token, status=200)
    assert {project["name"] for project in projects["projects"]} == {"admin", "samovar"}
    domains = await cloud.ask("GET", "/v3/auth/domains", token=token, status=200)
    assert [domain["name"] for domain in domains["domains"]] == ["Default"]
    catalog = await cloud.ask("GET", "/v3/auth/catalog", token=token, status=200)
    assert {entry["type"] for entry in catalog["catalog"]} == {"identity", "compute", "orchestration"}


async def test_the_validator_gives_services_a_context(cloud):
    token = await cloud.token("samovar")
    context = await cloud.service.validator().validate(token)
    assert (context.user_name, context.project_name) == ("samovar", "samovar")
    assert context.roles >= {"member", "reader"} and not context.is_admin
    assert await cloud.service.validator().validate(token) is context
    for bad in ("", "gAAAA", token[:-3], "é" * 200):
        with pytest.raises(InvalidToken):
            await cloud.service.validator().validate(bad)


async def test_rotated_keys_keep_old_tokens_good(cloud):
    old = await cloud.token("samovar")
    for _ in range(3):
        await cloud.service.rotate_keys()
    new = await cloud.token("samovar")
    fresh = Service(cloud.service._store._database, Settings(state_dir=cloud.service._settings.state_dir))
    for token in (old, new):
        assert (await fresh.validator().validate(token)).user_name == "samovar"


async def test_a_token_expires(cloud):
    settings = Settings(
        state_dir=cloud.service._settings.state_dir, identity=IdentitySettings(token_expiration=0)
    )
    brief = Service(cloud.service._store._database, settings)
    kept, cloud.transport = (
        cloud.service,
        InProcess(Prefixes({"identity": brief.api().asgi()}, cloud.transport)),
    )
    answer = await cloud.login("samovar", HOME)
    with pytest.raises(InvalidToken, match="expired"):
        await kept.validator().validate(answer.headers["x-subject-token"])


def everything(connection):
    return repr([connection.execute(select(table)).all() for table in metadata.sorted_tables])


async def test_the_first_cloud_is_made_once_and_its_passwords_are_private(cloud):
    again = await cloud.service.bootstrap()
    assert again == cloud.first
    state_dir = cloud.service._settings.state_dir
    assert stat.S_IMODE((state_dir / "passwords.json").stat().st_mode) == 0o600
    dumped = await cloud.service._store.read(everything)
    assert "samovar" in dumped
    assert not any(password in dumped for password in again.passwords.values())


async def test_a_lost_password_file_gives_new_passwords_that_work(cloud):
    (cloud.service._settings.state_dir / "passwords.json").unlink()
    again = await cloud.service.bootstrap()
    assert again.passwords["samovar"] != cloud.first.passwords["samovar"]
    assert again.user_ids == cloud.first.user_ids
    cloud.first = again
    assert (await cloud.login("samovar", HOME)).status == 201


async def test_our_own_client_gets_in(cloud):
    credentials = PasswordCredentials(
        cloud.first.passwords["samovar"],
        username="samovar",
        user_domain_name="Default",
        project_name="samovar",
        project_domain_name="Default",
    )
    client = Client(f"{ORIGIN}/identity/v3", credentials, transport=cloud.transport)
    assert await client.project_id() == cloud.first.project_id
    assert await client.endpoint("compute") == f"{ORIGIN}/compute/v2.1"
