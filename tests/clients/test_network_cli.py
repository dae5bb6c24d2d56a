# SPDX-License-Identifier: Apache-2.0
"""The openstack command against the network service."""

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]


MEMBER = {"user": "samovar", "project": "samovar"}


def names(rows):
    return {row["Name"] for row in rows}


def test_from_a_network_to_a_floating_ip(live):
    def ask(*words, **more):
        return live.json(*words, **MEMBER, **more)

    def run(*words, **more):
        return live.run(*words, **MEMBER, **more)

    network = ask("network", "create", "--mtu", "1400", "--tag", "blue", "tea")
    assert (network["mtu"], network["tags"]) == (1400, ["blue"])
    subnet = ask(
        *("subnet", "create", "--network", "tea", "--subnet-range", "10.5.0.0/24"),
        *("--dns-nameserver", "9.9.9.9", "--allocation-pool", "start=10.5.0.10,end=10.5.0.20"),
        *("--host-route", "destination=10.6.0.0/16,gateway=10.5.0.9", "leaves"),
    )
    assert (subnet["gateway_ip"], subnet["dns_nameservers"]) == ("10.5.0.1", ["9.9.9.9"])
    assert names(ask("network", "list", "--internal")) == {"tea"}
    assert names(ask("network", "list", "--external")) == {"public"}
    assert names(ask("subnet", "list", "--network", "tea")) == {"leaves"}

    port = ask(
        "port", "create", "--network", "tea", "--fixed-ip", "subnet=leaves,ip-address=10.5.0.15", "cup"
    )
    assert port["fixed_ips"][0]["ip_address"] == "10.5.0.15"
    assert names(ask("port", "list", "--fixed-ip", "ip-address=10.5.0.15")) == {"cup"}
    taken = ("port", "create", "--network", "tea", "--fixed-ip", "ip-address=10.5.0.15", "second")
    assert "10.5.0.15 is in use" in run(*taken, status=1).stderr

    ask("router", "create", "--external-gateway", "public", "pot")
    run("router", "add", "subnet", "pot", "leaves")
    router = ask("router", "show", "pot")
    assert router["interfaces_info"][0]["ip_address"] == "10.5.0.1"
    run("router", "set", "--route", "destination=10.7.0.0/16,gateway=10.5.0.9", "pot")

    floating = ask("floating", "ip", "create", "--port", "cup", "public")
    assert floating["fixed_ip_address"] == "10.5.0.15"
    assert len(ask("floating", "ip", "list", "--port", "cup")) == 1
    run("floating", "ip", "unset", "--port", floating["floating_ip_address"])
    run("floating", "ip", "delete", floating["floating_ip_address"])

    run("router", "unset", "--route", "destination=10.7.0.0/16,gateway=10.5.0.9", "pot")
    run("router", "remove", "subnet", "pot", "leaves")
    run("router", "delete", "pot")
    run("port", "delete", "cup")
    run("network", "delete", "tea")
    assert names(ask("network", "list")) == {"public"}


def test_security_groups(live):
    def ask(*words):
        return live.json(*words, **MEMBER)

    group = ask("security", "group", "create", "--description", "open", "web")
    assert len(group["rules"]) == 2
    opened = ("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "80:81", "web")
    rule = ask(*opened)
    assert (rule["port_range_min"], rule["port_range_max"], rule["ether_type"]) == (80, 81, "IPv4")
    assert "409" in live.run(*opened, **MEMBER, status=1).stderr
    ask("security", "group", "rule", "create", "--protocol", "icmp", "--remote-group", "default", "web")
    assert len(ask("security", "group", "rule", "list", "web")) == 4
    assert names(ask("security", "group", "list")) == {"default", "web"}
    live.run("security", "group", "rule", "delete", rule["id"], **MEMBER)
    live.run("security", "group", "set", "--name", "web2", "web", **MEMBER)
    live.run("security", "group", "delete", "web2", **MEMBER)
    refused = live.run("security", "group", "delete", "default", **MEMBER, status=1)
    assert "default group cannot be deleted" in refused.stderr


def test_what_admins_do(live):
    live.run("network", "create", "--external", "--share", "outside")
    live.run(
        *("subnet", "create", "--network", "outside", "--subnet-range", "172.29.0.0/24", "--no-dhcp", "range")
    )
    floating = live.json("floating", "ip", "create", "--floating-ip-address", "172.29.0.77", "outside")
    assert floating["floating_ip_address"] == "172.29.0.77"
    live.run("quota", "set", "--networks", "3", "samovar")
    limits = {row["Resource"]: row["Limit"] for row in live.json("quota", "show", "--network", "samovar")}
    assert limits["networks"] == 3
    zones = live.json("availability", "zone", "list", "--network")
    assert {row["Zone Name"] for row in zones} == {"nova"}
    full = {row["Network Name"]: row for row in live.json("ip", "availability", "list")}
    assert full["outside"]["Used IPs"] == 1
    refused = live.run("network", "create", "--external", "mine", **MEMBER, status=1)
    assert "403" in refused.stderr
    assert "public" in live.run("network", "list", **MEMBER).stdout
    assert [row["Agent Type"] for row in live.json("network", "agent", "list")] == ["Host agent"]
