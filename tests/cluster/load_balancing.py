# SPDX-License-Identifier: Apache-2.0
"""Load balancing in the guide's cluster for a while: A carries networks, servers, images and Octavia's API,
B and C each have a worker, B hears the amphorae."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator

from cluster.cluster import ADDRESSES, ROOT, Cluster, Service
from deploy.machines import do

ON_A = {"network": 9696, "compute": 8774, "glance-api": 9292, "octavia-api": 9876}
CONF = """\
[network]
bind_host = 10.0.0.1
[compute]
bind_host = 10.0.0.1
[image]
bind_host = 10.0.0.1
[api_settings]
bind_host = 10.0.0.1
[health_manager]
bind_ip = {address}
controller_ip_port_list = 10.0.0.2:5555
[samovar]
external_cidr = {external}
"""
WORKERS = ("octavia-worker@b", "octavia-worker@c", "octavia-health-manager@b")


@contextlib.contextmanager
def load_balancing(made: Cluster) -> Iterator[None]:
    """Its processes, gone afterwards with all that they made."""
    external = f"172.{random.randint(25, 30)}.{random.randint(0, 255)}.0/24"
    do(*made.on("a"), "sysctl", "-qw", "net.ipv4.ip_forward=1")
    before = {}
    for name in ("a", "b", "c"):
        conf = made.folder / name / "heat.conf"
        before[conf] = conf.read_text()
        conf.write_text(before[conf] + CONF.format(address=ADDRESSES[name], external=external))
    for name in ("b", "c"):
        do(*made.on(name), "ip", "route", "add", external, "via", ADDRESSES["a"])
    state = str(made.folder / "cloud")
    options = ("--config-file", str(made.folder / "a" / "heat.conf"), "--state-dir", state)
    cloud = made.process("a", "serve", "cloud@a", *ON_A, *options)
    made.services["cloud@a"] = Service("a", tuple(ON_A), cloud)
    try:
        for label in WORKERS:
            service, _, machine = label.partition("@")
            made.serve(machine, service)
        for port in ON_A.values():
            made.ready("cloud@a", port)
        yield
    finally:
        for label in ("cloud@a", *WORKERS):
            if label in made.services:
                process = made.services.pop(label).process
                process.kill()
                process.wait()
        command = [*made.on("a"), sys.executable, "-m", "samovar.cli.main", "down", "--purge"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        subprocess.run([*command, "--state-dir", state], env=environment, check=True, timeout=60)
        for name in ("b", "c"):
            do(*made.on(name), "ip", "route", "del", external)
        for conf, text in before.items():
            conf.write_text(text)
