# SPDX-License-Identifier: Apache-2.0
"""Whatever is sent: an answer below 500, in Nova's shape."""

import pytest

from .doubles import IMAGE, NETWORK

ODD = (
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    " ",
    "x" * 70_000,
    "\x00",
    "ü\u202e",
    [],
    [None],
    [[]],
    {},
    {"a": None},
    {"": []},
)
FIELDS = (
    "name", "imageRef", "flavorRef", "networks", "metadata", "key_name", "user_data", "security_groups", "min_count",
    "max_count", "availability_zone", "config_drive", "block_device_mapping_v2", "block_device_mapping", "adminPass",
    "accessIPv4", "OS-DCF:diskConfig", "description", "tags", "hostname", "return_reservation_id", "host",
)  # fmt: skip
ACTIONS = (
    "reboot", "rebuild", "resize", "lock", "unlock", "addSecurityGroup", "removeSecurityGroup", "createImage",
    "os-getConsoleOutput", "os-resetState", "confirmResize", "restore", "nothing",
)  # fmt: skip
BODIES = (
    (
        "POST",
        "/flavors",
        "flavor",
        ("name", "ram", "vcpus", "disk", "id", "rxtx_factor", "swap", "description"),
    ),
    ("POST", "/os-keypairs", "keypair", ("name", "public_key", "type", "user_id")),
    ("POST", "/os-server-groups", "server_group", ("name", "policy", "rules")),
    ("POST", "/os-aggregates", "aggregate", ("name", "availability_zone")),
    ("PUT", "/os-quota-sets/p", "quota_set", ("instances", "force", "x")),
    ("PUT", "/os-quota-class-sets/default", "quota_class_set", ("instances",)),
)
QUERIES = (
    "name", "status", "ip", "tags", "changes-since", "limit", "marker", "sort_key", "sort", "locked", "power_state",
    "flavor", "task_state", "host", "deleted", "all_tenants",
)  # fmt: skip


async def refused_or_done(compute, method, path, body=None, token="admin"):
    status, answer = await compute.ask(method, path, body, token=token)
    assert status < 500 or status == 501, (method, path, body, answer)
    if status >= 400:
        ((name, fault),) = answer.items()
        assert name and fault["code"] == status and fault["message"]


@pytest.mark.parametrize("field", FIELDS)
async def test_creating_a_server(compute, field):
    good = {"name": "n", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}]}
    for odd in ODD:
        await refused_or_done(compute, "POST", "/servers", {"server": {**good, field: odd}})
    for odd in ODD:
        await refused_or_done(compute, "POST", "/servers", {"server": good, "os:scheduler_hints": odd})


@pytest.mark.parametrize("action", ACTIONS)
async def test_acting_on_a_server(compute, action):
    server_id = await compute.boot()
    keys = (
        "type",
        "imageRef",
        "flavorRef",
        "name",
        "length",
        "state",
        "metadata",
        "locked_reason",
        "user_data",
    )
    for odd in ODD:
        await refused_or_done(compute, "POST", f"/servers/{server_id}/action", {action: odd})
        for key in keys:
            await refused_or_done(compute, "POST", f"/servers/{server_id}/action", {action: {key: odd}})


@pytest.mark.parametrize(("method", "path", "key", "fields"), BODIES)
async def test_other_resources(compute, method, path, key, fields):
    good = {"name": "n", "ram": 1, "vcpus": 1, "disk": 1, "policy": "affinity"}
    for odd in ODD:
        await refused_or_done(compute, method, path, odd)
        await refused_or_done(compute, method, path, {key: odd})
        for field in fields:
            body = {**{k: v for k, v in good.items() if k in fields}, field: odd}
            await refused_or_done(compute, method, path, {key: body})


async def test_parts_of_a_server(compute):
    server_id = await compute.boot()
    base = f"/servers/{server_id}"
    for odd in ODD:
        await refused_or_done(compute, "PUT", base, {"server": odd})
        for field in ("name", "description", "hostname", "accessIPv4"):
            await refused_or_done(compute, "PUT", base, {"server": {field: odd}})
        await refused_or_done(compute, "POST", f"{base}/metadata", {"metadata": odd})
        await refused_or_done(compute, "PUT", f"{base}/metadata/x", {"meta": odd})
        await refused_or_done(compute, "PUT", f"{base}/tags", {"tags": odd})
        await refused_or_done(compute, "POST", f"{base}/os-interface", {"interfaceAttachment": odd})
        for field in ("net_id", "port_id", "fixed_ips", "tag"):
            await refused_or_done(
                compute, "POST", f"{base}/os-interface", {"interfaceAttachment": {field: odd}}
            )
        await refused_or_done(compute, "POST", "/os-server-external-events", {"events": odd})


async def test_queries(compute):
    await compute.boot()
    for key in QUERIES:
        for odd in ("", "%00", "%ff", "(((((a*)*)*)*$", "\\", "-1", "9" * 40, "'; drop", "%25_", "None"):
            await refused_or_done(compute, "GET", f"/servers/detail?{key}={odd.replace(' ', '+')}")
    for path in (
        "/flavors?minRam=x",
        "/os-simple-tenant-usage?start=x",
        "/os-server-groups?limit=x",
        "/limits?tenant_id=",
    ):
        await refused_or_done(compute, "GET", path)
