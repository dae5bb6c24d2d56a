# SPDX-License-Identifier: Apache-2.0
"""Every `openstack loadbalancer …` and `openstack secret …` command there is, against the real thing."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.kernel]
ME = {"user": "samovar", "project": "samovar"}
GROUPS = ("loadbalancer", "secret", "acl", "ca")


class Recorder:
    """Runs commands as the member (or as the administrator) and remembers which."""

    def __init__(self, live):
        self.live, self.ran = live, []

    def do(self, line, *more, admin=False, status=0):
        words = (*line.split(), *more)
        self.ran.append(" ".join(words))
        return self.live.run(*words, status=status, **({} if admin else ME))

    def json(self, line, *more, admin=False):
        words = (*line.split(), *more)
        self.ran.append(" ".join(words))
        return self.live.json(*words, **({} if admin else ME))

    def lb(self, line, *more, **options):
        return self.do(f"loadbalancer {line}", *more, **options)

    def show(self, line, *more, **options):
        return self.json(f"loadbalancer {line}", *more, **options)


@pytest.fixture(scope="module")
def recorder(live):
    live.mine("network", "create", "tea")
    live.mine("subnet", "create", "--network", "tea", "--subnet-range", "10.7.0.0/24", "leaves")
    return Recorder(live)


@pytest.fixture(scope="module")
def lb(recorder):
    recorder.show("create --name lb --vip-subnet-id leaves --vip-address 10.7.0.77 --wait")
    return recorder


def test_load_balancers(lb):
    lb.lb("set --name lb --description words --tag a --tag b lb")
    assert lb.show("show lb")["description"] == "words"
    lb.lb("unset --description --tag a lb")
    shown = lb.show("show lb")
    assert (shown["description"], shown["tags"], shown["vip_address"]) == ("", ["b"], "10.7.0.77")
    assert lb.show("stats show lb")["bytes_in"] == 0
    assert json.loads(lb.lb("status show lb").stdout)["loadbalancer"]["name"] == "lb"
    assert [one["name"] for one in lb.show("list --name lb --tags b")] == ["lb"]


def test_listeners(lb):
    headers = "--insert-headers X-Forwarded-For=true,X-Forwarded-Port=true"
    made = lb.show(
        f"listener create --name web --protocol HTTP --protocol-port 80 --connection-limit 9 {headers}"
        " --timeout-client-data 1000 --allowed-cidr 10.0.0.0/8 --allowed-cidr 0.0.0.0/0 --tag t --wait lb"
    )
    assert (made["connection_limit"], made["allowed_cidrs"]) == (9, ["10.0.0.0/8", "0.0.0.0/0"])
    lb.lb("listener set --connection-limit 7 --description d --allowed-cidr 10.0.0.0/8 web")
    assert lb.show("listener show web")["allowed_cidrs"] == ["10.0.0.0/8"]
    cleared = "--connection-limit --description --allowed-cidrs --insert-headers --timeout-client-data"
    lb.lb(f"listener unset {cleared} --all-tag web")
    shown = lb.show("listener show web")
    assert (shown["connection_limit"], shown["timeout_client_data"], shown["tags"]) == (-1, 50000, [])
    assert lb.show("listener stats show web")["total_connections"] == 0
    assert [one["name"] for one in lb.show("listener list --loadbalancer lb")] == ["web"]


def test_pools_and_members(lb):
    lb.show(
        "pool create --name pool --protocol HTTP --lb-algorithm ROUND_ROBIN --listener web --enable-tls"
        " --session-persistence type=APP_COOKIE,cookie_name=tea --tag t --wait"
    )
    lb.lb("pool set --lb-algorithm LEAST_CONNECTIONS --disable-tls pool")
    lb.lb("pool unset --session-persistence --tag t pool")
    shown = lb.show("pool show pool")
    assert (shown["lb_algorithm"], shown["session_persistence"]) == ("LEAST_CONNECTIONS", None)
    assert [one["name"] for one in lb.show("pool list --loadbalancer lb")] == ["pool"]
    member = "--address 10.7.0.9 --protocol-port 80 --weight 5 --monitor-port 81 --enable-backup"
    lb.show(f"member create --name m {member} --subnet-id leaves --wait pool")
    lb.lb("member set --weight 6 --disable-backup --monitor-address 10.7.0.10 pool m")
    assert lb.show("member show pool m")["monitor_address"] == "10.7.0.10"
    lb.lb("member unset --monitor-address --monitor-port --weight pool m")
    shown = lb.show("member show pool m")
    assert (shown["weight"], shown["monitor_port"]) == (1, None)
    assert [one["name"] for one in lb.show("member list pool")] == ["m"]


def test_health_monitors(lb):
    lb.show(
        "healthmonitor create --name hm --delay 5 --timeout 3 --max-retries 2 --type HTTP --http-version 1.1"
        " --domain-name example.org --url-path /healthy --expected-codes 200-204 pool"
    )
    lb.lb("healthmonitor set --delay 6 --http-method HEAD hm")
    assert lb.show("healthmonitor show hm")["http_method"] == "HEAD"
    lb.lb("healthmonitor unset --domain-name --http-version --url-path --expected-codes --http-method hm")
    shown = lb.show("healthmonitor show hm")
    assert (shown["url_path"], shown["expected_codes"], shown["domain_name"]) == ("/", "200", None)
    assert [one["name"] for one in lb.show("healthmonitor list")] == ["hm"]


def test_policies_and_rules(lb):
    lb.show("l7policy create --name away --action REDIRECT_TO_URL --redirect-url http://tea.org/ web")
    lb.lb("l7policy set --redirect-http-code 307 --description d away")
    assert lb.show("l7policy show away")["redirect_http_code"] == 307
    lb.lb("l7policy unset --description --redirect-http-code away")
    assert [one["name"] for one in lb.show("l7policy list")] == ["away"]
    rule = lb.show("l7rule create --type COOKIE --compare-type EQUAL_TO --key k --value v --invert away")[
        "id"
    ]
    lb.lb("l7rule set --value w away", rule)
    assert lb.show("l7rule show away", rule)["value"] == "w"
    lb.lb("l7rule unset --invert away", rule)
    (shown,) = lb.show("l7rule list away")
    assert shown["invert"] is False
    lb.lb("l7rule delete away", rule)
    lb.lb("l7policy delete away")


def test_flavors_zones_and_providers(lb):
    data = '{"compute_flavor": "amphora"}'
    lb.show("flavorprofile create --name fp --provider amphora --flavor-data", data, admin=True)
    lb.lb("flavorprofile set --name profile fp", admin=True)
    assert lb.show("flavorprofile show profile", admin=True)["flavor_data"] == data
    assert len(lb.show("flavorprofile list", admin=True)) == 1
    lb.show("flavor create --name f --flavorprofile profile --description d", admin=True)
    lb.lb("flavor set --disable f", admin=True)
    lb.lb("flavor unset --description f", admin=True)
    shown = lb.show("flavor show f")
    assert (shown["enabled"], shown["description"]) == (False, "")
    assert len(lb.show("flavor list")) == 1
    lb.lb("flavor delete f", admin=True)
    lb.lb("flavorprofile delete profile", admin=True)
    zone = '{"compute_zone": "nova"}'
    create = "availabilityzoneprofile create --name zp --provider amphora --availability-zone-data"
    lb.show(create, zone, admin=True)
    lb.lb("availabilityzoneprofile set --name zones zp", admin=True)
    assert lb.show("availabilityzoneprofile show zones", admin=True)["availability_zone_data"] == zone
    assert len(lb.show("availabilityzoneprofile list", admin=True)) == 1
    lb.show("availabilityzone create --name z --availabilityzoneprofile zones", admin=True)
    lb.lb("availabilityzone set --description d z", admin=True)
    lb.lb("availabilityzone unset --description z", admin=True)
    assert lb.show("availabilityzone show z")["description"] == ""
    assert len(lb.show("availabilityzone list")) == 1
    lb.lb("availabilityzone delete z", admin=True)
    lb.lb("availabilityzoneprofile delete zones", admin=True)
    assert "amphora" in {one["name"] for one in lb.show("provider list")}
    assert len(lb.show("provider capability list amphora", admin=True)) >= 5


def test_quotas(lb):
    lb.lb("quota set --loadbalancer 3 --pool 4 samovar", admin=True)
    assert lb.show("quota show samovar", admin=True)["pool"] == 4
    lb.lb("quota unset --pool samovar", admin=True)
    assert [one["load_balancer"] for one in lb.show("quota list", admin=True)] == [3]
    lb.lb("quota reset samovar", admin=True)
    assert lb.show("quota defaults show")["load_balancer"] == -1
    assert lb.show("quota list", admin=True) == []


def test_amphorae(lb):
    (row,) = lb.show("amphora list", admin=True)
    amphora = row["id"]
    lb.lb("amphora configure", amphora, admin=True)
    assert lb.show("amphora show", amphora, admin=True)["status"] == "ALLOCATED"
    refused = lb.lb("amphora delete", amphora, admin=True, status=1)
    assert "ERROR" in refused.stderr, refused.stderr
    lb.lb("amphora stats show", amphora, admin=True)
    lb.lb("amphora failover --wait", amphora, admin=True)
    lb.lb("failover --wait lb", admin=True)
    assert any(one["id"] != amphora for one in lb.show("amphora list", admin=True))


def test_secrets_orders_and_containers(recorder, tmp_path):
    stored = recorder.json("secret store --name words --payload tea --secret-type passphrase")["Secret href"]
    assert recorder.json("secret get --payload", stored)["Payload"] == "tea"
    recorder.json("secret list")
    empty = recorder.json("secret store --name later")["Secret href"]
    recorder.do("secret update", empty, "payload")
    assert recorder.json("secret get --payload", empty)["Payload"] == "payload"
    consumer = "--service-type-name image --resource-type image --resource-id 1"
    recorder.do(f"secret consumer create {consumer}", stored)
    assert len(recorder.json("secret consumer list", stored)) == 1
    recorder.do(f"secret consumer delete {consumer}", stored)
    box = recorder.json("secret container create --name box --secret", f"words={stored}")["Container href"]
    assert recorder.json("secret container get", box)["Name"] == "box"
    assert len(recorder.json("secret container list")) == 1
    recorder.do("secret container delete", box)
    order = recorder.json("secret order create key --name k --algorithm aes --bit-length 256 --mode cbc")
    href = order["Order href"]
    assert recorder.json("secret order get", href)["Status"] == "ACTIVE"
    assert len(recorder.json("secret order list")) == 1
    recorder.do("secret order delete", href)
    recorder.do("acl submit --user someone --no-project-access", stored)
    recorder.do("acl user add --user another", stored)
    recorder.do("acl user remove --user someone", stored)
    assert "another" in recorder.do("acl get", stored).stdout
    recorder.do("acl delete", stored)
    recorder.do("secret delete", stored)
    # There is no certificate authority, and the commands say so.
    recorder.do("ca list", status=1)
    recorder.do("ca get http://127.0.0.1/v1/cas/none", status=1)


def test_everything_goes(lb):
    lb.lb("healthmonitor delete hm")
    lb.lb("member delete pool m")
    lb.lb("pool delete pool")
    lb.lb("listener delete web")
    lb.lb("delete --wait lb")
    assert lb.show("list") == []


def test_no_command_was_left_out(recorder):
    """Last: what this file ran is all that the clients have."""
    listed = recorder.live.json("command", "list")
    known = {
        command
        for group in listed
        for command in group["Commands"]
        if command.split()[0] in GROUPS and not command.startswith("ca list --")
    }
    assert len(known) > 100
    left = {one for one in known if not any(f"{ran} ".startswith(f"{one} ") for ran in recorder.ran)}
    assert left == set()
