# SPDX-License-Identifier: Apache-2.0
"""``python -m samovar.cloud.host --state-dir DIR --socket PATH``: run the host agent."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from samovar.cloud.host.agent import run
from samovar.cloud.host.errors import HostError
from samovar.cloud.host.networking import Networking
from samovar.cloud.host.parts import Host, Part
from samovar.cloud.host.servers import Servers


def parts(host: Host) -> Sequence[Part]:
    """All parts, in the order of starting; stopping and purging go the other way."""
    return (Networking(host), Servers(host))


def main() -> int:
    parser = argparse.ArgumentParser("samovar.cloud.host", description="Samovar's privileged host agent.")
    parser.add_argument("--state-dir", type=Path, required=True, help="where this host keeps its state")
    parser.add_argument("--socket", type=Path, required=True, help="the unix socket to answer on")
    parser.add_argument("--owner", type=int, help="the user id that may use the socket, beside root")
    parser.add_argument("--namespace-dir", type=Path, default=Path("/run/netns"), help="default: %(default)s")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        run(
            options.state_dir, options.socket, parts, owner=options.owner, namespace_dir=options.namespace_dir
        )
    except HostError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
