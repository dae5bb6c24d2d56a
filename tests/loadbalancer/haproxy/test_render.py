# SPDX-License-Identifier: Apache-2.0
"""Configurations that HAProxy accepts, whatever the tree holds, and that say what the tree says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given, settings

from samovar.loadbalancer.haproxy import Peer, Place, Rendered, render
from samovar.loadbalancer.tree import PoolTls, SessionPersistence, Tree

from .trees import identity, listener, member, monitor, policy, pool, rule, tls, tree, trees

Judge = Callable[[Rendered], str]
KEYWORDS = {
    *("global", "defaults", "peers", "frontend", "backend", "user", "group", "stats", "maxconn", "mode"),
    *(
        "server-state-file",
        "no",
        "nbthread",
        "hard-stop-after",
        "tune.ssl.default-dh-param",
        "localpeer",
        "httpclient.ssl.verify",
    ),
    *("external-check", "insecure-fork-wanted", "retries", "option", "load-server-state-from-file"),
    *("timeout", "peer", "bind", "acl", "tcp-request", "http-request", "http-response", "use_backend"),
    *("default_backend", "balance", "hash-type", "http-reuse", "stick-table", "stick", "cookie"),
    *("http-check", "server"),
}


@given(trees())
@settings(max_examples=120)
def test_haproxy_accepts_whatever_is_rendered(place: Place, judge: Judge, given_tree: Tree) -> None:
    rendered = render(given_tree, place)
    assert judge(rendered) == ""


@given(trees())
@settings(max_examples=300, deadline=None)
def test_nothing_from_outside_begins_a_line(given_tree: Tree) -> None:
    for line in render(given_tree, Place()).text.splitlines():
        assert not line.strip() or line.split()[0] in KEYWORDS


def test_an_http_listener_with_a_pool(place: Place, judge: Judge) -> None:
    members = (
        member("m1", weight=5),
        member("m2", "10.0.0.12", enabled=False),
        member("m3", "fd00::1", backup=True),
    )
    web = pool("web", *members, monitor=monitor(delay=5, rise=2, fall=3, timeout=4))
    rendered = render(tree(listener(default_pool_id=web.id), pools=(web,)), place)
    name = f"{web.id}:{identity('listener')}"
    assert judge(rendered) == "" and rendered.broken == {}
    assert f"default_backend {name}" in rendered.text
    assert f"server {identity('m1')} 10.0.0.11:8080 weight 5 check inter 5s fall 3 rise 2\n" in rendered.text
    assert (
        f"server {identity('m2')} 10.0.0.12:8080 weight 1 check inter 5s fall 3 rise 2 disabled"
        in rendered.text
    )
    assert f"server {identity('m3')} ipv6@fd00::1:8080 weight 1 backup check" in rendered.text
    assert "http-check expect status 200" in rendered.text and "timeout check 4s" in rendered.text


def test_names_have_every_character_that_http_gives_them(place: Place, judge: Judge) -> None:
    names = ("$HOME", "it's", "a!#$%&'*+-.^_`|~")
    rules = [
        rule(f"{kind}{n}", type=kind, key=key) for kind in ("HEADER", "COOKIE") for n, key in enumerate(names)
    ]
    rendered = render(tree(listener(policies=(policy("a", *rules),))), place)
    assert judge(rendered) == "" and rendered.broken == {}
    assert "acl rule-" in rendered.text and "'req.hdr($HOME)'" in rendered.text
    assert """'req.cook("it'\\''s")'""" in rendered.text


def test_what_rejects_comes_before_what_redirects_and_pools_come_last(place: Place, judge: Judge) -> None:
    other = pool("other", member())
    policies = (
        policy("a", rule("a"), action="REDIRECT_TO_POOL", redirect_pool_id=other.id, position=1),
        policy(
            "b", rule("b"), action="REDIRECT_TO_URL", redirect_url="http://example.org/%41?x=y", position=2
        ),
        policy("c", rule("c", invert=True), rule("d", type="HOST_NAME", value="a.org"), position=3),
        policy("without-rules", position=4),
    )
    rendered = render(tree(listener(policies=policies), pools=(other,)), place)
    assert judge(rendered) == ""
    deny, redirect = (
        rendered.text.index("http-request deny"),
        rendered.text.index("redirect code 302 location"),
    )
    assert deny < redirect < rendered.text.index("use_backend")
    assert "location 'http://example.org/%%41?x=y'" in rendered.text
    assert f"deny if !rule-{identity('c')} rule-{identity('d')}\n" in rendered.text
    assert rendered.text.count("http-request deny") == 1


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "a\x1bb", "a\x85b"])
def test_a_line_end_in_a_rule_breaks_that_policy_alone(place: Place, judge: Judge, value: str) -> None:
    bad, good = policy("bad", rule("r1", value=value)), policy("good", rule("r2"))
    rendered = render(tree(listener(policies=(bad, good))), place)
    assert judge(rendered) == ""
    assert list(rendered.broken) == [bad.id] and "control character" in rendered.broken[bad.id]
    assert f"rule-{identity('r2')}" in rendered.text


def test_a_listener_that_ends_tls(place: Place, judge: Judge) -> None:
    ending = tls(
        sni=("ref-other",),
        client_authentication="MANDATORY",
        client_ca="ref-ca",
        ciphers="ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256",
        versions=("TLSv1.2", "TLSv1.3"),
        alpn=("h2", "http/1.1"),
        hsts_max_age=100,
        hsts_preload=True,
    )
    secure = listener(
        protocol="TERMINATED_HTTPS",
        port=443,
        tls=ending,
        insert_headers={"X-SSL-Client-CN": "True", "X-Forwarded-Proto": "true", "X-Forwarded-Port": "false"},
    )
    rendered = render(tree(secure), place)
    assert judge(rendered) == ""
    bind = next(line for line in rendered.text.splitlines() if "bind" in line)
    assert "verify required" in bind and "ciphers ECDHE-RSA-AES128-GCM-SHA256 " in bind
    assert "ciphersuites TLS_AES_128_GCM_SHA256" in bind and "no-tlsv11" in bind and "no-tlsv12" not in bind
    assert "alpn h2,http/1.1" in bind
    assert "Strict-Transport-Security 'max-age=100; preload;'" in rendered.text
    assert "X-Forwarded-Proto https" in rendered.text and "X-Forwarded-Port" not in rendered.text
    assert [line.rsplit("/", 1)[1] for line in rendered.files[f"{secure.id}.list"].split()] == [
        "ref-default.pem",
        "ref-other.pem",
    ]


def test_a_certificate_that_cannot_be_fetched_leaves_the_other_listeners(place: Place, judge: Judge) -> None:
    secure = listener("secure", 443, protocol="TERMINATED_HTTPS", tls=tls(certificate="https://km/gone"))
    rendered = render(tree(secure, listener("plain")), place)
    assert judge(rendered) == ""
    assert rendered.frontends == (identity("plain"),)
    assert "https://km/gone" in rendered.broken[secure.id]


def test_pools_with_tls_proxy_and_persistence(place: Place, judge: Judge) -> None:
    pools = (
        pool("tls", member("a"), tls=PoolTls(None, "ref-ca", None, None, ("TLSv1.3",), ("h2",))),
        pool("proxy", member("b"), protocol="PROXYV2", algorithm="LEAST_CONNECTIONS"),
        pool("cookie", member("c"), persistence=SessionPersistence("HTTP_COOKIE", None, None, None)),
        pool("application", member("d"), persistence=SessionPersistence("APP_COOKIE", "sid", None, None)),
        pool("source", member("e"), algorithm="SOURCE_IP"),
        pool("sticky", member("f"), persistence=SessionPersistence("SOURCE_IP", None, None, None)),
    )
    listeners = [listener(one.name, 8000 + at, default_pool_id=one.id) for at, one in enumerate(pools)]
    rendered = render(tree(*listeners, pools=pools), place)
    assert judge(rendered) == "" and rendered.broken == {}
    assert "verify required ca-file" in rendered.text and "send-proxy-v2" in rendered.text
    assert (
        f"cookie {identity('c')}" in rendered.text
        and "stick store-response res.cook(sid)" in rendered.text.replace("'", "")
    )
    assert "balance source\n    hash-type consistent" in rendered.text and "stick on src" in rendered.text


def test_two_amphorae_share_their_tables(place: Place, judge: Judge) -> None:
    kept = pool("kept", member(), persistence=SessionPersistence("SOURCE_IP", None, None, None))
    pair = dataclasses.replace(
        place, own=Peer("one", "127.0.0.1"), peers=(Peer("two", "127.0.0.2"),), nonlocal_bind=True
    )
    rendered = render(tree(listener(default_pool_id=kept.id), pools=(kept,)), pair)
    assert judge(rendered) == ""
    assert "localpeer one" in rendered.text and "peer two 127.0.0.2:1025" in rendered.text
    assert "size 10k peers peers" in rendered.text and "transparent" in rendered.text


def test_members_are_reached_from_the_address_in_their_network(place: Place, judge: Judge) -> None:
    away = member("away", "10.2.0.5", subnet_id="s2")
    web = pool("web", member("near"), away)
    there = dataclasses.replace(place, sources={4: "10.0.0.2"}, subnet_sources={"s2": "10.2.0.2"})
    rendered = render(tree(listener(default_pool_id=web.id), pools=(web,)), there)
    assert judge(rendered) == ""
    assert "weight 1 source 10.0.0.2\n" in rendered.text and "weight 1 source 10.2.0.2\n" in rendered.text
    other = pool("web", member("v6", "fd00::5", subnet_id="s2"))
    rendered = render(tree(listener(default_pool_id=other.id), pools=(other,)), there)
    assert judge(rendered) == "" and "source" not in rendered.text
    checked = member("v6", "fd00::5", monitor_address="fd00::6", monitor_port=81)
    six = pool("web", checked, monitor=monitor("TCP"))
    both = dataclasses.replace(place, sources={4: "10.0.0.2", 6: "fd00::2"})
    rendered = render(tree(listener(default_pool_id=six.id), pools=(six,)), both)
    assert judge(rendered) == "" and "source [fd00::2]" in rendered.text


def test_what_is_switched_off_is_not_carried(place: Place, judge: Judge) -> None:
    off = pool("off", member(), enabled=False)
    rendered = render(tree(listener(default_pool_id=off.id), pools=(off,)), place)
    assert judge(rendered) == "" and "default_backend" not in rendered.text
    assert render(tree(listener(), enabled=False), place).frontends == ()
    assert render(tree(listener(enabled=False)), place).frontends == ()


def test_udp_is_left_to_others(place: Place, judge: Judge) -> None:
    rendered = render(tree(listener(protocol="UDP"), listener("other", 81)), place)
    assert judge(rendered) == "" and rendered.broken == {}
    assert rendered.frontends == (identity("other"),) and identity("listener") not in rendered.text


def test_clients_that_show_a_certificate_show_a_good_one(place: Place, judge: Judge) -> None:
    asked = tls(client_authentication="OPTIONAL", client_ca="ref-ca")
    rendered = render(tree(listener(protocol="PROMETHEUS", port=9443, tls=asked)), place)
    assert judge(rendered) == ""
    assert "verify optional" in rendered.text and "ignore-err" not in rendered.text
