# SPDX-License-Identifier: Apache-2.0
"""Who is asked about a failure, besides what failed."""

from __future__ import annotations

from samovar.orchestration.engine.rows import Resource
from samovar.orchestration.engine.witnesses import balancers_of, servers_of


def row(identity: str, type: str, *requires: str, physical: str | None = None, **properties: str) -> Resource:
    return Resource(
        identity, "s", identity, type, physical_id=physical, requires=list(requires), properties=properties
    )


def test_of_a_condition_those_are_asked_that_know_its_handle() -> None:
    rows = [
        row("handle", "OS::Heat::WaitConditionHandle"),
        row("script", "OS::Heat::SoftwareConfig", "handle"),
        row("one", "OS::Nova::Server", "script", physical="server-1"),
        row("two", "OS::Nova::Server", physical="server-2"),
        row("condition", "OS::Heat::WaitCondition", "handle"),
    ]
    assert servers_of(rows, rows[-1]) == ["server-1"]
    assert servers_of(rows, rows[2]) == ["server-1"]
    assert servers_of(rows, rows[1]) == []


def test_of_a_condition_that_names_its_server_that_one_is_asked() -> None:
    rows = [
        row("handle", "OS::Heat::WaitConditionHandle"),
        row("server", "OS::Nova::Server", physical="server-1"),
        row("condition", "OS::Heat::WaitCondition", "handle", "server"),
    ]
    assert servers_of(rows, rows[-1]) == ["server-1"]


def test_of_a_deployment_its_server_is_asked() -> None:
    deployment = row("d", "OS::Heat::SoftwareDeployment", server="server-7")
    assert servers_of([deployment], deployment) == ["server-7"]


def test_of_a_listener_its_load_balancer_is_asked() -> None:
    rows = [
        row("lb", "OS::Octavia::LoadBalancer", physical="lb-1"),
        row("listener", "OS::Octavia::Listener", "lb", physical="l-1"),
        row("pool", "OS::Octavia::Pool", "listener"),
        row("net", "OS::Neutron::Net", physical="n-1"),
    ]
    assert [balancers_of(rows, each) for each in rows] == [["lb-1"], ["lb-1"], ["lb-1"], []]
