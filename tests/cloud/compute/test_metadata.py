# SPDX-License-Identifier: Apache-2.0
import base64

import aiohttp
import pytest
from sqlalchemy import update

from samovar.cloud.compute.metadata.application import OURS
from samovar.cloud.compute.tables import interfaces

from .doubles import NETWORK


async def get(compute, path, **options):
    """As the server whose address in the network is 127.0.0.1 (where the twin's listeners are)."""
    ((network, port),) = compute.host.sockets
    assert network == NETWORK
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def here(compute):
    place = [{"ip_address": "127.0.0.1", "subnet_id": "33333333-3333-4333-8333-333333333333"}]
    await compute.database.write(lambda c: c.execute(update(interfaces).values(addresses=place)).rowcount)


async def test_a_server_learns_of_itself(compute):
    body = {"keypair": {"name": "mine"}}
    made = (await compute.ask("POST", "/os-keypairs", body, version="2.79", status=201))["keypair"]
    script = base64.b64encode(b"#!/bin/sh\n").decode()
    server_id = await compute.boot(user_data=script, key_name="mine", metadata={"role": "web"})
    assert (await get(compute, "/openstack/latest/meta_data.json"))[0] == 404
    await here(compute)
    status, text = await get(compute, "/openstack/latest/meta_data.json")
    assert status == 200 and f'"uuid":"{server_id}"' in text and '"meta":{"role":"web"}' in text
    assert made["public_key"] in text
    status, text = await get(compute, "/openstack/2015-10-15/network_data.json")
    assert status == 200 and '"ip_address":"127.0.0.1"' in text and '"9.9.9.9"' in text
    for path, expected in (
        ("/openstack/latest/user_data", "#!/bin/sh\n"),
        ("/latest/user-data", "#!/bin/sh\n"),
        ("/openstack/latest/vendor_data.json", "{}"),
        ("/2009-04-04/meta-data/local-ipv4", "127.0.0.1"),
        ("/latest/meta-data/public-keys/", "0=mine"),
        ("/latest/meta-data/public-keys/0/openssh-key", made["public_key"]),
        ("/latest/meta-data/placement/availability-zone", "nova"),
    ):
        assert await get(compute, path) == (200, expected)
    assert (
        "latest" in (await get(compute, "/"))[1]
        and "user_data" in (await get(compute, "/openstack/latest/"))[1]
    )
    for path in ("/openstack/1999-01-01/meta_data.json", "/latest/meta-data/none", "/openstack/latest/none"):
        assert (await get(compute, path))[0] == 404


async def test_the_listener_goes_with_the_last_server(compute):
    server_id = await compute.boot()
    await compute.ask("DELETE", f"/servers/{server_id}", status=204)
    await compute.gone(server_id)

    async def refused():
        try:
            await get(compute, "/")
        except aiohttp.ClientConnectionError:
            return True
        return False

    await compute.eventually(refused)


@pytest.mark.parametrize(
    ("path", "ours"),
    [("/", True), ("/latest/x", True), ("/2009-04-04", True), ("/openstack", True), ("/heat-api/v1/x", False),
     ("/identity/v3", False), ("/latestx", False)],
)  # fmt: skip
def test_other_paths_are_for_the_apis(path, ours):
    assert bool(OURS.match(path)) is ours
