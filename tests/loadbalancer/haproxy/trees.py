# SPDX-License-Identifier: Apache-2.0
"""Trees for tests: small ones by hand, any by hypothesis."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import strategies as st

from samovar.loadbalancer.haproxy.words import CIPHERS as WORDS_OF_CIPHERS
from samovar.loadbalancer.tree import (
    HealthMonitor,
    Listener,
    ListenerTls,
    Member,
    Policy,
    Pool,
    PoolTls,
    Rule,
    SessionPersistence,
    Tree,
    Vip,
)


def identity(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def member(name: str = "m1", address: str = "10.0.0.11", port: int = 8080, **given: Any) -> Member:
    values: dict[str, Any] = {
        "enabled": True,
        "weight": 1,
        "backup": False,
        "subnet_id": None,
        "monitor_address": None,
        "monitor_port": None,
        "vnic_type": "normal",
        "status": "ACTIVE",
    }
    return Member(id=identity(name), name=name, address=address, port=port, **(values | given))


def monitor(type: str = "HTTP", **given: Any) -> HealthMonitor:
    values: dict[str, Any] = {
        "enabled": True,
        "delay": 1,
        "timeout": 1,
        "rise": 1,
        "fall": 1,
        "http_method": "GET",
        "url_path": "/",
        "expected_codes": "200",
        "http_version": None,
        "domain_name": None,
        "status": "ACTIVE",
    }
    return HealthMonitor(id=identity("monitor"), name="monitor", type=type, **(values | given))


def pool(name: str = "pool", *members: Member, **given: Any) -> Pool:
    values: dict[str, Any] = {
        "enabled": True,
        "protocol": "HTTP",
        "algorithm": "ROUND_ROBIN",
        "persistence": None,
        "tls": None,
        "monitor": None,
        "status": "ACTIVE",
    }
    return Pool(id=identity(name), name=name, members=members, **(values | given))


def rule(name: str = "rule", **given: Any) -> Rule:
    values: dict[str, Any] = {
        "enabled": True,
        "type": "PATH",
        "compare_type": "STARTS_WITH",
        "key": None,
        "value": "/api",
        "invert": False,
    }
    return Rule(id=identity(name), **(values | given))


def policy(name: str = "policy", *rules: Rule, **given: Any) -> Policy:
    values: dict[str, Any] = {
        "enabled": True,
        "action": "REJECT",
        "position": 1,
        "redirect_pool_id": None,
        "redirect_url": None,
        "redirect_prefix": None,
        "redirect_http_code": None,
        "status": "ACTIVE",
    }
    return Policy(id=identity(name), name=name, rules=rules, **(values | given))


def tls(**given: Any) -> ListenerTls:
    values: dict[str, Any] = {
        "certificate": "ref-default",
        "sni": (),
        "client_authentication": "NONE",
        "client_ca": None,
        "client_crl": None,
        "ciphers": None,
        "versions": (),
        "alpn": (),
        "hsts_max_age": None,
        "hsts_include_subdomains": False,
        "hsts_preload": False,
    }
    return ListenerTls(**(values | given))


def listener(name: str = "listener", port: int = 80, **given: Any) -> Listener:
    values: dict[str, Any] = {
        "enabled": True,
        "protocol": "HTTP",
        "connection_limit": -1,
        "default_pool_id": None,
        "insert_headers": {},
        "timeout_client_data": 50000,
        "timeout_member_connect": 5000,
        "timeout_member_data": 50000,
        "timeout_tcp_inspect": 0,
        "allowed_cidrs": (),
        "tls": None,
        "policies": (),
        "status": "ACTIVE",
    }
    return Listener(id=identity(name), name=name, port=port, **(values | given))


def tree(*listeners: Listener, pools: tuple[Pool, ...] = (), **given: Any) -> Tree:
    values: dict[str, Any] = {
        "enabled": True,
        "provider": "amphora",
        "topology": "SINGLE",
        "generation": 1,
        "status": "ACTIVE",
        "vip": Vip("127.0.0.1", identity("port"), identity("network"), None, True),
        "additional_vips": (),
        "vip_security_groups": (),
        "vip_qos_policy_id": None,
        "vip_vnic_type": "normal",
        "server_group_id": None,
        "flavor": {},
        "availability_zone": {},
    }
    return Tree(
        id=identity("lb"),
        project_id="project",
        name="lb",
        listeners=listeners,
        pools=pools,
        **(values | given),
    )


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "a\nglobal\n    daemon",
            "it's",
            'say "hi"',
            "%[src]",
            "%%%",
            "a b",
            "#x",
            "\\",
            "$HOME",
            "{ path / }",
            "é€",
            "-i",
            "--",
            "!x",
            "a\tb",
            "x\\",
            "a'b\\'c",
        ]
    ),
)
ADDRESSES = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))


def _rules() -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule,
        id=st.uuids().map(str),
        enabled=st.booleans(),
        type=st.sampled_from(
            [
                *("HOST_NAME", "PATH", "FILE_TYPE", "HEADER", "COOKIE"),
                *("SSL_CONN_HAS_CERT", "SSL_VERIFY_RESULT", "SSL_DN_FIELD"),
            ]
        ),
        compare_type=st.sampled_from(["EQUAL_TO", "STARTS_WITH", "ENDS_WITH", "CONTAINS"]),
        key=st.one_of(st.none(), HOSTILE, st.just("X-Key")),
        value=HOSTILE,
        invert=st.booleans(),
    )


def _members() -> st.SearchStrategy[Member]:
    return st.builds(
        Member,
        id=st.uuids().map(str),
        name=HOSTILE,
        enabled=st.booleans(),
        address=ADDRESSES,
        port=st.integers(1, 65535),
        weight=st.integers(0, 256),
        backup=st.booleans(),
        subnet_id=st.none(),
        monitor_address=st.one_of(st.none(), ADDRESSES),
        monitor_port=st.one_of(st.none(), st.integers(1, 65535)),
        vnic_type=st.just("normal"),
        status=st.just("ACTIVE"),
    )


def _monitors() -> st.SearchStrategy[HealthMonitor]:
    return st.builds(
        HealthMonitor,
        id=st.uuids().map(str),
        name=HOSTILE,
        enabled=st.booleans(),
        type=st.sampled_from(["HTTP", "HTTPS", "TCP", "TLS-HELLO", "PING", "UDP-CONNECT"]),
        delay=st.integers(0, 2**31 - 1),
        timeout=st.integers(0, 2**31 - 1),
        rise=st.integers(1, 10),
        fall=st.integers(1, 10),
        http_method=st.sampled_from([None, "GET", "HEAD", "POST", "TRACE", "CONNECT"]),
        url_path=st.one_of(st.none(), HOSTILE, st.just("/check?a=%20b#c"), st.just("/it's")),
        expected_codes=st.sampled_from([None, "200", "200, 201", "200-299", "x"]),
        http_version=st.sampled_from([None, "1.0", "1.1"]),
        domain_name=st.one_of(st.none(), HOSTILE, st.just("www.example.org")),
        status=st.just("ACTIVE"),
    )


def _persistence() -> st.SearchStrategy[SessionPersistence]:
    return st.builds(
        SessionPersistence,
        type=st.sampled_from(["SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"]),
        cookie_name=st.one_of(st.none(), HOSTILE, st.just("JSESSIONID")),
        timeout=st.none(),
        granularity=st.none(),
    )


VERSIONS = st.sampled_from([(), ("TLSv1.2",), ("TLSv1.2", "TLSv1.3"), ("TLSv1.1", "TLSv1.3"), ("nonsense",)])
ALPN = st.sampled_from([(), ("h2", "http/1.1"), ("http/1.0",)])
# Which names are ciphers only HAProxy's library knows (test_blame.py).
CIPHERS = st.one_of(
    st.none(),
    HOSTILE.filter(lambda words: not WORDS_OF_CIPHERS.fullmatch(words)),
    st.sampled_from(["ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256", "HIGH:!aNULL"]),
)


@st.composite
def _pools(draw: st.DrawFn) -> Pool:
    return Pool(
        id=draw(st.uuids().map(str)),
        name=draw(HOSTILE),
        enabled=draw(st.booleans()),
        protocol=draw(st.sampled_from(["HTTP", "HTTPS", "PROXY", "PROXYV2", "TCP"])),
        algorithm=draw(st.sampled_from(["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"])),
        persistence=draw(st.one_of(st.none(), _persistence())),
        tls=draw(
            st.one_of(
                st.none(),
                st.builds(
                    PoolTls,
                    certificate=st.sampled_from([None, "ref-default"]),
                    ca=st.sampled_from([None, "ref-ca"]),
                    crl=st.none(),
                    ciphers=CIPHERS,
                    versions=VERSIONS,
                    alpn=ALPN,
                ),
            )
        ),
        members=tuple(draw(st.lists(_members(), max_size=3))),
        monitor=draw(st.one_of(st.none(), _monitors())),
        status="ACTIVE",
    )


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Any tree, also with what an API would never let in."""
    pools = draw(st.lists(_pools(), max_size=3))
    ids = st.sampled_from([None, *(one.id for one in pools)])
    policies = st.builds(
        Policy,
        id=st.uuids().map(str),
        name=HOSTILE,
        enabled=st.booleans(),
        action=st.sampled_from(["REJECT", "REDIRECT_TO_URL", "REDIRECT_PREFIX", "REDIRECT_TO_POOL"]),
        position=st.integers(1, 5),
        redirect_pool_id=ids,
        redirect_url=st.one_of(st.none(), HOSTILE, st.just("http://example.org/%20a?b=c")),
        redirect_prefix=st.one_of(st.none(), HOSTILE, st.just("https://example.org")),
        redirect_http_code=st.sampled_from([None, 301, 302, 303, 307, 308]),
        rules=st.lists(_rules(), max_size=3).map(tuple),
        status=st.just("ACTIVE"),
    )
    made = []
    for number in range(draw(st.integers(0, 3))):
        protocol = draw(st.sampled_from(["HTTP", "HTTPS", "TERMINATED_HTTPS", "TCP", "PROMETHEUS", "UDP"]))
        ending = None
        if protocol == "TERMINATED_HTTPS":
            ending = draw(
                st.builds(
                    ListenerTls,
                    certificate=st.sampled_from([None, "ref-default", "ref-gone"]),
                    sni=st.sampled_from([(), ("ref-other",)]),
                    client_authentication=st.sampled_from(["NONE", "OPTIONAL", "MANDATORY"]),
                    client_ca=st.sampled_from([None, "ref-ca"]),
                    client_crl=st.none(),
                    ciphers=CIPHERS,
                    versions=VERSIONS,
                    alpn=ALPN,
                    hsts_max_age=st.one_of(st.none(), st.integers(0, 2**31 - 1)),
                    hsts_include_subdomains=st.booleans(),
                    hsts_preload=st.booleans(),
                )
            )
        names = ["X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto", "X-SSL-Client-DN", "X-Real-IP"]
        made.append(
            Listener(
                id=draw(st.uuids().map(str)),
                name=draw(HOSTILE),
                enabled=draw(st.booleans()),
                protocol=protocol,
                port=8000 + number,
                connection_limit=draw(st.integers(-1, 2**31 - 1)),
                default_pool_id=draw(ids),
                insert_headers=draw(
                    st.dictionaries(
                        st.one_of(st.sampled_from(names), HOSTILE),
                        st.one_of(st.just("true"), HOSTILE),
                        max_size=4,
                    )
                ),
                timeout_client_data=draw(st.integers(0, 2073600000)),
                timeout_member_connect=draw(st.integers(0, 2073600000)),
                timeout_member_data=draw(st.integers(0, 2073600000)),
                timeout_tcp_inspect=draw(st.integers(0, 2073600000)),
                allowed_cidrs=tuple(
                    draw(st.lists(st.sampled_from(["10.0.0.1/8", "::1/64", "0.0.0.0/0"]), max_size=70))
                ),
                tls=ending,
                policies=tuple(draw(st.lists(policies, max_size=3))),
                status="ACTIVE",
            )
        )
    extra = (Vip("::1", identity("second"), identity("network"), None, True),)
    return tree(
        *made,
        pools=tuple(pools),
        enabled=draw(st.booleans()),
        additional_vips=draw(st.sampled_from([(), extra])),
    )
