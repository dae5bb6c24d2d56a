# SPDX-License-Identifier: Apache-2.0
"""Pure: desired trees as configurations of HAProxy 2.6 to 3.x, and the way from one to another."""

from .blame import blame, without
from .difference import Difference, certificate_commands, difference
from .place import DIRECTORY, PEER_PORT, Peer, Place
from .render import Rendered, render
from .words import Refused

__all__ = [
    "DIRECTORY",
    "PEER_PORT",
    "Difference",
    "Peer",
    "Place",
    "Refused",
    "Rendered",
    "blame",
    "certificate_commands",
    "difference",
    "render",
    "without",
]
