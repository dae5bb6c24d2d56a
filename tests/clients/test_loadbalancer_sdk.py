# SPDX-License-Identifier: Apache-2.0
"""openstacksdk's load balancing proxy against the real thing: every kind, in one program."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from clouds import ROOT

pytestmark = [pytest.mark.clients, pytest.mark.kernel]

PROGRAM = """
import json, openstack

me, boss = openstack.connect(cloud="samovar"), openstack.connect(cloud="samovar-admin")
api, admin, found = me.load_balancer, boss.load_balancer, {}
net = me.network.create_network(name="sdk")
subnet = me.network.create_subnet(name="sdk", network_id=net.id, cidr="10.9.0.0/24", ip_version=4)
data = '{"loadbalancer_topology": "SINGLE"}'
profile = admin.create_flavor_profile(name="p", provider_name="amphora", flavor_data=data)
flavor = admin.create_flavor(name="f", flavor_profile_id=profile.id)
lb = api.create_load_balancer(
    name="sdk",
    vip_subnet_id=subnet.id,
    flavor_id=flavor.id,
    tags=["a"],
    listeners=[
        {
            "name": "web",
            "protocol": "HTTP",
            "protocol_port": 80,
            "default_pool": {
                "name": "pool",
                "protocol": "HTTP",
                "lb_algorithm": "ROUND_ROBIN",
                "members": [{"address": "10.9.0.9", "protocol_port": 80}],
                "healthmonitor": {"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1},
            },
        }
    ],
)
lb = api.wait_for_load_balancer(lb.id, interval=0.2, wait=60)
found["created"] = [lb.provisioning_status, lb.vip_address[:5], lb.flavor_id == flavor.id, lb.tags]
found["updated"] = api.update_load_balancer(lb, name="sdk2", description="d").name
found["found"] = api.find_load_balancer("sdk2").id == lb.id
found["stats"] = api.get_load_balancer_statistics(lb.id).bytes_in
listener = api.find_listener("web")
found["listener"] = api.update_listener(listener, connection_limit=5).connection_limit
found["listener stats"] = api.get_listener_statistics(listener.id).total_connections
pool = api.find_pool("pool")
found["pool"] = api.update_pool(pool, lb_algorithm="LEAST_CONNECTIONS").lb_algorithm
member = next(api.members(pool))
found["member"] = api.update_member(member, pool, weight=9).weight
another = api.create_member(pool, address="10.9.0.8", protocol_port=80, name="m2")
found["find member"] = api.find_member("m2", pool).id == another.id
api.delete_member(another, pool)
monitor = next(api.health_monitors())
found["monitor"] = api.update_health_monitor(monitor, delay=2).delay
policy = api.create_l7_policy(listener_id=listener.id, action="REJECT", name="no")
rule = api.create_l7_rule(policy, type="PATH", compare_type="EQUAL_TO", value="/no")
found["rule"] = api.update_l7_rule(rule, policy, rule_value="/never").rule_value
found["rules"] = len(list(api.l7_rules(policy)))
api.delete_l7_rule(rule, policy)
api.delete_l7_policy(policy)
found["providers"] = sorted(one.name for one in api.providers())
found["capabilities"] = len(list(admin.provider_flavor_capabilities("amphora"))) > 3
zone = '{"compute_zone": "nova"}'
zones = admin.create_availability_zone_profile(
    name="z", provider_name="amphora", availability_zone_data=zone
)
admin.create_availability_zone(name="az", availability_zone_profile_id=zones.id)
found["zones"] = [one.name for one in api.availability_zones()]
admin.delete_availability_zone("az")
admin.delete_availability_zone_profile(zones)
project = me.current_project_id
found["quota"] = admin.update_quota(project, pools=7).pools
admin.delete_quota(project)
amphora = next(admin.amphorae(loadbalancer_id=lb.id))
found["amphora"] = admin.get_amphora(amphora.id).status
admin.configure_amphora(amphora.id)
admin.failover_load_balancer(lb.id)
api.wait_for_load_balancer(lb.id, interval=0.2, wait=60)
found["another amphora"] = any(one.id != amphora.id for one in admin.amphorae(loadbalancer_id=lb.id))
# Changes of members all at once: who is not named goes.
api.put("/lbaas/pools/%s/members" % pool.id, json={"members": [{"address": "10.9.0.7", "protocol_port": 81}]})
api.wait_for_load_balancer(lb.id, interval=0.2, wait=60)
found["batch"] = [(one.address, one.protocol_port) for one in api.members(pool)]
api.delete_load_balancer(lb.id, cascade=True)
import time
deadline = time.monotonic() + 60
while list(api.load_balancers()) and time.monotonic() < deadline:
    time.sleep(0.2)
found["left"] = len(list(api.load_balancers())) + len(list(api.pools()))
admin.delete_flavor(flavor)
admin.delete_flavor_profile(profile)
me.network.delete_network(net)
print(json.dumps(found))
"""


def test_the_load_balancing_proxy(cloud):
    folder = Path(os.environ.get("SAMOVAR_CLIENTS") or ROOT / ".venv-clients" / "bin")
    environment = {**os.environ, **cloud.environment}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(folder / "python"), "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "created": ["ACTIVE", "10.9.", True, ["a"]],
        "updated": "sdk2",
        "found": True,
        "stats": 0,
        "listener": 5,
        "listener stats": 0,
        "pool": "LEAST_CONNECTIONS",
        "member": 9,
        "find member": True,
        "monitor": 2,
        "rule": "/never",
        "rules": 1,
        "providers": ["amphora", "octavia"],
        "capabilities": True,
        "zones": ["az"],
        "quota": 7,
        "amphora": "ALLOCATED",
        "another amphora": True,
        "batch": [["10.9.0.7", 81]],
        "left": 0,
    }
