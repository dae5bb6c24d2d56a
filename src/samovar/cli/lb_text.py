# SPDX-License-Identifier: Apache-2.0
"""Why a load balancer is as it is, for people to read. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from samovar.diagnostics import printable

from .why_text import Clock, Paint, paint_plain

MARKS = {"ONLINE": "✓", "NO_MONITOR": "✓", "DRAINING": "↓", "ERROR": "✗", "OFFLINE": "·", "DEGRADED": "!"}
STYLES = {"✓": "green", "✗": "red", "!": "yellow", "·": "dim", "↓": "yellow", "…": "yellow"}
VERDICTS = {"healthy": "✓", "degraded": "!", "failed": "✗", "waiting": "…"}
Shown = Mapping[str, Any]


def lb_text(why: Shown, now: datetime.datetime, paint: Paint = paint_plain) -> str:
    """The whole answer, ended by a line feed."""
    clock = Clock(now)
    blocks = [_head(why, paint), _problems(why, paint), _waits(why, clock), _vip(why, clock)]
    blocks.append("\n".join(_listener(each, why, paint) for each in why["listeners"]))
    blocks += [_pool(each, paint) for each in why["pools"]]
    for amphora, text in why["configuration"].get("texts", {}).items():
        blocks.append(f"configuration of amphora {amphora}:\n{printable(text.expandtabs(4).rstrip())}")
    return "\n\n".join(block for block in blocks if block) + "\n"


def _name(shown: Shown) -> str:
    return printable(str(shown["name"] or shown["id"]))


def _head(why: Shown, paint: Paint) -> str:
    mark = VERDICTS[why["verdict"]]
    state = f"{_name(why)} is {why['provisioning_status']} and {why['operating_status']}"
    match why["verdict"]:
        case "healthy":
            told = "; everything is as it should be."
        case "waiting":
            told = " and waits."
        case _:
            count = len(why["problems"])
            told = f": {count} problem{'' if count == 1 else 's'}." if count else "."
    return paint(STYLES[mark], f"{mark} {state}{told}")


def _problems(why: Shown, paint: Paint) -> str:
    rows = []
    for each in why["problems"]:
        request = f" (request {each['request_id']})" if each["request_id"] else ""
        rows.append(f"{paint('bold', printable(each['what']))}{request}\n  {printable(each['says'])}")
        if each["advice"]:
            rows.append(f"  {each['advice']}")
    return "\n".join(rows)


def _waits(why: Shown, clock: Clock) -> str:
    rows = []
    for each in why["waits"]:
        since = f"since {clock.at(each['since'])} ({clock.ago(each['since'])})"
        rows.append(f"waits for {each['kind']}, {since}: {each['for']}")
    return "\n".join(rows)


def _vip(why: Shown, clock: Clock) -> str:
    config, vip = why["configuration"], why["vip"]
    rows = []
    for each in why["amphorae"]:
        holds = " and holds it" if each["id"] == vip["holder"] else ""
        heard = f"heard {clock.ago(each['heard_at'])} ago" if each["heard_at"] else "not heard yet"
        says = f", says {each['vrrp']}" if each["vrrp"] else ""
        where = f", server {each['compute_id']} at {each['lb_network_ip']}" if each.get("compute_id") else ""
        runs = f", configuration {each['configuration'][:12]}" if each["configuration"] else ""
        rows.append(f"  amphora {each['id']} is {each['role']}{says}{holds}, {heard}{runs}{where}")
    carried = f"change {config['carried']} of {config['generation']} is carried"
    if not rows:
        rows.append("  no amphora stands for it")
    return "\n".join([f"VIP {vip['address']}  {why['topology']}, {carried}", *rows])


def _listener(each: Shown, why: Shown, paint: Paint) -> str:
    pools = {pool["id"]: _name(pool) for pool in why["pools"]}
    to = f" → pool {pools[each['default_pool_id']]}" if each["default_pool_id"] in pools else ""
    mark = MARKS.get(each["operating_status"], "·")
    state = _state(each)
    return (
        f"{paint(STYLES[mark], mark)} listener {_name(each)}  {each['protocol']} :{each['port']}  {state}{to}"
    )


def _pool(each: Shown, paint: Paint) -> str:
    monitor = each["monitor"]
    checked = "no health monitor"
    if monitor is not None:
        asks = " ".join(part for part in (monitor["http_method"], monitor["url_path"]) if part)
        checked = f"{monitor['type']} check{f' {asks}' if asks else ''} every {monitor['delay']} s"
    mark = MARKS.get(each["operating_status"], "·")
    head = f"pool {_name(each)}  {each['protocol']} {each['algorithm']}, {checked}  {_state(each)}"
    rows = [f"{paint(STYLES[mark], mark)} {head}"]
    names = [f"{member['address']}:{member['port']}" for member in each["members"]]
    width = max((len(name) for name in names), default=0)
    for name, member in zip(names, each["members"], strict=True):
        rows.append(_member(f"{name:<{width}}", member, paint))
    return "\n".join(rows)


def _member(name: str, member: Shown, paint: Paint) -> str:
    mark = MARKS.get(member["operating_status"], "·")
    weight = f"weight {member['weight']}{' backup' if member['backup'] else ''}"
    line = f"  {paint(STYLES[mark], mark)} {name}  {weight}  {_state(member)}"
    for report in member["checks"]:
        line += f"\n      {printable(check_words(report))}"
    return line


def check_words(report: Shown) -> str:
    """The last check of a member in HAProxy's words."""
    code = f" {report['code']}" if report["code"] not in ("", "0") else ""
    took = f" in {report['milliseconds']} ms" if report["milliseconds"] else ""
    last = f": {report['last']}" if report["last"] and not report["status"].startswith("UP") else ""
    if not report["check"]:
        return str(report["status"])
    return f"{report['status']}, last check {report['check'].removeprefix('* ')}{code}{took}{last}"


def _state(each: Shown) -> str:
    if not each["admin_state_up"]:
        return "switched off"
    settled = each["provisioning_status"] == "ACTIVE"
    return str(
        each["operating_status"] if settled else f"{each['provisioning_status']}, {each['operating_status']}"
    )


__all__ = ["check_words", "lb_text"]
