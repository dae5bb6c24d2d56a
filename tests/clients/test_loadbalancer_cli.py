# SPDX-License-Identifier: Apache-2.0
"""The openstack command against load balancing and the key manager; the worker only says that it is done."""

import json

import pytest
import uvicorn

from samovar.clients import Cloud, Http, PasswordCredentials, TokenCredentials
from samovar.cloud import identity, key_manager, network
from samovar.config import Settings
from samovar.database import Database
from samovar.loadbalancer import operations
from samovar.loadbalancer.api import Service
from samovar.messaging import LocalBus
from samovar.web import Prefixes

from ..loadbalancer.conftest import Worker
from .conftest import LiveCloud

pytestmark = pytest.mark.clients
ME = {"user": "samovar", "project": "samovar"}
ENTRIES = (
    identity.CatalogEntry("network", "neutron", "/network"),
    identity.CatalogEntry("load-balancer", "octavia", "/load-balancer"),
    identity.CatalogEntry("key-manager", "barbican", "/key-manager"),
)


class BalancedCloud(LiveCloud):
    async def _serve(self):
        database = Database(f"sqlite:///{self.state_dir}/cloud.db")
        database.create_tables()
        settings, bus, transport = Settings(state_dir=self.state_dir), LocalBus(), Http()
        keystone = identity.Service(database, settings)
        self.first = await keystone.bootstrap(ENTRIES)
        validator = keystone.validator()
        neutron = network.Service(database, bus, settings, validator)
        await neutron.bootstrap()

        def cloud(credentials):
            return Cloud(f"{self.origin}/identity/v3", credentials, transport=transport)

        own = PasswordCredentials(
            self.first.passwords["octavia"],
            username="octavia",
            user_domain_id="default",
            project_name="service",
            project_domain_id="default",
        )
        octavia = Service(
            database,
            bus,
            settings,
            validator,
            own=cloud(own),
            caller=lambda token: cloud(TokenCredentials(token)),
        )
        worker = Worker(database)

        async def rung(_ids):
            await worker.work()

        bus.listen(operations.TOPIC, rung)
        applications = {
            "identity": keystone.api().asgi(),
            "network": neutron.api().asgi(),
            "load-balancer": octavia.asgi(),
            "key-manager": key_manager.Service(database, settings, validator).asgi(),
        }
        root = Prefixes(applications, applications["identity"])
        self.server = uvicorn.Server(uvicorn.Config(root, log_level="warning"))
        self._ready.set()
        await self.server.serve(sockets=[self.socket])
        await transport.close()
        await database.close()

    def mine(self, *words, **more):
        return self.json(*words, **ME, **more)

    def do(self, *words, **more):
        return self.run("loadbalancer", *words, **ME, **more)

    def lb(self, *words, **more):
        return self.mine("loadbalancer", *words, **more)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    cloud = BalancedCloud(tmp_path_factory.mktemp("live"))
    cloud.mine("network", "create", "tea")
    cloud.mine("subnet", "create", "--network", "tea", "--subnet-range", "10.7.0.0/24", "leaves")
    yield cloud
    cloud.stop()


def names(rows):
    return {row.get("Name") or row.get("name") for row in rows}


def test_a_load_balancer_from_beginning_to_end(live):
    made = live.lb("create", "--name", "lb1", "--vip-subnet-id", "leaves", "--wait", "--tag", "t")
    assert made["provisioning_status"] == "ACTIVE" and made["vip_address"].startswith("10.7.0.")
    live.do(
        "listener", "create", "--name", "web", "--protocol", "HTTP", "--protocol-port", "80", "--wait", "lb1"
    )
    pool = ("--protocol", "HTTP", "--lb-algorithm", "ROUND_ROBIN", "--listener", "web", "--wait")
    live.do("pool", "create", "--name", "pool", "--session-persistence", "type=HTTP_COOKIE", *pool)
    live.do(*("member", "create", "--address", "10.7.0.9", "--protocol-port", "80"), "--name", "m1", "pool")
    live.do("member", "set", "--weight", "7", "pool", "m1")
    assert live.lb("member", "show", "pool", "m1")["weight"] == 7
    check = ("--delay", "5", "--timeout", "3", "--max-retries", "2", "--type", "HTTP")
    live.do("healthmonitor", "create", "--name", "hm", *check, "--http-version", "1.1", "pool")
    live.do("healthmonitor", "set", "--expected-codes", "200-299", "hm")
    live.do("l7policy", "create", "--name", "no", "--action", "REJECT", "web")
    rule = ("--type", "PATH", "--compare-type", "STARTS_WITH", "--value", "/admin")
    live.do("l7rule", "create", *rule, "no")
    assert len(live.lb("l7rule", "list", "no")) == 1
    tree = json.loads(live.do("status", "show", "lb1").stdout)["loadbalancer"]
    assert tree["listeners"][0]["pools"][0]["health_monitor"]["name"] == "hm"
    assert live.lb("stats", "show", "lb1")["total_connections"] == 0
    assert names(live.lb("list", "--tags", "t")) == {"lb1"}
    refused = live.do("delete", "lb1", status=1)
    assert "has children" in refused.stderr
    live.do("delete", "--cascade", "--wait", "lb1")
    assert live.lb("list") == []


def test_what_an_administrator_does(live):
    data = '{"loadbalancer_topology": "ACTIVE_STANDBY"}'
    profile = ("--name", "two", "--provider", "amphora", "--flavor-data", data)
    live.run("loadbalancer", "flavorprofile", "create", *profile)
    live.run("loadbalancer", "flavor", "create", "--name", "pair", "--flavorprofile", "two")
    assert names(live.json("loadbalancer", "flavor", "list")) == {"pair"}
    live.run("loadbalancer", "quota", "set", "--pool", "3", "samovar")
    assert live.json("loadbalancer", "quota", "show", "samovar")["pool"] == 3
    assert live.json("loadbalancer", "quota", "defaults", "show")["pool"] == -1
    assert names(live.json("loadbalancer", "provider", "list")) == {"amphora", "octavia"}
    assert live.json("loadbalancer", "amphora", "list") == []


def test_secrets(live):
    made = live.mine("secret", "store", "--name", "tls", "--payload", "words", "--secret-type", "passphrase")
    href = made["Secret href"]
    assert live.mine("secret", "get", href, "--payload")["Payload"] == "words"
    assert names(live.mine("secret", "list")) == {"tls"}
    live.run("acl", "user", "add", "--user", "someone", href, **ME)
    box = live.mine("secret", "container", "create", "--name", "c", "--secret", f"certificate={href}")
    assert box["Type"] == "generic"
    live.run("secret", "delete", href, **ME)
    assert live.mine("secret", "list") == []
