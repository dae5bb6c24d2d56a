# SPDX-License-Identifier: Apache-2.0
"""Hostile words in every field: refused with a sentence, or carried so that HAProxy takes them for words only."""

import json
import subprocess
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samovar.loadbalancer import load_tree
from samovar.loadbalancer.haproxy import Place, render

SAMPLES = (
    "x\n    server evil 192.0.2.1:80",
    "x\r\nfrontend evil",
    "%[env(HOME)]",
    "%{+Q}o %s",
    "${HOME}",
    "$HOME",
    "\x00",
    "a b",
    "a\tb",
    'a"b',
    "a'b",
    "a\\",
    "a#b",
    "# nothing",
    "é",
    "\u202e",
    "\ud800",
    "{ src 0.0.0.0/0 }",
    "-f /etc/passwd",
    "!x",
    "a,b;c",
    "%20",
    "%",
    "%zz",
    "",
    " ",
    "a" * 300,
)
WORDS = st.one_of(
    st.sampled_from(SAMPLES),
    st.text(st.sampled_from("aZ0%\"'\\\n\r\x00\t ${}#;|&<>é:/.*()[]!-_,=?@"), max_size=12),
)
GOOD = st.sampled_from(
    ("tea", "www.example.org", "/healthy?a=b%20c", "http://example.org/%41?b=c#d", "JSESSIONID")
)
ANY = st.one_of(GOOD, WORDS)
HEADERS = st.dictionaries(
    st.one_of(st.sampled_from(("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")), WORDS),
    st.one_of(st.just("true"), WORDS),
    max_size=2,
)


@st.composite
def orders(draw):
    """What is asked for, one after the other; each field hostile or not."""
    name = st.one_of(st.none(), ANY)
    described = {"name": draw(name), "description": draw(name), "tags": draw(st.lists(ANY, max_size=2))}
    return {
        "listener": {**described, "insert_headers": draw(HEADERS)},
        "pool": {
            "name": draw(name),
            "session_persistence": draw(
                st.one_of(
                    st.none(), st.fixed_dictionaries({"type": st.just("APP_COOKIE"), "cookie_name": ANY})
                )
            ),
            "tls_enabled": draw(st.booleans()),
            "tls_ciphers": draw(st.one_of(st.none(), WORDS)),
        },
        "member": {
            "name": draw(name),
            "address": draw(st.one_of(st.sampled_from(("10.1.0.9", "fd00::9")), WORDS)),
            "monitor_address": draw(st.one_of(st.none(), st.just("10.1.0.8"), WORDS)),
        },
        "healthmonitor": {
            "name": draw(name),
            "url_path": draw(st.one_of(st.none(), ANY, ANY.map(lambda words: f"/{words}"))),
            "domain_name": draw(st.one_of(st.none(), ANY)),
            "http_method": draw(st.one_of(st.just("GET"), WORDS)),
            "expected_codes": draw(st.one_of(st.just("200-299"), WORDS)),
            "http_version": "1.1",
        },
        "l7policy": draw(
            st.one_of(
                st.just({"action": "REJECT"}),
                st.builds(lambda url: {"action": "REDIRECT_TO_URL", "redirect_url": url}, ANY),
                st.builds(lambda url: {"action": "REDIRECT_PREFIX", "redirect_prefix": f"http://{url}"}, ANY),
            )
        ),
        "rules": draw(
            st.lists(
                st.fixed_dictionaries(
                    {
                        "type": st.sampled_from(
                            ("PATH", "HOST_NAME", "HEADER", "COOKIE", "FILE_TYPE", "SSL_DN_FIELD")
                        ),
                        "compare_type": st.sampled_from(("EQUAL_TO", "CONTAINS", "STARTS_WITH", "ENDS_WITH")),
                        "key": st.one_of(st.just("tea"), WORDS),
                        "value": ANY,
                    }
                ),
                max_size=3,
            )
        ),
    }


async def put(member, path, wrapper, **values):
    """The id of what was made; None when it was refused, in a sentence."""
    body = json.dumps({wrapper: values}).encode("utf-8", "surrogatepass")
    raw = await member.raw("POST", f"/{path}", body)
    shown = json.loads(raw.body)
    assert raw.status in (201, 400, 409, 501), (path, values, shown)
    if raw.status != 201:
        assert shown["faultstring"] and "\n" not in shown["faultstring"], shown
        return None
    return shown[wrapper]["id"]


async def ordered(member, lb, wanted):
    """Ask for all of it; what the rest needs is asked for again without what was refused."""
    first = {"loadbalancer_id": lb["id"], "protocol": "HTTP", "protocol_port": 80}
    listener = await put(member, "listeners", "listener", **first, **wanted["listener"])
    listener = listener or await put(member, "listeners", "listener", **first)
    plain = {"listener_id": listener, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    pool = await put(member, "pools", "pool", **plain, **wanted["pool"])
    pool = pool or await put(member, "pools", "pool", **plain)
    await put(member, f"pools/{pool}/members", "member", protocol_port=80, **wanted["member"])
    check = {"pool_id": pool, "type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1}
    await put(member, "healthmonitors", "healthmonitor", **check, **wanted["healthmonitor"])
    policy = await put(member, "l7policies", "l7policy", listener_id=listener, **wanted["l7policy"])
    policy = policy or await put(member, "l7policies", "l7policy", listener_id=listener, action="REJECT")
    for rule in wanted["rules"]:
        await put(member, f"l7policies/{policy}/rules", "rule", **rule)


@pytest.fixture
def place(tmp_path):
    """An amphora's directory."""
    (tmp_path / "certificates").mkdir()
    return Place(directory=str(tmp_path), most_connections=1000)


def judge(place, text):
    """What ``haproxy -c`` has against a configuration."""
    path = Path(place.directory) / "haproxy.cfg"
    path.write_text(text)
    done = subprocess.run(["haproxy", "-c", "-f", str(path)], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


@given(orders())
@settings(max_examples=50)
async def test_haproxy_takes_what_the_api_takes(member, lb, worker, database, place, wanted):
    try:
        await ordered(member, lb, wanted)
        tree = await database.read(lambda connection: load_tree(connection, lb["id"]))
    finally:
        for plural in ("listeners", "pools"):
            for one in await member.get(f"/{plural}"):
                await member.delete(f"/{plural}/{one['id']}")
        await worker.work()
    rendered = render(tree, place)
    assert rendered.broken == {}, (wanted, rendered.broken)
    complaint = judge(place, rendered.text)
    assert not complaint, (wanted, complaint, rendered.text)
    words = [line.split() for line in rendered.text.splitlines()]
    assert sum(line[:1] == ["frontend"] for line in words) == 1, rendered.text
    assert not any("192.0.2.1:80" in line for line in words if line[:1] == ["server"]), rendered.text


PLACES = (
    "loadbalancers",
    "listeners",
    "pools",
    "healthmonitors",
    "l7policies",
    "quotas",
    "flavors",
    "flavorprofiles",
    "availabilityzones",
    "availabilityzoneprofiles",
    "providers",
)
BEHIND = (
    "",
    "/status",
    "/stats",
    "/failover",
    "/members",
    "/rules",
    "/default",
    "/flavor_capabilities",
    "/x/y/z",
)
STEPS = st.one_of(
    st.sampled_from(("..", ".", "%00", "%2e%2e", "%ff", "%0a", "a%20b", "null", "-1", "*")), WORDS
)
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)
WRAPPERS = st.sampled_from(
    ("loadbalancer", "listener", "pool", "member", "members", "healthmonitor", "quota", "rule")
)


@given(
    st.sampled_from(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")),
    st.sampled_from(PLACES),
    st.one_of(st.none(), STEPS),
    st.sampled_from(BEHIND),
    st.dictionaries(
        st.one_of(st.sampled_from(("limit", "marker", "sort", "fields", "tags")), WORDS), WORDS, max_size=2
    ),
    st.one_of(JSON, st.builds(lambda wrapper, value: {wrapper: value}, WRAPPERS, JSON)),
)
@settings(max_examples=250)
async def test_no_request_is_a_fault_of_the_server(admin, method, place, step, behind, query, body):
    path = f"/{place}" + (
        "" if step is None else "/" + quote(step.encode("utf-8", "surrogatepass"), safe="%.")
    )
    asked = urlencode(
        {key.encode("utf-8", "replace"): value.encode("utf-8", "replace") for key, value in query.items()}
    )
    content = (
        None if method in ("GET", "HEAD", "DELETE") else json.dumps(body).encode("utf-8", "surrogatepass")
    )
    raw = await admin.raw(method, f"{path}{behind}?{asked}", content)
    assert raw.status < 500 or raw.status == 501, (method, path, behind, query, body, raw)
    if raw.body and raw.status >= 400:
        shown = json.loads(raw.body)
        assert shown.get("faultstring") or shown.get("description"), shown
