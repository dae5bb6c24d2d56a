# SPDX-License-Identifier: Apache-2.0
"""Why a load balancer is as it is: from what the amphorae said last, and what workers were asked for.

Whoever may see the load balancer sees which amphora holds the VIP and what it says of the members; where
amphorae are in the cloud is for administrators. Neither contains anything secret.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, select

from ..operations import OPEN
from ..tables import amphorae, health_monitors, listeners, members, operations, pools, reports
from .checks import meaning_of
from .views import moment

SILENT_SECONDS = 25.0  # what an amphora says is noted every 10 seconds when it is nothing new
HEALTHY, DEGRADED, FAILED, WAITING = "healthy", "degraded", "failed", "waiting"
WELL = ("ONLINE", "NO_MONITOR", "DRAINING")
Shown = dict[str, Any]


def explain(connection: Connection, lb: RowMapping, now: datetime.datetime, sees_amphorae: bool) -> Shown:
    """The whole answer for one load balancer."""
    carriers = _amphorae(connection, lb, now, sees_amphorae)
    checks = _checks(connection, lb)
    listened = _listeners(connection, lb)
    served = _pools(connection, lb, checks)
    waits, last_failure = _work(connection, lb)
    holder, problems = _holder(carriers, lb)
    problems += _problems(lb, listened, served)
    if last_failure is not None and lb["status_reason"]:
        problems.insert(0, {"what": f"the last {last_failure['kind']}", "says": lb["status_reason"],
                            "advice": "", "request_id": last_failure["request_id"]})  # fmt: skip
    elif lb["status_reason"]:
        advice = "It is left out until it is corrected; everything else is carried."
        problems.insert(0, _problem("what the amphorae do not carry", lb["status_reason"], advice))
    return {
        "id": lb["id"],
        "name": lb["name"],
        "provisioning_status": lb["provisioning_status"],
        "operating_status": lb["operating_status"],
        "admin_state_up": lb["admin_state_up"],
        "topology": lb["topology"],
        "verdict": _verdict(lb, problems, waits),
        "vip": {"address": lb["vip_address"], "holder": holder},
        "configuration": {
            "generation": lb["generation"],
            "carried": lb["applied_generation"],
            "digests": sorted({each["configuration"] for each in carriers if each["configuration"]}),
        },
        "amphorae": carriers,
        "listeners": listened,
        "pools": served,
        "waits": waits,
        "problems": problems,
    }


def _rows(connection: Connection, table: Table, lb: RowMapping) -> list[RowMapping]:
    query = select(table).where(table.c.load_balancer_id == lb["id"])
    if "created_at" in table.c:
        query = query.order_by(table.c.created_at)
    return list(connection.execute(query).mappings())


def _amphorae(
    connection: Connection, lb: RowMapping, now: datetime.datetime, sees_amphorae: bool
) -> list[Shown]:
    said = {row["amphora_id"]: row for row in _rows(connection, reports, lb)}
    found = []
    for row in _rows(connection, amphorae, lb):
        report = said.get(row["id"])
        age = (now - report["heard_at"]).total_seconds() if report is not None else None
        shown: Shown = {
            "id": row["id"],
            "role": row["role"],
            "status": row["status"],
            "heard_at": moment(report["heard_at"]) if report is not None else None,
            "silent": age is None or age > SILENT_SECONDS,
            "vrrp": report["vrrp"] if report is not None else "",
            "configuration": report["configuration"] if report is not None else "",
        }
        if sees_amphorae:
            shown |= {name: row[name] for name in ("compute_id", "lb_network_ip", "vrrp_ip", "image_id")}
            shown["cert_expiration"] = moment(row["cert_expiration"])
        found.append(shown)
    return found


def _checks(connection: Connection, lb: RowMapping) -> dict[tuple[str, str], list[Shown]]:
    """What each amphora's HAProxy says of a member of a pool; those that have the VIP first."""
    found: dict[tuple[str, str], list[Shown]] = {}
    rows = sorted(_rows(connection, reports, lb), key=lambda row: row["vrrp"] == "BACKUP")
    for row in rows:
        for name, seen in row["pools"].items():
            pool = name.partition(":")[0]
            for member, report in seen.items():
                told = found.setdefault((pool, member), [])
                said = {**report, "amphora_id": row["amphora_id"], "meaning": meaning_of(report)}
                if said not in told:
                    told.append(said)
    return found


def _listeners(connection: Connection, lb: RowMapping) -> list[Shown]:
    said = _rows(connection, reports, lb)
    return [
        {
            **_standing(row),
            "protocol": row["protocol"],
            "port": row["protocol_port"],
            "default_pool_id": row["default_pool_id"],
            "says": sorted({each["listeners"][row["id"]] for each in said if row["id"] in each["listeners"]}),
        }
        for row in _rows(connection, listeners, lb)
    ]


def _pools(
    connection: Connection, lb: RowMapping, checks: Mapping[tuple[str, str], list[Shown]]
) -> list[Shown]:
    monitors = {row["pool_id"]: row for row in _rows(connection, health_monitors, lb)}
    inside: dict[str, list[Shown]] = {}
    for row in _rows(connection, members, lb):
        inside.setdefault(row["pool_id"], []).append(
            {
                **_standing(row),
                "address": row["address"],
                "port": row["protocol_port"],
                "weight": row["weight"],
                "backup": row["backup"],
                "checks": checks.get((row["pool_id"], row["id"]), []),
            }
        )
    return [
        {
            **_standing(row),
            "protocol": row["protocol"],
            "algorithm": row["lb_algorithm"],
            "monitor": _monitor(monitors.get(row["id"])),
            "members": inside.get(row["id"], []),
        }
        for row in _rows(connection, pools, lb)
    ]


def _monitor(row: RowMapping | None) -> Shown | None:
    if row is None:
        return None
    names = ("type", "delay", "timeout", "max_retries", "http_method", "url_path", "expected_codes")
    return {**{name: row[name] for name in names}, "admin_state_up": row["admin_state_up"]}


def _standing(row: RowMapping) -> Shown:
    names = ("id", "name", "admin_state_up", "provisioning_status", "operating_status")
    return {name: row[name] for name in names}


def _work(connection: Connection, lb: RowMapping) -> tuple[list[Shown], Shown | None]:
    """What is waited for, oldest first, and the newest operation if it failed."""
    query = select(operations).where(operations.c.load_balancer_id == lb["id"])
    rows = list(connection.execute(query.order_by(operations.c.created_at.desc()).limit(20)).mappings())
    waits = []
    for row in reversed(rows):
        if row["status"] != OPEN:
            continue
        holder = row["lease_owner"]
        by = f"worker {holder} is at it" if holder else "a worker has to take it"
        waits.append({"kind": row["kind"], "for": by, "since": moment(row["created_at"]),
                      "request_id": row["request_id"]})  # fmt: skip
    over = [row for row in rows if row["status"] != OPEN]
    failed = bool(over) and over[0]["status"] == "FAILED"
    return waits, {"kind": over[0]["kind"], "request_id": over[0]["request_id"]} if failed else None


def _holder(carriers: list[Shown], lb: RowMapping) -> tuple[str | None, list[Shown]]:
    """Which amphora has the VIP, and what is wrong with the amphorae."""
    alive = [each for each in carriers if each["status"] == "ALLOCATED"]
    problems = [
        _problem(
            f"amphora {each['id']}",
            "it says nothing any more" if each["heard_at"] else "it has not said anything yet",
            "It is replaced when it stays silent; its console log says more.",
        )
        for each in alive
        if each["silent"]
    ]
    heard = [each for each in alive if not each["silent"]]
    if lb["topology"] != "ACTIVE_STANDBY":
        return (heard[0]["id"] if heard else None), problems
    masters = [each["id"] for each in heard if each["vrrp"] == "MASTER"]
    if heard and len(masters) != 1:
        told = "two amphorae hold it: they cannot hear each other" if masters else "no amphora holds it"
        problems.append(_problem("the VIP", told, "VRRP must pass between the amphorae's ports."))
    return (masters[0] if len(masters) == 1 else None), problems


def _problems(lb: RowMapping, listened: list[Shown], served: list[Shown]) -> list[Shown]:
    found = []
    for listener in listened:
        if listener["provisioning_status"] == "ERROR":
            told = "it could not be carried by the amphorae"
            found.append(_problem(f"listener {_name(listener)}", told, ""))
        elif not listener["default_pool_id"] and listener["operating_status"] == "ONLINE":
            continue  # it may live by its policies
    for pool in served:
        for member in pool["members"]:
            if member["operating_status"] != "ERROR":
                continue
            told_of: list[Shown] = member["checks"] or [{}]
            report = next((each for each in told_of if each.get("meaning")), told_of[0])
            found.append(
                _problem(
                    f"member {member['address']}:{member['port']} of pool {_name(pool)}",
                    check_words(report),
                    str(report.get("meaning", "")),
                )
            )
        if not pool["members"]:
            told = "it has no members: what comes to it is refused (503)"
            found.append(_problem(f"pool {_name(pool)}", told, ""))
    return found


def check_words(report: Mapping[str, Any]) -> str:
    """The last check in HAProxy's words."""
    if not report:
        return "no amphora has told of it yet"
    parts = [str(report.get("status", "")), str(report.get("check", "")).removeprefix("* ")]
    if report.get("code") not in ("", "0", None):
        parts.append(str(report["code"]))
    text = " ".join(part for part in parts if part)
    took = f" after {report['milliseconds']} ms" if report.get("milliseconds") else ""
    last = f": {report['last']}" if report.get("last") else ""
    return f"{text}{took}{last}"


def _name(shown: Mapping[str, Any]) -> str:
    return str(shown["name"] or shown["id"])


def _problem(what: str, says: str, advice: str) -> Shown:
    return {"what": what, "says": says, "advice": advice, "request_id": None}


def _verdict(lb: RowMapping, problems: list[Shown], waits: list[Shown]) -> str:
    if lb["provisioning_status"].startswith("PENDING") or waits:
        return WAITING
    if lb["provisioning_status"] == "ERROR" or lb["operating_status"] == "ERROR":
        return FAILED
    return DEGRADED if problems or lb["operating_status"] == "DEGRADED" else HEALTHY


__all__ = ["explain"]
