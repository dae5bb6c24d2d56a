# SPDX-License-Identifier: Apache-2.0
"""The openstack command against load balancing and the key manager."""

import json

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]
ME = {"user": "samovar", "project": "samovar"}


class Balanced:
    """The running cloud with a network for load balancers."""

    def __init__(self, live):
        self.run, self.json, self.mine = live.run, live.json, live.mine

    def do(self, *words, **more):
        return self.run("loadbalancer", *words, **ME, **more)

    def lb(self, *words, **more):
        return self.mine("loadbalancer", *words, **more)


@pytest.fixture(scope="module")
def balanced(live):
    live.mine("network", "create", "cups")
    live.mine("subnet", "create", "--network", "cups", "--subnet-range", "10.7.0.0/24", "saucers")
    yield Balanced(live)
    live.run("network", "delete", "cups", **ME)


def names(rows):
    return {row.get("Name") or row.get("name") for row in rows}


def test_a_load_balancer_from_beginning_to_end(balanced):
    live = balanced
    made = live.lb("create", "--name", "lb1", "--vip-subnet-id", "saucers", "--wait", "--tag", "t")
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
    live.json("loadbalancer", "amphora", "list")


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
