# SPDX-License-Identifier: Apache-2.0
"""What HAProxy alone can judge keeps nothing else from being carried."""

from __future__ import annotations

from collections.abc import Callable

from samovar.loadbalancer.haproxy import Place, Rendered, blame, render, without
from samovar.loadbalancer.tree import PoolTls

from .trees import listener, member, policy, pool, rule, tls, tree


def test_a_bad_regular_expression_costs_its_policy_alone(
    place: Place, judge: Callable[[Rendered], str]
) -> None:
    bad = policy("bad", rule("r1", compare_type="REGEX", value="(unclosed"))
    good = policy("good", rule("r2"))
    wanted = tree(listener(policies=(good, bad)))
    rendered = render(wanted, place)
    complaint = judge(rendered)
    guilty = blame(wanted, rendered.text, complaint)
    assert list(guilty) == [bad.id]
    assert (
        guilty[bad.id].startswith("L7 policy bad: HAProxy does not accept it: ") and "regex" in guilty[bad.id]
    )
    rest = render(without(wanted, bad.id), place)
    assert judge(rest) == "" and "rule-" in rest.text


def test_bad_ciphers_cost_their_listener_alone(place: Place, judge: Callable[[Rendered], str]) -> None:
    secure = listener("secure", 443, protocol="TERMINATED_HTTPS", tls=tls(ciphers="NO-SUCH-CIPHER"))
    web = pool("web", member())
    wanted = tree(secure, listener("plain", default_pool_id=web.id), pools=(web,))
    rendered = render(wanted, place)
    complaint = judge(rendered)
    if complaint:  # OpenSSL may take any list
        assert list(blame(wanted, rendered.text, complaint)) == [secure.id]
    assert judge(render(without(wanted, secure.id), place)) == ""


def test_who_is_not_named_is_not_blamed() -> None:
    assert blame(tree(), "", "out of memory") == {}
    assert blame(tree(), "global\n", "[ALERT] parsing [x.cfg:1] : no") == {}


def test_ciphers_of_a_pool_are_no_fault_of_its_members(
    place: Place, judge: Callable[[Rendered], str]
) -> None:
    secure = PoolTls(certificate=None, ca=None, crl=None, ciphers="NO-SUCH", versions=(), alpn=())
    bad = pool("bad", *(member(f"m{n}", f"10.0.0.{n}") for n in range(1, 4)), tls=secure)
    wanted = tree(listener(default_pool_id=bad.id), pools=(bad,))
    rendered = render(wanted, place)
    assert list(blame(wanted, rendered.text, judge(rendered))) == [bad.id]
