# SPDX-License-Identifier: Apache-2.0
"""Our own identity service, asked over HTTP as any Keystone is."""

import asyncio

import pytest
import uvicorn

from samovar.auth import IdentityUnavailable, InvalidToken, RememberingValidator
from samovar.cache import NoCache
from samovar.clients import Cloud as Client
from samovar.clients import Http, KeystoneValidator, PasswordCredentials
from servers.program import free_port

HOME = {"project": {"name": "samovar", "domain": {"id": "default"}}}


@pytest.fixture
async def url(cloud):
    """Where the service listens."""
    port = free_port()
    config = uvicorn.Config(cloud.service.api().asgi(), port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    serving = asyncio.create_task(server.serve())
    for _ in range(1000):
        if server.started:
            break
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}/v3"
    server.should_exit = True
    await serving


@pytest.fixture
async def keystone(url, cloud):
    """A validator that asks there as the service user of Heat."""
    transport = Http()

    def open_(password=cloud.first.passwords["heat"]):
        user = PasswordCredentials(
            password,
            username="heat",
            user_domain_name="Default",
            project_name="service",
            project_domain_name="Default",
        )
        return KeystoneValidator(Client(url, user, transport=transport))

    yield open_
    await transport.close()


async def test_a_context_is_the_same_asked_over_http_or_in_the_database(cloud, keystone):
    token = (await cloud.login("samovar", HOME)).headers["x-subject-token"]
    assert await keystone().validate(token) == await cloud.service.validator().validate(token)


async def test_domain_system_and_unscoped_tokens_are_told_apart(cloud, keystone):
    validator = keystone()
    for scope in ({"domain": {"id": "default"}}, {"system": {"all": True}}, None):
        token = (await cloud.login("admin", scope)).headers["x-subject-token"]
        there, here = await validator.validate(token), await cloud.service.validator().validate(token)
        assert there == here


async def test_a_revoked_token_is_refused_and_so_is_nonsense(cloud, keystone):
    validator = keystone()
    token = (await cloud.login("samovar", HOME)).headers["x-subject-token"]
    await validator.validate(token)
    await cloud.ask("DELETE", "/v3/auth/tokens", token=token, headers={"x-subject-token": token}, status=204)
    for bad in (token, "nonsense", "ü" * 5000):
        with pytest.raises(InvalidToken):
            await validator.validate(bad)


async def test_trouble_with_keystone_is_not_the_callers_fault(cloud, keystone):
    token = (await cloud.login("samovar", HOME)).headers["x-subject-token"]
    with pytest.raises(IdentityUnavailable, match="refuses to check a token for this service"):
        await keystone(password="wrong").validate(token)
    nobody = PasswordCredentials("x", username="heat", user_domain_id="default")
    transport = Http()
    away = KeystoneValidator(Client("http://127.0.0.1:1/v3", nobody, transport=transport))
    with pytest.raises(IdentityUnavailable):
        await RememberingValidator(away, NoCache()).validate(token)
    await transport.close()
