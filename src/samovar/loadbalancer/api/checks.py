# SPDX-License-Identifier: Apache-2.0
"""HAProxy's words about the last check of a member, and what they mean for whoever runs the member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEANINGS: Mapping[str, str] = {
    "L4TOUT": "nothing answers there: see to the address, the way to its subnet, and security groups",
    "L4CON": "the connection is refused: nothing listens on that port, or the address is another's",
    "L6TOUT": "no TLS handshake in time: is TLS spoken on that port?",
    "L6RSP": "what answers there speaks no TLS that is accepted: see its certificate and versions",
    "L7TOUT": "it takes connections, and does not answer in time: it is overloaded, or hangs",
    "L7RSP": "what it answers is not the protocol of the check",
    "L7STS": "it answers with another status than the check expects: see the path that is checked",
    "SOCKERR": "the amphora has no way there: see the member's subnet",
    "PROCTOUT": "the check's program did not end in time",
    "PROCERR": "the check's program found it not well",
}


def meaning_of(report: Mapping[str, Any]) -> str:
    """What a check that failed means; empty for one that did not."""
    word = str(report.get("check", "")).removeprefix("* ")
    return MEANINGS.get(word, "") if not str(report.get("status", "")).startswith("UP") else ""


__all__ = ["meaning_of"]
