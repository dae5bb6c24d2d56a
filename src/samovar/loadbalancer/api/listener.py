# SPDX-License-Identifier: Apache-2.0
"""A listener: its fields, its defaults, and what may go together in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from samovar.config import LoadBalancerSettings

from ..tables import amphorae, listeners
from ..tree_loading import ends_tls
from . import l7policies as policy_list
from . import pools as pool_list
from . import values
from .change import Change, Row
from .faults import bad, refuse, unsupported
from .fields import REFUSED, SETTING, Field, Fields, Values, common, created
from .members import addresses_of
from .security import check_ciphers, check_versions

PROTOCOLS = ("HTTP", "HTTPS", "PROMETHEUS", "SCTP", "TCP", "TERMINATED_HTTPS", "UDP")
AUTHENTICATIONS = ("MANDATORY", "NONE", "OPTIONAL")
HEADERS = (
    "X-Forwarded-For",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-IP",
    "X-Client-IP",
    "X-Real-IP",
)
TLS_HEADERS = (
    "X-SSL-Client-Verify",
    "X-SSL-Client-Has-Cert",
    "X-SSL-Client-DN",
    "X-SSL-Client-CN",
    "X-SSL-Issuer",
    "X-SSL-Client-SHA1",
    "X-SSL-Client-Not-Before",
    "X-SSL-Client-Not-After",
)
LONGEST_TIMEOUT = 2_073_600_000
ENDS_TLS = "TERMINATED_HTTPS"
OF_TLS = (
    "default_tls_container_ref",
    "sni_container_refs",
    "client_ca_tls_container_ref",
    "client_crl_container_ref",
    "hsts_max_age",
    "hsts_include_subdomains",
    "hsts_preload",
)
NOT_STORED = ("loadbalancer_id", "project_id", "tenant_id", "default_pool", "l7policies")


def listener_fields(settings: LoadBalancerSettings) -> Fields:
    """The fields of a listener, with the operator's defaults."""
    timeout = values.integer(0, LONGEST_TIMEOUT)

    def policy(value: Any) -> Values:
        return created("listener_", "l7policies", value, policy_list.FIELDS, graph=True)

    def default_pool(value: Any) -> Values:
        return policy_list.pool_or_name("default_pool", value)

    return {
        **common(),
        "loadbalancer_id": Field(values.identity, required=True, update=False, graph=False),
        "protocol": Field(values.one_of(*PROTOCOLS), required=True, update=False),
        "protocol_port": Field(values.integer(1, 65535), required=True, update=False),
        "connection_limit": Field(values.integer(-1), -1),
        "default_tls_container_ref": Field(values.text()),
        "sni_container_refs": Field(values.distinct(values.text()), []),
        "default_pool_id": Field(values.identity),
        "default_pool": Field(default_pool, update=False),
        "l7policies": Field(values.list_of(policy), [], update=False),
        "insert_headers": Field(values.string_map((*HEADERS, *TLS_HEADERS)), {}, null={}),
        "timeout_client_data": Field(timeout, settings.timeout_client_data),
        "timeout_member_connect": Field(timeout, settings.timeout_member_connect),
        "timeout_member_data": Field(timeout, settings.timeout_member_data),
        "timeout_tcp_inspect": Field(timeout, settings.timeout_tcp_inspect),
        "client_ca_tls_container_ref": Field(values.text()),
        "client_authentication": Field(values.one_of(*AUTHENTICATIONS), "NONE", null=REFUSED),
        "client_crl_container_ref": Field(values.text()),
        "allowed_cidrs": Field(values.distinct(values.cidr)),
        "tls_ciphers": Field(values.ciphers, SETTING, null=SETTING),
        "tls_versions": Field(values.distinct(values.one_of(*values.TLS_VERSIONS)), SETTING, null=SETTING),
        "alpn_protocols": Field(
            values.distinct(values.one_of(*values.ALPN_PROTOCOLS)), SETTING, null=SETTING
        ),
        "hsts_max_age": Field(values.integer(0)),
        "hsts_include_subdomains": Field(values.boolean, False),
        "hsts_preload": Field(values.boolean, False),
    }


def add_listener(change: Change, lb: Row, generation: int, given: Values) -> str:
    """A new listener, without its policies. Raises 400, 403 (quota), 404, 409."""
    listener = {name: value for name, value in given.items() if name not in NOT_STORED}
    protocol, port = listener["protocol"], listener["protocol_port"]
    if protocol == ENDS_TLS:
        if not change.settings.allow_tls_terminated_listeners:
            raise bad("Listeners of protocol TERMINATED_HTTPS are switched off here.")
        if not listener["default_tls_container_ref"] and not listener["sni_container_refs"]:
            raise bad("A TERMINATED_HTTPS listener needs a default_tls_container_ref or sni_container_refs.")
    if protocol == "PROMETHEUS" and not change.settings.allow_prometheus_listeners:
        raise bad("Listeners of protocol PROMETHEUS are switched off here.")
    _refuse_what_hosts_lack(change, lb, protocol)
    secure_listener(change, listener)
    check_listener(change, lb, listener)
    for other in change.alive(
        listeners, listeners.c.load_balancer_id == lb["id"], listeners.c.protocol_port == port
    ):
        if transport(other["protocol"]) == transport(protocol):
            raise refuse(
                409,
                f"Another Listener on this Load Balancer is already using protocol {other['protocol']} "
                f"and protocol_port {port}",
            )
    change.spend("listener", lb["project_id"])
    return change.add(listeners, lb, generation, **listener)


def _refuse_what_hosts_lack(change: Change, lb: Row, protocol: str) -> None:
    """Raise 501 where no host of the load balancer's amphorae (or of all, while it has none) can carry the
    protocol."""
    if protocol not in ("UDP", "SCTP"):
        return
    columns = amphorae.c
    known = change.connection.execute(select(columns.load_balancer_id, columns.lacks)).all()
    rows = [row[1] or {} for row in known if row[0] == lb["id"]] or [row[1] or {} for row in known]
    if rows and all(protocol in row for row in rows):
        raise unsupported(lb["provider"], rows[0][protocol])


def transport(protocol: str) -> str:
    """What is below the protocol: listeners share ports only across these."""
    return protocol if protocol in ("UDP", "SCTP") else "TCP"


def secure_listener(change: Change, listener: Values) -> None:
    """Fill in the defaults of TLS, where the listener ends it. Raises 400."""
    settings, ends = change.settings, ends_tls(listener)
    defaults: dict[str, tuple[Any, Any]] = {
        "tls_ciphers": (settings.default_listener_ciphers, None),
        "tls_versions": (list(settings.default_listener_tls_versions), []),
        "alpn_protocols": (list(settings.default_listener_alpn_protocols), []),
    }
    for name, (default, plain) in defaults.items():
        if listener.get(name, SETTING) is SETTING:
            listener[name] = default if ends else plain
    check_ciphers(settings, listener["tls_ciphers"])
    check_versions(settings, listener["tls_versions"], empty=not ends)


def check_listener(change: Change, lb: Row, listener: Row) -> None:
    """Raise 400 or 404 unless all that the listener says goes together."""
    protocol = listener["protocol"]
    if not ends_tls(listener):
        given = [name for name in OF_TLS if listener[name]]
        if listener["client_authentication"] != "NONE":
            given.append("client_authentication")
        if listener["hsts_max_age"] is not None and "hsts_max_age" not in given:
            given.append("hsts_max_age")
        if given:
            bare = " without one" if protocol == "PROMETHEUS" else ""
            raise bad(
                "Only TERMINATED_HTTPS listeners, and PROMETHEUS ones with a certificate, have "
                f"{', '.join(given)}; this one is {protocol}{bare}."
            )
    _check_headers(protocol, listener["insert_headers"])
    if listener["client_authentication"] != "NONE" and not listener["client_ca_tls_container_ref"]:
        raise bad("The client_authentication needs a client_ca_tls_container_ref.")
    if listener["client_crl_container_ref"] and not listener["client_ca_tls_container_ref"]:
        raise bad("A client_crl_container_ref needs a client_ca_tls_container_ref.")
    if listener["hsts_max_age"] is None and (listener["hsts_include_subdomains"] or listener["hsts_preload"]):
        raise bad("hsts_include_subdomains and hsts_preload need an hsts_max_age.")
    _check_cidrs(lb, listener["allowed_cidrs"])
    if listener["default_pool_id"]:
        if protocol == "PROMETHEUS":
            raise bad("A PROMETHEUS listener has no default pool.")
        pool = pool_list.pool_in(change, lb["id"], listener["default_pool_id"])
        pool_list.check_fit(protocol, pool["protocol"])


def _check_headers(protocol: str, wanted: Mapping[str, str]) -> None:
    if wanted and protocol not in ("HTTP", ENDS_TLS):
        raise bad(f"Only HTTP and TERMINATED_HTTPS listeners insert headers; this one is {protocol}.")
    secure = [name for name in wanted if name in TLS_HEADERS]
    if secure and protocol != ENDS_TLS:
        raise bad(f"Only TERMINATED_HTTPS listeners insert {', '.join(secure)}.")


def _check_cidrs(lb: Row, wanted: list[str] | None) -> None:
    if not wanted:
        return
    if lb["vip_sg_ids"]:
        raise bad("A load balancer with vip_sg_ids cannot have listeners with allowed_cidrs.")
    families = {ipaddress.ip_address(address).version for address in addresses_of(lb)}
    for cidr in wanted:
        if ipaddress.ip_network(cidr).version not in families:
            raise bad(f"The allowed CIDR {cidr} is of another IP version than the load balancer's addresses.")
