# SPDX-License-Identifier: Apache-2.0
"""Listeners, pools, members, monitors, policies and rules: exact bodies, and what is refused."""

import pytest
from sqlalchemy import delete, insert

from samovar.database import utcnow
from samovar.loadbalancer.tables import amphorae


@pytest.fixture
async def pool(member, lb, worker):
    made = await member.create("pools", loadbalancer_id=lb["id"], protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    await worker.work()
    return made


@pytest.fixture
async def listener(member, lb, worker):
    made = await member.create("listeners", loadbalancer_id=lb["id"], protocol="HTTP", protocol_port=80)
    await worker.work()
    return made


def without(shown, *names):
    return {name: value for name, value in shown.items() if name not in names}


STANDARD = {
    "name": "",
    "provisioning_status": "PENDING_CREATE",
    "operating_status": "OFFLINE",
    "admin_state_up": True,
    "project_id": "red",
    "tenant_id": "red",
    "updated_at": None,
    "tags": [],
}


async def test_a_listener(member, lb, listener):
    assert without(listener, "id", "created_at") == {
        **STANDARD,
        "description": "",
        "protocol": "HTTP",
        "protocol_port": 80,
        "connection_limit": -1,
        "default_tls_container_ref": None,
        "sni_container_refs": [],
        "default_pool_id": None,
        "l7policies": [],
        "insert_headers": {},
        "loadbalancers": [{"id": lb["id"]}],
        "timeout_client_data": 50000,
        "timeout_member_connect": 5000,
        "timeout_member_data": 50000,
        "timeout_tcp_inspect": 0,
        "client_ca_tls_container_ref": None,
        "client_authentication": "NONE",
        "client_crl_container_ref": None,
        "allowed_cidrs": None,
        "tls_ciphers": None,
        "tls_versions": [],
        "alpn_protocols": [],
        "hsts_max_age": None,
        "hsts_include_subdomains": False,
        "hsts_preload": False,
    }
    path = f"/listeners/{listener['id']}"
    shown = await member.put(path, listener={"timeout_client_data": "91", "allowed_cidrs": ["10.9.9.9/8"]})
    assert shown["listener"]["timeout_client_data"] == 91
    assert shown["listener"]["allowed_cidrs"] == ["10.0.0.0/8"]
    shown = await member.put(path, listener={"timeout_client_data": None, "allowed_cidrs": None})
    assert shown["listener"]["timeout_client_data"] == 50000
    assert shown["listener"]["allowed_cidrs"] is None
    status, words = await member.refused("PUT", path, {"listener": {"protocol_port": 81}})
    assert (status, words) == (400, "Unknown attribute for argument listener_.listener: protocol_port")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"protocol": "HTTP"}, 400),
        ({"protocol": "HTTP", "protocol_port": 0}, 400),
        ({"protocol": "HTTP", "protocol_port": "x"}, 400),
        ({"protocol": "http", "protocol_port": 81}, 400),
        ({"protocol": None, "protocol_port": 81}, 400),
        ({"protocol": "TCP", "protocol_port": 80}, 409),
        ({"protocol": "HTTP", "protocol_port": 81, "name": "a\nb"}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "name": "a" * 256}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "insert_headers": {"X-Evil": "true"}}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "insert_headers": {"X-Forwarded-For": True}}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "insert_headers": {"X-Forwarded-For": "a\r\nb"}}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "insert_headers": {"X-SSL-Issuer": "true"}}, 400),
        ({"protocol": "TCP", "protocol_port": 81, "insert_headers": {"X-Forwarded-For": "true"}}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "allowed_cidrs": ["fd00::/8"]}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "allowed_cidrs": ["nowhere"]}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "timeout_client_data": -1}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "hsts_max_age": 0}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "sni_container_refs": ["x"]}, 400),
        ({"protocol": "TERMINATED_HTTPS", "protocol_port": 443}, 400),
        ({"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "tls_versions": []}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "default_pool_id": "8" * 8}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "client_authentication": "OPTIONAL"}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "surprise": 1}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "l7policies": [{"action": "FLY"}]}, 400),
        ({"protocol": "HTTP", "protocol_port": 81, "loadbalancer_id": "nonsense"}, 400),
    ],
)
async def test_what_no_listener_can_be(member, lb, listener, given, status):
    body = {"loadbalancer_id": lb["id"], **given}
    assert (await member.refused("POST", "/listeners", {"listener": body}))[0] == status
    assert len(await member.get("/listeners")) == 1


async def test_ports_are_shared_across_transports_only(member, lb):
    for protocol in ("TCP", "UDP", "SCTP"):
        await member.create("listeners", loadbalancer_id=lb["id"], protocol=protocol, protocol_port=53)
    body = {"listener": {"loadbalancer_id": lb["id"], "protocol": "UDP", "protocol_port": 53}}
    assert (await member.refused("POST", "/listeners", body))[0] == 409


async def test_a_port_is_free_again_at_once(member, lb, listener, worker):
    await member.delete(f"/listeners/{listener['id']}")
    again = await member.create("listeners", loadbalancer_id=lb["id"], protocol="HTTP", protocol_port=80)
    await worker.work()
    assert [item["id"] for item in await member.get("/listeners")] == [again["id"]]


async def test_a_pool(member, lb, pool):
    assert without(pool, "id", "created_at") == {
        **STANDARD,
        "description": "",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "session_persistence": None,
        "loadbalancers": [{"id": lb["id"]}],
        "listeners": [],
        "members": [],
        "tls_container_ref": None,
        "ca_tls_container_ref": None,
        "crl_container_ref": None,
        "tls_enabled": False,
        "tls_ciphers": None,
        "tls_versions": [],
        "alpn_protocols": [],
    }
    path = f"/pools/{pool['id']}"
    wanted = {"type": "APP_COOKIE", "cookie_name": "sid"}
    shown = await member.put(path, pool={"session_persistence": wanted, "tls_enabled": True})
    assert shown["pool"]["session_persistence"] == {
        **wanted,
        "persistence_timeout": None,
        "persistence_granularity": None,
    }
    assert shown["pool"]["tls_versions"] == ["TLSv1.2", "TLSv1.3"]
    assert shown["pool"]["alpn_protocols"] == ["h2", "http/1.1", "http/1.0"]
    shown = await member.put(path, pool={"session_persistence": None})
    assert shown["pool"]["session_persistence"] is None
    for bad in (
        {"lb_algorithm": None},
        {"tls_enabled": None},
        {"session_persistence": {}},
        {"session_persistence": {"type": "APP_COOKIE"}},
        {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "a b"}},
        {"session_persistence": {"type": "SOURCE_IP", "persistence_timeout": 5}},
        {"crl_container_ref": "http://h/v1/secrets/0"},
        {"tls_versions": []},
    ):
        assert (await member.refused("PUT", path, {"pool": bad}))[0] == 400
    assert (await member.refused("PUT", path, {"pool": {"lb_algorithm": "SOURCE_IP_PORT"}}))[0] == 501


async def test_a_pool_becomes_a_listeners_default(member, lb, listener, worker):
    wrong = {"listener_id": listener["id"], "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}
    status, words = await member.refused("POST", "/pools", {"pool": wrong})
    assert status == 400
    assert words == "The pool protocol 'TCP' is invalid while the listener protocol is 'HTTP'."
    made = await member.create(
        "pools", listener_id=listener["id"], protocol="HTTP", lb_algorithm="ROUND_ROBIN"
    )
    assert made["listeners"] == [{"id": listener["id"]}]
    shown = await member.get(f"/listeners/{listener['id']}")
    assert shown["default_pool_id"] == made["id"]
    again = {"listener_id": listener["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    assert (await member.refused("POST", "/pools", {"pool": again}))[0] == 409
    await member.delete(f"/pools/{made['id']}")
    assert (await member.get(f"/listeners/{listener['id']}"))["default_pool_id"] is None
    await worker.work()
    assert await member.get("/pools") == []


async def test_what_comes_inside_a_pool_and_a_listener(member, lb, worker):
    pool = {
        "name": "p",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": [{"address": "10.1.0.9", "protocol_port": 80}],
        "healthmonitor": {"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1},
    }
    made = await member.create("pools", loadbalancer_id=lb["id"], **pool)
    assert len(made["members"]) == 1 and made["healthmonitor_id"]
    heard = await member.create(
        "listeners", loadbalancer_id=lb["id"], protocol="HTTP", protocol_port=88, default_pool=pool
    )
    assert heard["default_pool_id"] not in (None, made["id"])


async def test_members(member, pool, subnet, worker):
    root = f"/pools/{pool['id']}/members"
    made = await member.create(root[1:], address="10.1.0.5", protocol_port="80", subnet_id=subnet["id"])
    assert without(made, "id", "created_at") == {
        **without(STANDARD, "operating_status"),
        "operating_status": "NO_MONITOR",
        "address": "10.1.0.5",
        "protocol_port": 80,
        "weight": 1,
        "backup": False,
        "subnet_id": subnet["id"],
        "monitor_address": None,
        "monitor_port": None,
        "vnic_type": "normal",
    }
    twice = {"member": {"address": "10.1.0.5", "protocol_port": 80}}
    assert (await member.refused("POST", root, twice))[0] == 409
    for bad in (
        {"address": "10.1.0.5"},
        {"address": "a.example", "protocol_port": 80},
        {"address": "169.254.169.254", "protocol_port": 80},
        {"address": "10.1.0.6", "protocol_port": 80, "weight": 257},
        {"address": "10.1.0.6", "protocol_port": 80, "request_sriov": True},
        {"address": "10.1.0.6", "protocol_port": 80, "subnet_id": pool["id"]},
    ):
        assert (await member.refused("POST", root, {"member": bad}))[0] == 400
    shown = await member.put(f"{root}/{made['id']}", member={"weight": 0, "backup": True})
    assert (shown["member"]["weight"], shown["member"]["backup"]) == (0, True)
    status, body = await member.ask("GET", "/pools/nowhere/members")
    assert (status, set(body)) == (404, {"code", "title", "description"})
    await member.delete(f"{root}/{made['id']}")
    await worker.work()
    assert await member.get(root) == []


async def test_all_members_at_once(member, pool, worker):
    root = f"/pools/{pool['id']}/members"

    async def replace(*ports, query="", status=202):
        members = [{"address": "10.1.0.5", "protocol_port": port, "weight": port} for port in ports]
        answered, body = await member.ask("PUT", root + query, {"members": members})
        assert answered == status, body
        assert status != 202 or body is None
        await worker.work()
        return [item["protocol_port"] for item in await member.get(root)]

    assert await replace(1, 2) == [1, 2]
    ids = {item["protocol_port"]: item["id"] for item in await member.get(root)}
    assert await replace(2, 3) == [2, 3]
    assert (await member.get(root))[0]["id"] == ids[2]
    assert await replace(4, query="?additive_only=true") == [2, 3, 4]
    assert await replace(2, 2, status=400) == [2, 3, 4]
    assert await replace(9, 9, status=409) == [2, 3, 4]
    assert await replace() == []
    assert (await member.refused("PUT", root, {"member": {}}))[0] == 400


async def test_health_monitors(member, pool, worker):
    needed = {"pool_id": pool["id"], "delay": 5, "timeout": 3, "max_retries": 2}
    made = await member.create("healthmonitors", type="HTTP", http_version=1.1, domain_name="a.b", **needed)
    assert without(made, "id", "created_at") == {
        **STANDARD,
        "type": "HTTP",
        "delay": 5,
        "timeout": 3,
        "max_retries": 2,
        "max_retries_down": 3,
        "http_method": "GET",
        "url_path": "/",
        "expected_codes": "200",
        "http_version": 1.1,
        "domain_name": "a.b",
        "pools": [{"id": pool["id"]}],
    }
    assert (await member.get(f"/pools/{pool['id']}"))["healthmonitor_id"] == made["id"]
    again = {"healthmonitor": {"type": "TCP", **needed}}
    assert (await member.refused("POST", "/healthmonitors", again))[0] == 409
    path = f"/healthmonitors/{made['id']}"
    shown = await member.put(path, healthmonitor={"expected_codes": "200-204", "url_path": None})
    assert (shown["healthmonitor"]["expected_codes"], shown["healthmonitor"]["url_path"]) == ("200-204", "/")
    for bad in (
        {"delay": None},
        {"max_retries": 11},
        {"expected_codes": "200-204,301"},
        {"url_path": "no"},
        {"url_path": "/a b"},
        {"url_path": "/a\nb"},
        {"http_version": "1.0"},
        {"type": "TCP"},
    ):
        assert (await member.refused("PUT", path, {"healthmonitor": bad}))[0] == 400
    await member.delete(path)
    await worker.work()
    assert "healthmonitor_id" not in await member.get(f"/pools/{pool['id']}")
    for bad in (
        {"type": "TCP", "url_path": "/"},
        {"type": "UDP-CONNECT"},
        {"type": "HTTP", "domain_name": "a"},
    ):
        body = {"healthmonitor": {**needed, **bad}}
        assert (await member.refused("POST", "/healthmonitors", body))[0] == 400


async def test_policies_keep_their_places(member, listener, worker):
    async def add(name, **more):
        return await member.create(
            "l7policies", listener_id=listener["id"], name=name, action="REJECT", **more
        )

    async def names():
        shown = await member.get("/l7policies?sort=position:asc")
        assert [item["position"] for item in shown] == list(range(1, len(shown) + 1))
        return "".join(item["name"] for item in shown)

    made = {name: await add(name) for name in "abc"}
    assert without(made["a"], "id", "created_at") == {
        **without(STANDARD, "name"),
        "name": "a",
        "description": "",
        "action": "REJECT",
        "listener_id": listener["id"],
        "redirect_pool_id": None,
        "redirect_url": None,
        "redirect_prefix": None,
        "redirect_http_code": None,
        "position": 1,
        "rules": [],
    }
    made["d"] = await add("d", position=1)
    assert await names() == "dabc"
    await member.put(f"/l7policies/{made['d']['id']}", l7policy={"position": 99})
    assert await names() == "abcd"
    await member.delete(f"/l7policies/{made['b']['id']}")
    await worker.work()
    assert await names() == "acd"


async def test_what_policies_do(member, lb, pool, listener):
    async def add(**given):
        return await member.create("l7policies", listener_id=listener["id"], **given)

    moved = await add(action="REDIRECT_TO_URL", redirect_url="https://a.example/x")
    assert moved["redirect_http_code"] == 302
    turned = await add(action="REJECT", redirect_prefix="https://a.example")
    assert turned["action"] == "REDIRECT_PREFIX"
    path = f"/l7policies/{moved['id']}"
    shown = (await member.put(path, l7policy={"redirect_pool_id": pool["id"]}))["l7policy"]
    assert (shown["action"], shown["redirect_url"], shown["redirect_http_code"]) == (
        "REDIRECT_TO_POOL",
        None,
        None,
    )
    status, words = await member.refused("DELETE", f"/pools/{pool['id']}")
    assert status == 409 and moved["id"] in words
    for bad in (
        {"action": "REDIRECT_TO_POOL"},
        {"action": "REDIRECT_TO_POOL", "redirect_pool_id": pool["id"], "redirect_prefix": "http://a"},
        {"action": "REDIRECT_TO_URL", "redirect_url": "ftp://a"},
        {"action": "REDIRECT_TO_URL", "redirect_url": "http://a/\r\nx: y"},
        {"action": "REDIRECT_TO_URL", "redirect_url": "http://a", "redirect_http_code": 304},
        {"action": "REJECT", "position": 0},
        {"action": None},
    ):
        body = {"l7policy": {"listener_id": listener["id"], **bad}}
        assert (await member.refused("POST", "/l7policies", body))[0] == 400
    missing = {"action": "REDIRECT_TO_POOL", "redirect_pool_id": listener["id"]}
    body = {"l7policy": {"listener_id": listener["id"], **missing}}
    assert (await member.refused("POST", "/l7policies", body))[0] == 404
    raw = await member.create("listeners", loadbalancer_id=lb["id"], protocol="TCP", protocol_port=22)
    body = {"l7policy": {"listener_id": raw["id"], "action": "REJECT"}}
    assert (await member.refused("POST", "/l7policies", body))[0] == 501


GOOD_RULES = [
    {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"},
    {"type": "HOST_NAME", "compare_type": "REGEX", "value": r"^a\.(b|c)$"},
    {"type": "HEADER", "compare_type": "EQUAL_TO", "key": "X-A", "value": '"two words"'},
    {"type": "COOKIE", "compare_type": "CONTAINS", "key": "sid", "value": "x=1"},
    {"type": "FILE_TYPE", "compare_type": "EQUAL_TO", "value": "png"},
    {"type": "SSL_CONN_HAS_CERT", "compare_type": "EQUAL_TO", "value": "True"},
    {"type": "SSL_VERIFY_RESULT", "compare_type": "EQUAL_TO", "value": "0"},
    {"type": "SSL_DN_FIELD", "compare_type": "EQUAL_TO", "key": "CN", "value": "Some One"},
]
BAD_RULES = [
    {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a b"},
    {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/a\nb"},
    {"type": "PATH", "compare_type": "REGEX", "value": "("},
    {"type": "HEADER", "compare_type": "EQUAL_TO", "value": "x"},
    {"type": "HEADER", "compare_type": "EQUAL_TO", "key": "a b", "value": "x"},
    {"type": "COOKIE", "compare_type": "EQUAL_TO", "key": "a", "value": "x;y"},
    {"type": "FILE_TYPE", "compare_type": "CONTAINS", "value": "png"},
    {"type": "SSL_CONN_HAS_CERT", "compare_type": "EQUAL_TO", "value": "yes"},
    {"type": "SSL_VERIFY_RESULT", "compare_type": "EQUAL_TO", "value": "-1"},
    {"type": "SSL_DN_FIELD", "compare_type": "EQUAL_TO", "key": "C N", "value": "x"},
    {"type": "PATH", "compare_type": "EQUAL_TO", "value": ""},
    {"type": "PATH", "compare_type": "EQUAL_TO"},
]


async def test_rules(member, listener, worker):
    policy = await member.create("l7policies", listener_id=listener["id"], action="REJECT")
    root = f"/l7policies/{policy['id']}/rules"
    for rule in GOOD_RULES:
        made = await member.create(root[1:], **rule)
        assert without(made, "id", "created_at") == {
            **without(STANDARD, "name"),
            "key": None,
            "invert": False,
            **rule,
        }
    for rule in BAD_RULES:
        assert (await member.refused("POST", root, {"rule": rule}))[0] == 400, rule
    shown = await member.get(root)
    assert len(shown) == len(GOOD_RULES)
    changed = await member.put(f"{root}/{shown[0]['id']}", rule={"invert": True, "value": "/b"})
    assert (changed["rule"]["invert"], changed["rule"]["value"]) == (True, "/b")
    assert (await member.refused("PUT", f"{root}/{shown[0]['id']}", {"rule": {"type": "HEADER"}}))[0] == 400
    for _ in range(50 - len(shown)):
        await member.create(root[1:], **GOOD_RULES[0])
    assert (await member.refused("POST", root, {"rule": GOOD_RULES[0]}))[0] == 409
    await member.delete(f"{root}/{shown[0]['id']}")
    await worker.work()
    assert (await member.refused("GET", f"{root}/{shown[0]['id']}"))[0] == 404


async def test_what_no_heartbeat_tells_of_works_once_it_is_there(member, pool, listener, worker):
    monitor = {"pool_id": pool["id"], "type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1}
    on = await member.create("healthmonitors", **monitor)
    off = await member.create("l7policies", listener_id=listener["id"], action="REJECT", admin_state_up=False)
    assert (on["operating_status"], off["operating_status"]) == ("OFFLINE", "OFFLINE")
    await worker.work()
    shown = await member.get(f"/healthmonitors/{on['id']}")
    assert (shown["operating_status"], shown["updated_at"] is None) == ("ONLINE", False)
    assert (await member.get(f"/l7policies/{off['id']}"))["operating_status"] == "OFFLINE"


async def test_what_no_host_can_carry_is_refused_with_its_reason(database, member, lb, worker):
    why = "The kernel of this amphora does not take the rules: no nft_ct."
    await worker.work()

    def lacking(connection, lacks):
        connection.execute(delete(amphorae))
        values = {"id": "a", "load_balancer_id": lb["id"], "status": "ALLOCATED", "cert_busy": False}
        connection.execute(insert(amphorae).values(**values, lacks=lacks, created_at=utcnow()))

    wanted = {"loadbalancer_id": lb["id"], "protocol": "UDP", "protocol_port": 53}
    await database.write(lambda connection: lacking(connection, {"UDP": why}))
    status, answer = await member.ask("POST", "/listeners", {"listener": wanted})
    assert status == 501 and answer["faultstring"].endswith(why)
    await database.write(lambda connection: lacking(connection, {"SCTP": why}))
    assert (await member.ask("POST", "/listeners", {"listener": wanted}))[0] == 201


async def test_an_address_is_shown_as_it_was_written_and_compared_as_what_it_is(member, pool):
    path = f"pools/{pool['id']}/members"
    made = await member.create(path, address="2001:db8:0:0:0:0:0:1", protocol_port=80)
    assert made["address"] == "2001:db8:0:0:0:0:0:1"
    again = {"member": {"address": "2001:db8::1", "protocol_port": 80}}
    assert (await member.refused("POST", f"/{path}", again))[0] == 409
    await member.put(f"/{path}", status=202, members=[{"address": "2001:db8::1", "protocol_port": 80}])
    assert [one["id"] for one in await member.get(f"/{path}")] == [made["id"]]
