# SPDX-License-Identifier: Apache-2.0
"""Security group rules: each lets something pass; what no rule lets pass is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, delete, select, update

from samovar.auth import Context

from . import security_groups
from .backend import Work
from .collection import bump
from .faults import refuse
from .kind import REQUIRED, Attribute, Kind, Preparation, Values, named, standard
from .protocols import ICMP, ICMPV6, ONLY_IPV6, WITH_PORTS, number
from .tables import groups, rules
from .values import anything, identity, integer, nullable, one_of, prefix

PORT = nullable(integer(0, 65535))

ATTRIBUTES = {
    **{name: attribute for name, attribute in named().items() if name != "name"},
    "security_group_id": Attribute(identity, REQUIRED, update=False),
    "direction": Attribute(one_of("ingress", "egress"), REQUIRED, update=False),
    "ethertype": Attribute(anything, "IPv4", update=False),
    "protocol": Attribute(anything, None, update=False),
    "port_range_min": Attribute(PORT, None, update=False),
    "port_range_max": Attribute(PORT, None, update=False),
    "remote_ip_prefix": Attribute(nullable(lambda value: str(prefix(value))), None, update=False),
    "remote_group_id": Attribute(nullable(identity), None, update=False),
    "remote_address_group_id": Attribute(nullable(one_of()), None, update=False),
}
SHOWN = (
    "security_group_id",
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


def readable(context: Context) -> Sequence[ColumnElement[bool]]:
    """Rules of groups that the bearer may read."""
    seen = security_groups.KIND.visible(context)
    if seen is None:
        return ()
    return (rules.c.security_group_id.in_(select(groups.c.id).where(seen)),)


def describe(connection: Connection, rows: Sequence[RowMapping], context: Context) -> list[dict[str, Any]]:
    described = []
    for row in rows:
        item = standard(row) | {name: row[name] for name in SHOWN}
        del item["name"]
        item["normalized_cidr"] = row["remote_ip_prefix"]
        item["remote_address_group_id"] = None
        described.append(item)
    return described


def create(work: Work, values: Values) -> str:
    group = security_groups.KIND.fetch(work.connection, values["security_group_id"], work.context)
    work.policy.enforce("create_security_group_rule", work.context, dict(group))
    work.spend("security_group_rule", rules, values["project_id"])
    values.pop("remote_address_group_id")
    _check(values)
    if values["remote_group_id"]:
        security_groups.KIND.fetch(work.connection, values["remote_group_id"], work.context)
    found = work.connection.execute(
        select(rules.c.id).where(
            rules.c.security_group_id == group["id"], rules.c.fingerprint == fingerprint(values)
        )
    ).scalar()
    if found is not None:
        raise refuse("SecurityGroupRuleExists", f"The group has this rule already. Rule id is {found}.")
    made = work.add(rules, fingerprint=fingerprint(values), **values)
    bump(work, security_groups.KIND, group["id"])
    work.touch("rules", group["id"])
    return made


def update_rule(work: Work, row: RowMapping, values: Values) -> None:
    if values:
        work.connection.execute(update(rules).where(rules.c.id == row["id"]).values(**values))


def delete_rule(work: Work, row: RowMapping) -> None:
    work.connection.execute(delete(rules).where(rules.c.id == row["id"]))
    bump(work, security_groups.KIND, row["security_group_id"])
    work.touch("rules", row["security_group_id"])


def insert_rule(
    work: Work,
    group_id: str,
    project_id: str,
    direction: str,
    ethertype: str,
    remote_group_id: str | None = None,
) -> str:
    """A rule that every group is born with."""
    values: Values = {
        "security_group_id": group_id,
        "project_id": project_id,
        "direction": direction,
        "ethertype": ethertype,
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": remote_group_id,
    }
    return work.add(rules, fingerprint=fingerprint(values), **values)


def fingerprint(values: Values) -> str:
    """What the rule means, so that two rules that mean the same are the same."""
    meaning = [
        values["direction"],
        values["ethertype"],
        number(values["protocol"], values["ethertype"]),
        values["port_range_min"],
        values["port_range_max"],
        values["remote_ip_prefix"],
        values["remote_group_id"],
    ]
    return msgspec.json.encode(meaning).decode()


def _check(values: Values) -> None:
    _check_ethertype(values)
    protocol = _protocol(values)
    low, high = values["port_range_min"], values["port_range_max"]
    if protocol in (ICMP, ICMPV6):
        if low is None and high is not None:
            raise refuse(
                "SecurityGroupMissingIcmpType", "An ICMP code needs a type (port_range_min) as well."
            )
        if max(low or 0, high or 0) > 255:
            raise refuse("SecurityGroupInvalidIcmpValue", "An ICMP type and code are at most 255.")
    elif low is not None or high is not None:
        if protocol is None:
            raise refuse("SecurityGroupProtocolRequiredWithPorts", "A port range needs a protocol.")
        if protocol not in WITH_PORTS:
            raise refuse(
                "SecurityGroupInvalidProtocolForPort", f"The protocol {values['protocol']} has no ports."
            )
        if low is None or high is None or low > high:
            raise refuse("SecurityGroupInvalidPortRange", f"{low} to {high} is no port range.")
        if low == 0 and protocol in (6, 17) and high == 0:
            raise refuse("SecurityGroupInvalidPortValue", "0 is no port.")
    remote = values["remote_ip_prefix"]
    if remote and values["remote_group_id"]:
        raise refuse(
            "SecurityGroupRemoteGroupAndRemoteIpPrefix", "Give remote_ip_prefix or remote_group_id, not both."
        )
    if remote and f"IPv{prefix(remote).version}" != values["ethertype"]:
        raise refuse(
            "SecurityGroupRuleParameterConflict", f"{remote} is not of ethertype {values['ethertype']}."
        )


def _check_ethertype(values: Values) -> None:
    given = values["ethertype"]
    known = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(str(given or "IPv4").lower())
    if known is None:
        raise refuse("SecurityGroupRuleInvalidEtherType", f"The ethertype is IPv4 or IPv6, not {given!r}.")
    values["ethertype"] = known


def _protocol(values: Values) -> int | None:
    """The number of the rule's protocol, its name put into the usual form."""
    given = values["protocol"]
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if given in (None, "", "any", "-1"):
        values["protocol"] = None
        return None
    if not isinstance(given, str):
        raise refuse("SecurityGroupRuleInvalidProtocol", f"{given!r} is no protocol.")
    given = given.lower()
    try:
        found = number(given, values["ethertype"])
    except KeyError:
        raise refuse(
            "SecurityGroupRuleInvalidProtocol",
            f"The protocol {given!r} is not known; give its number (0 to 255) or a name such as tcp.",
        ) from None
    if found in ONLY_IPV6 and values["ethertype"] == "IPv4":
        raise refuse("SecurityGroupEthertypeConflictWithProtocol", f"The protocol {given} is of IPv6 only.")
    values["protocol"] = "ipv6-icmp" if given == "icmpv6" else given
    return found


KIND = Kind(
    name="security_group_rule",
    plural="security_group_rules",
    path="security-group-rules",
    table=rules,
    missing="SecurityGroupRuleNotFound",
    attributes=ATTRIBUTES,
    describe=describe,
    create=create,
    update=update_rule,
    delete=delete_rule,
    readable=readable,
    unlisted=frozenset({"fingerprint", "name"}),
    taggable=False,
    preparation=Preparation(
        lambda connection, context: security_groups.DEFAULT_OF_CALLER.missing(connection, context),
        lambda work: security_groups.DEFAULT_OF_CALLER.make(work),
    ),
)
