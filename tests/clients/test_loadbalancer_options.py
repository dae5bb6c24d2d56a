# SPDX-License-Identifier: Apache-2.0
"""Every option of every `openstack loadbalancer …` command, and what it changes."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from clouds import ROOT

pytestmark = [pytest.mark.clients, pytest.mark.kernel]
ME = {"user": "samovar", "project": "samovar"}
OF_CLIENTS = {"--help", "--format", "--column", "--quote", "--noindent", "--max-width", "--fit-width"}
OF_CLIENTS |= {"--print-empty", "--prefix", "--sort-column", "--sort-ascending", "--sort-descending"}
OF_CLIENTS |= {"--variable", "--wait"}
LISTING = """
import importlib.metadata, json, unittest.mock
found = {}
for point in importlib.metadata.entry_points(group="openstack.load_balancer.v2"):
    parser = point.load()(unittest.mock.MagicMock(), None).get_parser("")
    words = {word for action in parser._actions for word in action.option_strings if word.startswith("--")}
    found[point.name.replace("_", " ").removeprefix("loadbalancer ")] = sorted(words)
print(json.dumps(found))
"""
"""Run by the clients' Python: the options of every command."""


class Options:
    """Runs commands, and remembers which options of which."""

    def __init__(self, live):
        self.live, self.used, self.kept = live, {}, {}
        python = Path(os.environ.get("SAMOVAR_CLIENTS") or ROOT / ".venv-clients" / "bin") / "python"
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        told = subprocess.run([python, "-c", LISTING], env=clean, capture_output=True, check=True).stdout
        self.known = {name: set(words) - OF_CLIENTS for name, words in json.loads(told).items()}

    def run(self, line, *, admin=False, status=0):
        words = shlex.split(line.format(**self.kept))
        name = next(name for name in self.names() if f"{' '.join(words)} ".startswith(f"{name} "))
        self.used.setdefault(name, set()).update(re.findall(r"(?<= )--[a-z][a-z0-9-]*", line))
        return self.live.run("loadbalancer", *words, status=status, **({} if admin else ME))

    def names(self):
        return sorted(self.known, key=len, reverse=True)

    def json(self, line, **options):
        return json.loads(self.run(f"{line} -f json", **options).stdout)

    def has(self, line, wanted, **options):
        """The command shows these values."""
        shown = self.json(line, **options)
        assert {name: shown[name] for name in wanted} == wanted, (line, shown)
        return shown

    def names_in(self, line, wanted, **options):
        """The command lists these names."""
        rows = self.json(line, **options)
        assert sorted(row["name"] for row in rows) == sorted(wanted), (line, rows)

    def keep(self, **values):
        self.kept.update(values)


@pytest.fixture(scope="module")
def options(live, tmp_path_factory):
    live.mine("network", "create", "tea")
    live.mine("subnet", "create", "--network", "tea", "--subnet-range", "10.7.0.0/24", "leaves")
    live.mine("subnet", "create", "--network", "tea", "--subnet-range", "10.8.0.0/24", "more")
    network, subnet = live.mine("network", "show", "tea")["id"], live.mine("subnet", "show", "leaves")["id"]
    port = live.mine("port", "create", "--network", "tea", "--fixed-ip", "subnet=leaves", "own")
    group = live.mine("security", "group", "create", "vips")["id"]
    made = Options(live)
    made.keep(network=network, subnet=subnet, port=port["id"], group=group)
    made.keep(project=live.first.project_id)
    folder = tmp_path_factory.mktemp("tls")
    for name in ("one", "two"):
        made.keep(**{name: secret(live, bundle(folder, name), "application/octet-stream")})
    ca, crl = authority(folder)
    made.keep(ca=secret(live, ca, "text/plain"), crl=secret(live, crl, "text/plain"))
    return made


def bundle(folder, name):
    run = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key"
    run += f" -out {name}.pem -days 9 -subj /CN={name}.example.org && openssl pkcs12 -export -passout pass:"
    shell(f"{run} -inkey {name}.key -in {name}.pem -out {name}.p12", folder)
    return (folder / f"{name}.p12").read_bytes()


def authority(folder):
    """An authority's certificate, and its list of those that it takes back: none."""
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca = a\n[a]\ndatabase = index\ndefault_md = sha256\ndefault_crl_days = 9\n"
    )
    shell("touch index; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
          " -keyout ca.key -out ca.pem -days 9 -subj /CN=ca"
          " && openssl ca -config ca.conf -gencrl -keyfile ca.key -cert ca.pem -out crl.pem", folder)  # fmt: skip
    return (folder / "ca.pem").read_bytes(), (folder / "crl.pem").read_bytes()


def shell(command, folder):
    subprocess.run(command, shell=True, check=True, cwd=folder, capture_output=True)


def secret(live, content, kind):
    words = ["secret", "store", "--payload-content-type", kind, "--payload"]
    if kind == "text/plain":
        return live.mine(*words, content.decode())["Secret href"]
    coded = base64.b64encode(content).decode()
    return live.mine(*words, coded, "--payload-content-encoding", "base64")["Secret href"]


def test_load_balancers(options):
    o = options
    shown = o.has(
        "create --name lb --description d --vip-address 10.7.0.77 --vip-subnet-id leaves --vip-network-id tea"
        " --additional-vip subnet-id=more,ip-address=10.8.0.88 --provider amphora --enable --tag a --tag b"
        " --vip-sg-id vips --project {project}",
        {"name": "lb", "description": "d", "vip_address": "10.7.0.77"},
    )
    assert "10.8.0.88" in str(shown["additional_vips"]) and o.kept["group"] in str(shown["vip_sg_ids"])
    o.has("create --name own --vip-port-id {port} --disable --no-tag", {"admin_state_up": False, "tags": []})
    assert "qos" in o.run("create --vip-qos-policy-id {port} --vip-subnet-id leaves", status=1).stderr.lower()
    for chosen in (
        *(
            "--name lb",
            "--vip-subnet-id leaves --tags a",
            "--tags a,b",
            "--any-tags a,c",
            "--not-tags c --enable",
        ),
        *("--not-any-tags c,d --enable", "--project {project} --enable", "--vip-network-id tea --enable"),
        *("--provider amphora --enable", "--provisioning-status ACTIVE --enable"),
    ):
        o.names_in(f"list {chosen}", ["lb"])
    for chosen in ("--disable", "--vip-port-id {port}"):
        o.names_in(f"list {chosen}", ["own"])
    for chosen in ("--operating-status ERROR", "--availability-zone none"):
        o.names_in(f"list {chosen}", [])
    assert "qos" in o.run("list --vip-qos-policy-id {port}", status=1).stderr.lower()
    o.run("set --name lb --description e --disable --tag c lb")
    o.run("set --enable --no-tag --tag d --vip-sg-id vips lb")
    o.has("show lb", {"description": "e", "tags": ["d"], "admin_state_up": True})
    assert "qos" in o.run("set --vip-qos-policy-id {port} lb", status=1).stderr.lower()
    o.run("unset --description --all-tag --vip-sg-id --vip-qos-policy-id lb")
    o.run("set --tag x --tag y lb")
    o.run("unset --tag x lb")
    assert o.has("show lb", {"description": "", "tags": ["y"]})["vip_sg_ids"] in ("", [], None)
    o.run("unset --name own")
    o.json("stats show lb")
    o.run("status show lb")


def test_listeners(options):
    o = options
    created = o.has(
        "listener create --name web --description d --protocol HTTP --protocol-port 80 --connection-limit 9"
        " --insert-headers X-Forwarded-For=true --timeout-client-data 1000 --timeout-member-connect 1001"
        " --timeout-member-data 1002 --timeout-tcp-inspect 3 --enable --allowed-cidr 10.0.0.0/8 --tag a"
        " --tag b lb",
        {"connection_limit": 9, "timeout_client_data": 1000, "timeout_member_connect": 1001},
    )
    assert (created["timeout_member_data"], created["timeout_tcp_inspect"]) == (1002, 3)
    tls = (
        "--default-tls-container-ref {one} --sni-container-refs {two} --client-ca-tls-container-ref {ca}"
        " --client-authentication OPTIONAL --client-crl-container-ref {crl} --tls-ciphers ECDHE-ECDSA-AES128-GCM-SHA256"
        " --tls-version TLSv1.2 --tls-version TLSv1.3 --alpn-protocol http/1.1 --alpn-protocol h2"
        " --hsts-max-age 99 --hsts-include-subdomains --hsts-preload"
    )
    created = o.has(
        f"listener create --name tls --protocol TERMINATED_HTTPS --protocol-port 443 {tls} --disable --no-tag lb",
        {"hsts_max_age": 99, "hsts_include_subdomains": True, "hsts_preload": True, "admin_state_up": False},
    )
    assert created["client_authentication"] == "OPTIONAL" and created["tls_versions"] == [
        "TLSv1.2",
        "TLSv1.3",
    ]
    for chosen in (
        *("--name web", "--enable", "--tags a", "--any-tags b,c", "--not-tags c --enable"),
        *("--not-any-tags c --enable", "--loadbalancer lb --project {project} --enable"),
    ):
        o.names_in(f"listener list {chosen}", ["web"])
    o.names_in("listener list --disable", ["tls"])
    o.run(
        "listener set --name web --description e --connection-limit 8 --insert-headers X-Forwarded-Port=true"
        " --timeout-client-data 2000 --timeout-member-connect 2001 --timeout-member-data 2002"
        " --timeout-tcp-inspect 4 --disable --allowed-cidr 10.7.0.0/16 --no-tag --tag c web"
    )
    o.has("listener show web", {"connection_limit": 8, "timeout_tcp_inspect": 4, "admin_state_up": False})
    o.run(f"listener set {tls} --enable tls")
    o.json("pool create --name spare --protocol HTTP --lb-algorithm ROUND_ROBIN --loadbalancer lb")
    o.run("listener set --default-pool spare web")
    o.json("listener create --name third --protocol HTTP --protocol-port 82 --default-pool spare lb")
    o.run(
        "listener unset --description --connection-limit --default-pool --insert-headers --allowed-cidrs --all-tag"
        " --timeout-client-data --timeout-member-connect --timeout-member-data --timeout-tcp-inspect web"
    )
    o.has(
        "listener show web",
        {"connection_limit": -1, "default_pool_id": None, "timeout_member_data": 50000, "tags": []},
    )
    o.run("listener set --tag x web")
    o.run("listener unset --tag x --name web")
    o.run(
        "listener unset --client-crl-container-ref --client-authentication --client-ca-tls-container-ref"
        " --sni-container-refs --tls-versions --tls-ciphers --alpn-protocols --hsts-include-subdomains"
        " --hsts-preload tls"
    )
    o.run("listener unset --hsts-max-age tls")
    o.has("listener show tls", {"hsts_max_age": None, "client_authentication": "NONE", "hsts_preload": False})
    o.run("listener unset --default-tls-container-ref tls")
    o.json("listener stats show tls")
    o.run("listener delete tls")


def test_pools_and_members(options):
    o = options
    tls = (
        "--tls-container-ref {one} --ca-tls-container-ref {ca} --crl-container-ref {crl} --enable-tls"
        " --tls-ciphers ECDHE-ECDSA-AES128-GCM-SHA256 --tls-version TLSv1.2 --alpn-protocol http/1.1"
    )
    created = o.has(
        "pool create --name pool --description d --protocol HTTP --loadbalancer lb --lb-algorithm ROUND_ROBIN"
        f" --session-persistence type=APP_COOKIE,cookie_name=tea --enable {tls} --tag a --tag b",
        {
            "tls_enabled": True,
            "tls_versions": ["TLSv1.2"],
            "alpn_protocols": ["http/1.1"],
            "tags": ["a", "b"],
        },
    )
    assert (created["crl_container_ref"], created["ca_tls_container_ref"]) == (o.kept["crl"], o.kept["ca"])
    o.json("listener create --name fourth --protocol HTTP --protocol-port 84 lb")
    off = "--disable --disable-tls --no-tag"
    o.has(
        f"pool create --name off --protocol HTTP --listener fourth --lb-algorithm SOURCE_IP {off}",
        {"admin_state_up": False, "tls_enabled": False, "tags": []},
    )
    for chosen in ("--loadbalancer lb --tags a", "--any-tags a,c", "--not-tags c", "--not-any-tags c,d"):
        assert "pool" in {row["name"] for row in o.json(f"pool list {chosen}")}
    o.run(
        "pool set --name pool --description e --session-persistence type=SOURCE_IP --lb-algorithm SOURCE_IP"
        f" --disable {tls} --no-tag --tag c pool"
    )
    o.run("pool set --enable --disable-tls pool")
    o.has("pool show pool", {"lb_algorithm": "SOURCE_IP", "tags": ["c"], "admin_state_up": True})
    o.run("pool unset --crl-container-ref pool")
    o.run(
        "pool unset --description --ca-tls-container-ref --session-persistence --tls-container-ref --tls-versions"
        " --tls-ciphers --alpn-protocols --all-tag pool"
    )
    o.has("pool show pool", {"description": "", "ca_tls_container_ref": None, "session_persistence": None})
    o.run("pool set --tag x pool")
    o.run("pool unset --tag x pool")
    o.run("pool unset --name off")
    member = "--subnet-id leaves --weight 5 --monitor-address 10.7.0.10 --monitor-port 81"
    o.has(
        f"member create --name m --address 10.7.0.9 --protocol-port 80 {member} --enable-backup --enable --tag a"
        " --tag b pool",
        {"weight": 5, "backup": True, "monitor_port": 81, "monitor_address": "10.7.0.10"},
    )
    o.has(
        "member create --address 10.7.0.8 --protocol-port 80 --disable-backup --disable --no-tag pool",
        {"admin_state_up": False, "backup": False},
    )
    refused = o.run("member create --address 10.7.0.7 --protocol-port 80 --request-sriov pool", status=1)
    assert "SR-IOV" in refused.stderr
    for chosen in ("--tags a", "--any-tags a,c", "--not-tags a", "--not-any-tags a,c"):
        assert len(o.json(f"member list {chosen} pool")) == 1
    o.run(
        "member set --name n --disable-backup --weight 6 --monitor-address 10.7.0.11 --monitor-port 82 --disable"
        " --no-tag --tag c pool m"
    )
    o.run("member set --enable --enable-backup pool n")
    o.has("member show pool n", {"weight": 6, "backup": True, "tags": ["c"], "monitor_port": 82})
    o.run("member unset --backup --monitor-address --monitor-port --weight --all-tag pool n")
    shown = o.has("member show pool n", {"weight": 1, "backup": False, "monitor_address": None, "tags": []})
    o.run("member set --tag x pool n")
    o.run(f"member unset --tag x --name pool {shown['id']}")
    o.run(f"member delete pool {shown['id']}")


def test_health_monitors(options):
    o = options
    o.has(
        "healthmonitor create --name hm --delay 5 --timeout 3 --max-retries 2 --max-retries-down 4 --type HTTP"
        " --http-method HEAD --http-version 1.1 --domain-name example.org --url-path /a --expected-codes 200,204"
        " --enable --tag a --tag b pool",
        {"max_retries_down": 4, "http_version": 1.1, "url_path": "/a", "expected_codes": "200,204"},
    )
    for chosen in ("--tags a", "--any-tags a,c", "--not-tags c", "--not-any-tags c"):
        o.names_in(f"healthmonitor list {chosen}", ["hm"])
    o.run(
        "healthmonitor set --name hn --delay 6 --timeout 4 --max-retries 3 --max-retries-down 5 --http-method GET"
        " --http-version 1.1 --domain-name example.com --url-path /b --expected-codes 200-299 --disable"
        " --no-tag --tag c hm"
    )
    o.run("healthmonitor set --enable hn")
    o.has("healthmonitor show hn", {"delay": 6, "timeout": 4, "max_retries": 3, "url_path": "/b"})
    o.run(
        "healthmonitor unset --domain-name --expected-codes --http-method --http-version --max-retries-down"
        " --url-path --all-tag hn"
    )
    o.has("healthmonitor show hn", {"max_retries_down": 3, "domain_name": None, "tags": []})
    o.run("healthmonitor set --tag x hn")
    o.run("healthmonitor unset --tag x hn")
    identity = o.json("healthmonitor show hn")["id"]
    o.run("healthmonitor unset --name hn")
    o.run(f"healthmonitor delete {identity}")
    o.json("healthmonitor create --delay 5 --timeout 3 --max-retries 2 --type TCP --disable --no-tag pool")


def test_policies_and_rules(options):
    o = options
    o.run("listener set --name web third")
    o.has(
        "l7policy create --name p --description d --action REDIRECT_TO_URL --redirect-url http://tea.org/"
        " --redirect-http-code 301 --position 1 --enable --tag a --tag b web",
        {"redirect_http_code": 301, "position": 1, "redirect_url": "http://tea.org/"},
    )
    to_pool = "--action REDIRECT_TO_POOL --redirect-pool pool"
    o.json(f"l7policy create --name q {to_pool} --disable --no-tag web")
    prefix = "--action REDIRECT_PREFIX --redirect-prefix https://tea.org"
    o.has(f"l7policy create --name r {prefix} web", {"redirect_prefix": "https://tea.org"})
    for chosen in ("--listener web --tags a", "--any-tags a,c", "--tags b"):
        o.names_in(f"l7policy list {chosen}", ["p"])
    for chosen in ("--not-tags a", "--not-any-tags a,c"):
        o.names_in(f"l7policy list {chosen}", ["q", "r"])
    o.run(
        "l7policy set --name p --description e --action REDIRECT_PREFIX --redirect-prefix https://a.org"
        " --redirect-http-code 307 --position 2 --disable --no-tag --tag c p"
    )
    o.has("l7policy show p", {"redirect_prefix": "https://a.org", "redirect_http_code": 307})
    o.run("l7policy set --redirect-url http://b.org --enable p")
    o.has("l7policy show p", {"action": "REDIRECT_TO_URL", "redirect_url": "http://b.org"})
    o.run("l7policy unset --description --redirect-http-code --all-tag p")
    o.run("l7policy set --redirect-pool pool p")
    o.run("l7policy set --tag x p")
    o.run("l7policy unset --tag x p")
    o.run("l7policy unset --name q")
    made = o.has(
        "l7rule create --type COOKIE --compare-type EQUAL_TO --key k --value v --invert --enable --tag a --tag b"
        " p",
        {"invert": True, "key": "k", "value": "v"},
    )
    rule = made["id"]
    o.json("l7rule create --type PATH --compare-type STARTS_WITH --value /x --disable --no-tag p")
    for chosen in ("--tags a", "--any-tags a,c", "--not-tags a", "--not-any-tags a,c"):
        assert len(o.json(f"l7rule list {chosen} p")) == 1
    o.run(
        "l7rule set --type HEADER --compare-type CONTAINS --key h --value w --invert --disable --no-tag --tag c"
        f" p {rule}"
    )
    o.run(f"l7rule set --enable p {rule}")
    o.has(f"l7rule show p {rule}", {"type": "HEADER", "compare_type": "CONTAINS", "admin_state_up": True})
    o.run(f"l7rule unset --invert --all-tag p {rule}")
    o.run(f"l7rule set --type PATH --compare-type CONTAINS --value w --tag x p {rule}")
    o.run(f"l7rule unset --key --tag x p {rule}")
    o.has(f"l7rule show p {rule}", {"invert": False, "tags": []})
    o.run(f"l7rule delete p {rule}")
    o.run("l7policy delete r")


def test_what_administrators_offer(options):
    o = options
    data = '\'{{"compute_flavor": "%s"}}\''
    words = "flavorprofile create --name fp --provider amphora --flavor-data"
    refused = o.run(f"{words} {data % 'nosuch'}", admin=True, status=1)
    assert "Compute has no flavor nosuch" in refused.stderr
    o.json(f"{words} {data % 1}", admin=True)
    o.run("flavorprofile set --name fq --provider octavia --flavor-data {{}} fp", admin=True)
    for chosen in ("--name fq", "--provider octavia"):
        o.names_in(f"flavorprofile list {chosen}", ["fq"], admin=True)
    o.json("flavor create --name f --flavorprofile fq --description d --enable", admin=True)
    o.json("flavor create --name g --flavorprofile fq --disable", admin=True)
    for chosen in ("--name f", "--enable"):
        o.names_in(f"flavor list {chosen}", ["f"])
    o.names_in("flavor list --disable", ["g"])
    o.names_in("flavor list --flavorprofile fq", ["f", "g"], admin=True)
    o.run("flavor set --name h --description e --disable f", admin=True)
    o.run("flavor set --enable h", admin=True)
    o.run("flavor unset --description h", admin=True)
    o.has("flavor show h", {"description": "", "enabled": True})
    zone = '\'{{"compute_zone": "nova"}}\''
    words = "availabilityzoneprofile create --name zp --provider amphora --availability-zone-data"
    refused = o.run(f"{words} {zone.replace('nova', 'mars')}", admin=True, status=1)
    assert "Compute has no availability zone mars" in refused.stderr
    o.json(f"{words} {zone}", admin=True)
    words = "availabilityzoneprofile set --name zq --provider octavia --availability-zone-data"
    o.run(f"{words} {zone} zp", admin=True)
    for chosen in ("--name zq", "--provider octavia"):
        o.names_in(f"availabilityzoneprofile list {chosen}", ["zq"], admin=True)
    o.json(
        "availabilityzone create --name z --availabilityzoneprofile zq --description d --enable", admin=True
    )
    o.json("availabilityzone create --name y --availabilityzoneprofile zq --disable", admin=True)
    for chosen in ("--name z", "--enable"):
        o.names_in(f"availabilityzone list {chosen}", ["z"])
    o.names_in("availabilityzone list --disable", ["y"])
    o.names_in("availabilityzone list --availabilityzoneprofile zq", ["y", "z"], admin=True)
    o.run("availabilityzone set --description e --disable z", admin=True)
    o.run("availabilityzone set --enable z", admin=True)
    o.run("availabilityzone unset --description z", admin=True)
    assert {row["type"] for row in o.json("provider capability list --flavor amphora", admin=True)} == {
        "flavor"
    }
    found = o.json("provider capability list --availability-zone amphora", admin=True)
    assert {row["type"] for row in found} == {"availability_zone"}
    o.json("create --name flavored --flavor h --availability-zone z --vip-subnet-id leaves")
    for chosen in ("--flavor h", "--availability-zone z"):
        o.names_in(f"list {chosen}", ["flavored"])
    o.run("delete flavored")
    assert "in use" in o.run("flavorprofile delete fq", admin=True, status=1).stderr
    assert o.json("flavorprofile show fq", admin=True)["provider_name"] == "octavia"
    assert o.json("availabilityzoneprofile show zq", admin=True)["name"] == "zq"
    assert o.json("availabilityzone show z")["enabled"] is True
    assert {"amphora", "octavia"} <= {row["name"] for row in o.json("provider list")}


def test_quotas(options):
    o = options
    kinds = ("loadbalancer", "listener", "pool", "member", "healthmonitor", "l7policy", "l7rule")
    o.run("quota set " + " ".join(f"--{kind} 40" for kind in kinds) + " samovar", admin=True)
    assert len(o.json("quota list --project samovar", admin=True)) == 1
    o.has("quota show samovar", {"load_balancer": 40, "l7rule": 40}, admin=True)
    o.run("quota unset " + " ".join(f"--{kind}" for kind in kinds) + " samovar", admin=True)
    o.has("quota show samovar", {"load_balancer": -1, "l7rule": -1}, admin=True)


def test_amphorae(options):
    o = options
    o.run("set --wait lb")
    (row,) = o.json("amphora list --loadbalancer lb --long", admin=True)
    amphora = o.json(f"amphora show {row['id']}", admin=True)
    for chosen in (
        *(f"--compute-id {amphora['compute_id']}", f"--image-id {amphora['image_id']} --loadbalancer lb"),
        *("--role STANDALONE --loadbalancer lb", "--status ALLOCATED --loadbalancer lb"),
    ):
        (found,) = o.json(f"amphora list {chosen}", admin=True)
        assert found["id"] == amphora["id"], chosen
    assert o.json("amphora list --provisioning-status ERROR", admin=True) == []
    o.run(f"amphora configure {amphora['id']}", admin=True)
    o.run(f"amphora failover --wait {amphora['id']}", admin=True)
    (row,) = o.json("amphora list --loadbalancer lb", admin=True)
    listener = o.json("listener show web")["id"]
    o.run(f"amphora stats show --listener {listener} {row['id']}", admin=True)
    assert "ERROR" in o.run(f"amphora delete {row['id']}", admin=True, status=1).stderr
    o.run("failover lb", admin=True)


def test_everything_goes(options):
    o = options
    o.run("pool delete spare")
    for row in o.json("list"):
        o.run(f"delete --cascade {row['id']}")
    deadline = time.monotonic() + 60
    while o.json("list"):
        assert time.monotonic() < deadline
    for line in (
        "flavor delete h",
        "flavor delete g",
        "flavorprofile delete fq",
        "availabilityzone delete z",
        "availabilityzone delete y",
        "availabilityzoneprofile delete zq",
        "quota reset samovar",
    ):
        o.run(line, admin=True)
    assert o.json("quota defaults show")["load_balancer"] == -1


def test_no_option_was_left_out(options):
    """Last: what this file used is all that the clients have."""
    left = {name: known - options.used.get(name, set()) for name, known in options.known.items()}
    assert {name: words for name, words in left.items() if words} == {}
    assert options.known.keys() - options.used.keys() == set(), "commands"
