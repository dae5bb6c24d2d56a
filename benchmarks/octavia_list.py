# SPDX-License-Identifier: Apache-2.0
"""Requests per CPU second of the real octavia-api with its no-op driver, in process, over a SQLite file.

Run by ``loadbalancer_list.py --octavia PYTHON`` with the Python of an environment in which Octavia is
installed (``pip install octavia``); prints what it measured as JSON.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

PROJECT = "red"


def application(folder: Path) -> Any:
    """octavia-api, configured as its own functional tests do: no authentication, no-op drivers."""
    config = folder / "octavia.conf"
    config.write_text(
        f"""
[DEFAULT]
log_file = {folder / "octavia.log"}
[database]
connection = sqlite:///{folder / "octavia.db"}
[api_settings]
auth_strategy = noauth
default_provider_driver = noop_driver
enabled_provider_drivers = noop_driver:No-op
[controller_worker]
network_driver = network_noop_driver
[oslo_messaging]
topic = benchmark
"""
    )
    from octavia.api import app
    from oslo_config import cfg

    # SQLAlchemy's pool for SQLite files takes no timeout; Octavia's tests leave it out as well.
    cfg.CONF.set_override("pool_timeout", None, group="database")
    return app.setup_app(argv=["octavia-api", "--config-file", str(config)])


def fill(count: int) -> list[str]:
    """Tables with `count` load balancers of one listener, pool, monitor and two members each; their ids."""
    from octavia.common import constants
    from octavia.db import api, base_models, models

    base_models.BASE.metadata.create_all(api.get_engine())
    session = api.get_session()
    ids = [str(uuid.uuid4()) for _ in range(count)]
    with session.begin():
        for names, model in (
            (constants.SUPPORTED_PROVISIONING_STATUSES, models.ProvisioningStatus),
            (constants.SUPPORTED_OPERATING_STATUSES, models.OperatingStatus),
            (constants.SUPPORTED_LB_TOPOLOGIES, models.LBTopology),
            (constants.SUPPORTED_PROTOCOLS, models.Protocol),
            (constants.SUPPORTED_LB_ALGORITHMS, models.Algorithm),
            (constants.SUPPORTED_HEALTH_MONITOR_TYPES, models.HealthMonitorType),
            (constants.SUPPORTED_CLIENT_AUTH_MODES, models.ClientAuthenticationMode),
        ):
            session.add_all(model(name=name) for name in names)
    with session.begin():
        for number, identity in enumerate(ids):
            session.add(
                models.LoadBalancer(
                    id=identity,
                    project_id=PROJECT,
                    name=f"lb{number}",
                    description="",
                    provisioning_status="ACTIVE",
                    operating_status="ONLINE",
                    enabled=True,
                    topology="SINGLE",
                    provider="noop_driver",
                )
            )
            session.add(
                models.Vip(
                    load_balancer_id=identity,
                    ip_address="10.0.0.2",
                    port_id=str(uuid.uuid4()),
                    network_id=str(uuid.uuid4()),
                    subnet_id=str(uuid.uuid4()),
                )
            )
            session.flush()
            common = {
                "project_id": PROJECT,
                "provisioning_status": "ACTIVE",
                "operating_status": "ONLINE",
                "enabled": True,
            }
            pool = str(uuid.uuid4())
            session.add(
                models.Pool(
                    id=pool,
                    load_balancer_id=identity,
                    name="p",
                    protocol="HTTP",
                    lb_algorithm="ROUND_ROBIN",
                    tls_enabled=False,
                    **common,
                )
            )
            session.flush()
            session.add(
                models.Listener(
                    id=str(uuid.uuid4()),
                    load_balancer_id=identity,
                    default_pool_id=pool,
                    name="l",
                    protocol="HTTP",
                    protocol_port=80,
                    connection_limit=-1,
                    **common,
                )
            )
            session.add(
                models.HealthMonitor(
                    id=str(uuid.uuid4()),
                    pool_id=pool,
                    type="TCP",
                    delay=1,
                    timeout=1,
                    fall_threshold=1,
                    rise_threshold=1,
                    **common,
                )
            )
            for port in (80, 81):
                session.add(
                    models.Member(
                        id=str(uuid.uuid4()),
                        pool_id=pool,
                        ip_address="10.0.0.9",
                        protocol_port=port,
                        weight=1,
                        backup=False,
                        **common,
                    )
                )
    return ids


def ask(app: Any, path: str, query: str = "") -> bytes:
    """The body of one answer."""
    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "benchmark",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_ACCEPT": "application/json",
        "HTTP_X_PROJECT_ID": PROJECT,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    body = b"".join(app(environ, lambda line, _headers, _error=None: status.append(line)))
    assert status[0].startswith("200"), (status, body)
    return body


def rate(app: Any, times: int, path: str, query: str = "") -> float:
    """Requests per CPU second, in the best round."""
    ask(app, path, query)
    best = 0.0
    for _ in range(3 * times):
        began = time.process_time()
        ask(app, path, query)
        best = max(best, 1 / (time.process_time() - began))
    return best


def main() -> None:
    count = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        app = application(Path(directory))
        ids = fill(count)
        path = "/v2.0/lbaas/loadbalancers"
        assert len(json.loads(ask(app, path))["loadbalancers"]) == count
        measured = {
            f"list of {count}": rate(app, 10, path),
            "list of 10": rate(app, 40, path, "limit=10"),
            "one": rate(app, 80, f"{path}/{ids[0]}"),
            "listeners, 100": rate(app, 10, "/v2.0/lbaas/listeners", "limit=100"),
            "pools, 100": rate(app, 10, "/v2.0/lbaas/pools", "limit=100"),
        }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
