# SPDX-License-Identifier: Apache-2.0
"""The whole cloud on a database server and with memcached: the same template, the same result."""

from __future__ import annotations

import contextlib

import pytest

from clouds import new_cloud
from servers import databases
from servers.stores import Memcached

pytestmark = [pytest.mark.kernel, pytest.mark.clients]

TEMPLATE = """\
heat_template_version: 2021-04-16
parameters:
  names: {type: comma_delimited_list, default: [alpha, Alpha, "alpha ", "ümlaut 🫖"]}
conditions:
  many: {not: {equals: [{get_param: names}, []]}}
resources:
  network: {type: OS::Neutron::Net, properties: {name: Same}}
  subnet:
    type: OS::Neutron::Subnet
    properties: {network: {get_resource: network}, cidr: 10.9.8.0/24, enable_dhcp: false}
  ports:
    type: OS::Heat::ResourceGroup
    properties:
      count: 4
      resource_def:
        type: OS::Neutron::Port
        properties: {network: {get_resource: network}, name: "port-%index%"}
    depends_on: subnet
  server:
    type: OS::Nova::Server
    properties: {image: host, flavor: m1.nano, networks: [{network: {get_resource: network}}]}
    depends_on: ports
  values:
    type: OS::Heat::Value
    condition: many
    properties: {value: {str_split: [",", {list_join: [",", {get_param: names}]}]}}
outputs:
  names: {value: {get_attr: [values, value]}}
  addresses:
    value:
      yaql:
        expression: $.data.flatten().ip_address.orderBy($)
        data: {get_attr: [ports, fixed_ips]}
  flavor: {value: {get_attr: [server, show, flavor, original_name]}}
  status: {value: {get_attr: [server, show, status]}}
"""


def result(cloud, folder):
    """What is left when everything that is random in it is taken away."""
    file = folder / "same.yaml"
    file.write_text(TEMPLATE)
    cloud.openstack("stack", "create", "--wait", "-t", str(file), "same")
    try:
        shown = cloud.openstack_json("stack", "show", "same")
        rows = cloud.openstack_json("stack", "resource", "list", "-n", "2", "same")
        events = cloud.openstack_json("stack", "event", "list", "same")
        listed = cloud.openstack_json("port", "list", "--network", "Same", "--sort-column", "Name")
        return {
            "status": shown["stack_status"],
            "outputs": {one["output_key"]: one["output_value"] for one in shown["outputs"]},
            "resources": sorted(
                (row["resource_name"], row["resource_type"], row["resource_status"]) for row in rows
            ),
            "events": sorted((event["resource_name"], event["resource_status"]) for event in events),
            "ports": sorted(port["Name"] for port in listed),
        }
    finally:
        cloud.openstack("stack", "delete", "--yes", "--wait", "same")


@pytest.fixture(scope="module")
def expected(cloud, tmp_path_factory):
    return result(cloud, tmp_path_factory.mktemp("expected"))


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_same_template_gives_the_same_on_a_database_server(kind, expected, tmp_path):
    assert expected["outputs"]["names"] == ["alpha", "Alpha", "alpha ", "ümlaut 🫖"]
    memcached, cloud = Memcached(), new_cloud(tmp_path)
    config = tmp_path / "samovar.conf"
    config.write_text(
        f"[database]\nconnection = {databases.server(kind).new()}\n"
        f"[keystone_authtoken]\nmemcached_servers = {memcached.address}\n"
    )
    try:
        cloud.up("--config-file", str(config))
        assert result(cloud, tmp_path) == expected
        memcached.end()  # nothing depends on it
        assert cloud.openstack_json("stack", "list") == []
        assert not (cloud.state_dir / "samovar.db").exists()
        memory = cloud.samovar("db", "version", "--config-file", str(config))
        assert "The database is at revision 0001." in memory
    finally:
        with contextlib.suppress(Exception):
            cloud.samovar("down", "--purge")
        memcached.stop()
