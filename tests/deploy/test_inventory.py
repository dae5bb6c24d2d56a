# SPDX-License-Identifier: Apache-2.0
import re
import subprocess

import pytest
import yaml

from samovar.deploy import InventoryError, read_inventory, write_all

A = {"name": "a", "address": "10.0.0.1", "roles": ["endpoint", "controller", "database"]}
B = {"name": "b", "address": "10.0.0.2", "roles": ["endpoint", "controller", "database"]}
C = {"name": "c", "address": "10.0.0.3", "roles": ["controller", "compute", "database"]}
WHOLE = {"nodes": [A, B, C], "virtual": {"internal": "10.0.0.100/24"}}


def check(text, tmp_path):
    file = tmp_path / "checked.cfg"
    file.write_text(text)
    done = subprocess.run(["haproxy", "-c", "-f", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "parsing" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"nodes": [{**A, "roles": ["endpoints"]}]}, "a: there is no role 'endpoints'; did you mean 'endpoint'?"),
        ({"nodes": [{**A, "address": "ten"}]}, "the address of a: 'ten' is not an IP address"),
        ({"nodes": [{**A, "name": "a b"}]}, "'a b' is not a name of a machine"),
        ({"nodes": [A, A]}, "two machines are called a"),
        ({"nodes": [C]}, "no machine has the role 'endpoint'"),
        ({"services": {"orchestration": {}}}, "did you mean 'orchestration-api'?"),
        ({"services": {"identity": {"port": 8004}}}, "both want port 8004"),
        ({"proxy": {"balance": "best"}}, "Invalid enum value 'best' - at `$.proxy.balance`"),
        ({"proxy": {"colour": 1}}, "unknown field `colour` - at `$.proxy`"),
        ({"proxy": {"timeouts": {"server": "60s"}}}, "server (60s) must be at least a fifth longer than api"),
        ({"proxy": {"check": {"inter": "2000"}}}, "'2000' is not a duration"),
        ({"proxy": {"check": {"path": "/a b\nserver x"}}}, "is not the path of a URL"),
        ({"proxy": {"run_dir": "/run/x\n  y"}}, "must be without spaces"),
        ({"virtual": {"internal": "10.0.0.1"}}, "one endpoint's own address 10.0.0.1"),
        ({"virtual": {"internal": "10.0.0.9", "public": "10.0.0.9"}}, "are the same address"),
        ({"nodes": [A], "virtual": {"internal": "10.0.0.1"}}, "where its proxy is to listen"),
        ({"nodes": [{"name": "a", "address": "10.0.0.1", "roles": ["endpoint"]}], "database": {"kind": "galera"}},
         "no machine has the role 'database'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(inventory_file, change, sentence):
    with pytest.raises(InventoryError) as refused:
        read_inventory(inventory_file(**{**WHOLE, **change}))
    assert sentence in str(refused.value)


@pytest.mark.parametrize("balance", ["source", "roundrobin", "leastconn"])
@pytest.mark.parametrize("kind", ["galera", "postgresql"])
def test_every_choice_gives_a_file_that_haproxy_takes(inventory_file, tmp_path, balance, kind):
    for tcpka in (True, False):
        for check_kind in ("http", "tcp", "none"):
            document = {
                **WHOLE,
                "proxy": {
                    "balance": balance,
                    "tcpka": tcpka,
                    "check": {"kind": check_kind, "inter": "2s", "rise": 2, "fall": 5},
                },
                "database": {"kind": kind, "failback": tcpka},
                "virtual": {"internal": "10.0.0.100/24", "public": "192.0.2.10/24"},
            }
            inventory = read_inventory(inventory_file(**document))
            write_all(inventory, tmp_path / "out")
            text = (tmp_path / "out" / "a" / "haproxy.cfg").read_text()
            check(text, tmp_path)
            assert (f"balance {balance}" in text, "option srvtcpka\n    http-error" in text) == (True, tcpka)
            assert {502, 503, 504} == {
                int(one) for one in re.findall(r"http-error status (\d+) content", text)
            }
            assert ("option httpchk\n" in text) == (check_kind == "http")
            assert ("inter 2s fastinter 20ms downinter 1s rise 2 fall 5" in text) == (check_kind != "none")


def test_the_galera_section_is_the_documents_with_a_check_that_works(inventory_file, tmp_path):
    document = {**WHOLE, "database": {"kind": "galera", "inter": "2s", "rise": 2, "fall": 5}}
    write_all(read_inventory(inventory_file(**document)), tmp_path)
    lines = (tmp_path / "b" / "haproxy.cfg").read_text().partition("listen database")[2].splitlines()
    words = [line.strip() for line in lines]
    assert "bind 10.0.0.100:3306" in words
    assert "server a 10.0.0.1:3306" in words
    assert "server b 10.0.0.2:3306 backup" in words and "server c 10.0.0.3:3306 backup" in words
    default = next(word for word in words if word.startswith("default-server"))
    assert "check port 9200 inter 2s fastinter 500ms rise 2 fall 5" in default
    assert "timeout check 2s" in words, "a busy node is not a dead one, however often it is asked"


def test_one_endpoint_under_its_own_address_needs_no_moving_address(inventory_file, tmp_path):
    nodes = [{"name": "a", "address": "10.0.0.1", "roles": ["endpoint"]}, {**C, "roles": ["controller"]}]
    inventory = read_inventory(inventory_file(nodes=nodes, virtual={"internal": "10.0.0.1"}))
    names = {path.name for path in write_all(inventory, tmp_path)}
    assert names == {"haproxy.cfg", "samovar-proxy.service"}


def test_pacemaker_is_told_that_an_address_is_only_where_a_proxy_lives(inventory_file, tmp_path):
    virtual = {"internal": "10.0.0.100/24", "public": "2001:db8::10/64"}
    write_all(read_inventory(inventory_file(**{**WHOLE, "virtual": virtual})), tmp_path)
    pcs = (tmp_path / "a" / "pacemaker.pcs.sh").read_text()
    assert "constraint colocation add vip-internal with lb-haproxy-clone INFINITY" in pcs
    assert "constraint order start vip-public then lb-haproxy-clone kind=Optional" in pcs
    assert "ocf:heartbeat:IPv6addr ipv6addr=2001:db8::10 cidr_netmask=64" in pcs
    crm = (tmp_path / "a" / "pacemaker.crm").read_text()
    assert "colocation vip-internal-with-proxy inf: vip-internal lb-haproxy-clone" in crm


def test_keepalived_takes_its_file(inventory_file, tmp_path):
    virtual = {"internal": "10.0.0.100/24", "public": {"address": "192.0.2.10/24", "interface": "eth1"}}
    write_all(read_inventory(inventory_file(**{**WHOLE, "virtual": virtual})), tmp_path)
    for name, priority, peer in (("a", 150, "10.0.0.2"), ("b", 140, "10.0.0.1")):
        file = tmp_path / name / "keepalived.conf"
        text = file.read_text()
        assert text.count(f"priority {priority}") == 2 and text.count(f"        {peer}\n") == 2
        log = tmp_path / "log"
        done = subprocess.run(
            ["keepalived", f"--config-test={log}", "-f", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        complaints = (
            [
                line
                for line in log.read_text().splitlines()
                if "eth" not in line and "Non-existent interface" not in line
            ]
            if log.exists()
            else []
        )
        assert complaints == [], (done.returncode, complaints)


def test_the_shipped_inventory_is_one(tmp_path):
    from clouds import ROOT

    for file in sorted((ROOT / "examples" / "cluster").glob("*.yaml")):
        inventory = read_inventory(file)
        document = yaml.safe_load(file.read_text())
        assert len(inventory.nodes) == len(document["nodes"])
        write_all(inventory, tmp_path / file.stem)


def test_the_guides_inventory_is_one(tmp_path):
    from clouds import ROOT

    text = (ROOT / "docs" / "operating.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "cluster.yaml").write_text(text)
    inventory = read_inventory(tmp_path / "cluster.yaml")
    write_all(inventory, tmp_path / "out")
    check(
        (tmp_path / "out" / "controller2" / "haproxy.cfg").read_text().replace("user haproxy", ""), tmp_path
    )


def test_an_api_must_say_long_enough_that_it_ends(inventory_file, tmp_path, capsys):
    from samovar.cli.main import main

    document = {**WHOLE, "proxy": {"check": {"inter": "2s", "rise": 2, "fall": 5}}}
    arguments = ["--inventory", str(inventory_file(**document)), "--output", str(tmp_path / "out")]
    assert main(["deploy", "proxy", *arguments]) == 0
    assert "set [samovar] drain_seconds = 10 there" in capsys.readouterr().out
