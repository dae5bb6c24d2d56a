# SPDX-License-Identifier: Apache-2.0
"""An endpoint's files written, proven, and taken into use.

render ─▶ haproxy -c ─▶ trial on loopback ─▶ replace the file ─▶ start or reload ──fails──▶ the old file again
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from . import haproxy, keepalived, pacemaker, running, units
from .inventory import Inventory, Node
from .judgement import InventoryError
from .proof import ProofFailed, check_syntax, unanswered

APPLIED = ("started", "reloaded", "unchanged")


@dataclass(frozen=True, slots=True)
class Applied:
    """What happened to the proxy (one of APPLIED), and what was let pass because it was forced."""

    proxy: str
    addresses: str
    overlooked: dict[str, str] = field(default_factory=dict)


def write_all(inventory: Inventory, folder: Path) -> list[Path]:
    """Write what each endpoint needs to ``folder/NAME/``; return the files."""
    written = []
    for node in inventory.endpoints:
        for name, text in _files(inventory, node).items():
            path = folder / node.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(path)
    return written


def _files(inventory: Inventory, node: Node) -> dict[str, str]:
    files = {
        "haproxy.cfg": haproxy.render(inventory, node, haproxy.place_of(inventory, node)),
        units.PROXY_UNIT: units.proxy_unit(inventory),
    }
    if inventory.floating:
        files |= {
            "keepalived.conf": keepalived.render(inventory, node),
            "90-samovar-proxy.conf": keepalived.SYSCTL,
            units.ADDRESS_UNIT: units.address_unit(inventory),
            "pacemaker.pcs.sh": pacemaker.pcs(inventory),
            "pacemaker.crm": pacemaker.crm(inventory),
        }
    return files


def apply_proxy(inventory: Inventory, node: Node, *, force: bool = False, addresses: bool = True) -> Applied:
    """Take this endpoint's configuration into use on this machine.

    `force` takes it although some service does not answer through it; `addresses` False leaves
    keepalived alone (Pacemaker moves the addresses). Raises ProofFailed; then what ran still runs.
    """
    if node not in inventory.endpoints:
        raise InventoryError(f"{node.name} is not an endpoint: no proxy runs there.")
    files = _files(inventory, node)
    config = Path(inventory.proxy.config_dir)
    config.mkdir(parents=True, exist_ok=True)
    target = config / "haproxy.cfg"
    runs = running.proxy_runs(inventory)
    same = runs and target.exists() and target.read_text() == files["haproxy.cfg"]
    overlooked = {} if same else _proven(inventory, node, files["haproxy.cfg"], config, force=force)
    if inventory.floating:
        running.allow_addresses_from_elsewhere()
    proxy = "unchanged" if same else _take(inventory, target, files["haproxy.cfg"], runs=runs)
    moved = "left alone"
    if inventory.floating and addresses:
        moved = _take_addresses(inventory, config / "keepalived.conf", files["keepalived.conf"])
    return Applied(proxy, moved, overlooked)


def _proven(inventory: Inventory, node: Node, text: str, config: Path, *, force: bool) -> dict[str, str]:
    candidate = config / "haproxy.cfg.new"
    candidate.write_text(text)
    try:
        check_syntax(candidate)
    finally:
        candidate.unlink()
    missing = unanswered(inventory, node)
    if missing and not force:
        told = " ".join(f"{service}: {reason}." for service, reason in missing.items())
        raise ProofFailed(
            f"Not taken into use, because a trial of it reached no {', no '.join(missing)}. {told} "
            "Start what is missing, or repeat with --force."
        )
    return missing


def _take(inventory: Inventory, target: Path, text: str, *, runs: bool) -> str:
    before = target.read_text() if target.exists() else None
    _replace(target, text)
    try:
        if runs:
            running.reload_proxy(inventory)
        else:
            running.start_proxy(inventory, target)
    except (ProofFailed, OSError) as error:
        if before is not None:
            _replace(target, before)
            if runs:
                with contextlib.suppress(ProofFailed, OSError):
                    running.reload_proxy(inventory)
        raise ProofFailed(f"{error} {'The old configuration is back.' if before else ''}".strip()) from error
    return "reloaded" if runs else "started"


def _take_addresses(inventory: Inventory, target: Path, text: str) -> str:
    candidate = target.with_suffix(".new")
    candidate.write_text(text)
    try:
        running.check_addresses(candidate)
    finally:
        candidate.unlink()
    same = target.exists() and target.read_text() == text
    if same and running.addresses_move(inventory):
        return "unchanged"
    _replace(target, text)
    return running.move_addresses(inventory, target)


def _replace(target: Path, text: str) -> None:
    """The whole new file or the whole old one, whatever happens meanwhile."""
    candidate = target.with_name(f".{target.name}.{os.getpid()}")
    candidate.write_text(text)
    candidate.replace(target)
