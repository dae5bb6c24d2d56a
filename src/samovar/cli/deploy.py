# SPDX-License-Identifier: Apache-2.0
"""samovar deploy proxy: the proxies in front of a cluster, written and taken into use."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .main import CommandError

if TYPE_CHECKING:
    from samovar.deploy import Node


DRAINS = 3.0
"""What [samovar] drain_seconds is unless it is set."""


def run(options: argparse.Namespace) -> int:
    from samovar.deploy import (
        InventoryError,
        ProofFailed,
        apply_proxy,
        read_inventory,
        seconds_to_notice,
        write_all,
    )

    try:
        inventory = read_inventory(options.inventory)
        written = write_all(inventory, options.output)
        facts: dict[str, object] = {"files": [str(path) for path in written]}
        notice = seconds_to_notice(inventory)
        facts["drain_seconds"] = notice
        if not options.json:
            for path in written:
                print(path)
            if notice > DRAINS:
                print(
                    f"Proxies notice late that an API ends: set [samovar] drain_seconds = {notice:g} there."
                )
        if options.apply:
            node = inventory.node(options.node or _this_machine(inventory.nodes))
            applied = apply_proxy(inventory, node, force=options.force, addresses=not options.leave_addresses)
            facts |= {
                "proxy": applied.proxy,
                "addresses": applied.addresses,
                "overlooked": applied.overlooked,
            }
            if not options.json:
                for service, reason in applied.overlooked.items():
                    print(f"taken into use although {service} does not answer: {reason}")
                print(f"The proxy of {node.name} is {applied.proxy}; its addresses are {applied.addresses}.")
    except (InventoryError, ProofFailed) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or options.output}: {error.strerror}") from error
    if options.json:
        print(json.dumps(facts))
    return 0


def _this_machine(known: Sequence[Node]) -> str:
    """The name of the machine that this is: by its host name, else by an address that it has."""
    name = socket.gethostname()
    for node in known:
        if node.name in (name, name.partition(".")[0]):
            return node.name
    for node in known:
        with socket.socket(socket.AF_INET6 if ":" in node.address else socket.AF_INET) as probe:
            try:
                probe.bind((node.address, 0))
            except OSError:
                continue
            return node.name
    raise CommandError(f"no machine of the inventory is this one ({name}); name it with --node")
