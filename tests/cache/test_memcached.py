# SPDX-License-Identifier: Apache-2.0
import contextlib
import socket
import time

import pytest

from samovar.cache import Memcached, NoCache, Sealer, open_cache
from samovar.config import CacheSettings
from servers.stores import Memcached as Server

KEYS = [f"key {n}" for n in range(60)]


@pytest.fixture(scope="module")
def servers():
    with contextlib.ExitStack() as running:
        made = [Server(), Server()]
        for server in made:
            running.callback(server.stop)
        yield made


@pytest.fixture
async def open_client(servers):
    opened = []

    def open_(secret="s", **options):
        client = Memcached([server.address for server in servers], Sealer(secret), **options)
        opened.append(client)
        return client

    yield open_
    for client in opened:
        await client.close()


def stored(server):
    """All that a server holds, as it lies there."""
    with (
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        connection.makefile("rwb") as file,
    ):
        file.write(b"lru_crawler metadump all\r\n")
        file.flush()
        names = []
        while (line := file.readline()) != b"END\r\n":
            names.append(line.split()[0].removeprefix(b"key=").replace(b"%3A", b":"))
        found = {}
        for name in names:
            file.write(b"get " + name + b"\r\n")
            file.flush()
            header = file.readline()
            if header == b"END\r\n":
                continue
            found[name] = file.read(int(header.split()[3]) + 2)[:-2]
            file.readline()
        return found


def put(server, name, value):
    with (
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        connection.makefile("rwb") as file,
    ):
        file.write(b"set %s 0 60 %d\r\n%s\r\n" % (name, len(value), value))
        file.flush()
        assert file.readline() == b"STORED\r\n"


async def test_what_one_process_remembers_another_finds_spread_over_all_servers(servers, open_client):
    one, two = open_client(), open_client()
    for key in KEYS:
        await one.set(key, {"of": key, "n": [1, None]}, 30)
    assert [await two.get(key) for key in KEYS] == [{"of": key, "n": [1, None]} for key in KEYS]
    assert await two.get("nothing") is None
    assert all(len(stored(server)) > 10 for server in servers)


async def test_a_value_ends_when_it_said_whatever_a_server_still_holds(open_client):
    now = [1000.0]
    client = open_client(clock=lambda: now[0])
    await client.set("key", "value", 30)
    assert await client.get("key") == "value"
    now[0] += 31
    assert await client.get("key") is None


async def test_what_others_wrote_is_not_believed(servers, open_client):
    ours, theirs = open_client(secret="ours"), open_client(secret="theirs")
    await theirs.set("token of an admin", "forged", 30)
    assert await ours.get("token of an admin") is None
    before = {name for server in servers for name in stored(server)}
    await ours.set("mine", "value of mine", 30)
    (name,) = {name for server in servers for name in stored(server)} - before
    value = next(stored(server)[name] for server in servers if name in stored(server))
    await ours.set("other", "value of other", 30)
    for server in servers:
        for other in stored(server):
            put(server, other, value)  # a good value in another's place
    assert await ours.get("other") is None
    for server in servers:
        for other in stored(server):
            put(server, other, b"garbage")
    assert await ours.get("mine") is None


async def test_encrypted_values_tell_nothing(servers):
    settings = CacheSettings(
        memcached_servers=[server.address for server in servers],
        memcache_security_strategy="ENCRYPT",
        memcache_secret_key="k",
    )
    client = open_cache(settings, "")
    await client.set("token gAAAA-secret-token", {"name": "canary"}, 30)
    assert await client.get("token gAAAA-secret-token") == {"name": "canary"}
    everything = b"".join(b" ".join(pair) for server in servers for pair in stored(server).items())
    assert b"canary" not in everything
    assert b"secret-token" not in everything
    await client.close()


async def test_a_server_that_died_is_left_out_and_tried_again(servers, open_client):
    client = open_client(dead_retry=1.0)
    for key in KEYS:
        await client.set(key, key, 30)
    servers[0].end()
    began = time.monotonic()
    for key in KEYS:
        await client.get(key)
    for key in KEYS:
        await client.set(key, "anew", 30)
    found = [await client.get(key) for key in KEYS]
    assert found.count("anew") > 50  # on the other one; a few are asked for when the dead one is tried again
    assert time.monotonic() - began < 6
    servers[0].begin()
    deadline = time.monotonic() + 15
    while not stored(servers[0]):
        assert time.monotonic() < deadline
        for key in KEYS:
            await client.set(key, "back", 30)
    for key in KEYS:
        await client.set(key, "back", 30)
    assert [await client.get(key) for key in KEYS] == ["back"] * len(KEYS)


async def test_a_frozen_server_costs_one_timeout(servers, open_client):
    client = open_client(dead_retry=30.0)
    servers[0].freeze()
    try:
        began = time.monotonic()
        for key in KEYS:
            await client.get(key)
        assert time.monotonic() - began < 2
    finally:
        servers[0].thaw()


async def test_without_any_server_that_answers_nothing_is_remembered_and_nothing_fails():
    client = open_cache(CacheSettings(memcached_servers=["127.0.0.1:1"]), "s")
    await client.set("key", "value", 30)
    assert await client.get("key") is None
    await client.close()
    assert isinstance(open_cache(CacheSettings(), "s"), NoCache)


def test_settings_that_make_no_sense_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="memcached_servers: 'h:port' is not host:port"):
        open_cache(CacheSettings(memcached_servers=["h:port"]), "s")
    with pytest.raises(ValueError, match="MAC or ENCRYPT, not 'ROT13'"):
        open_cache(CacheSettings(memcached_servers=["h:1"], memcache_security_strategy="rot13"), "s")
