# SPDX-License-Identifier: Apache-2.0
"""What is in the way, told from what the cloud said, and what to do about it: the first that fits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A kind of obstacle. `words` are looked for in the text, `statuses` in the cloud's answer."""

    kind: str
    advice: str
    words: str = ""
    statuses: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()

    def fits(self, kind: str, text: str, status: int) -> bool:
        if self.words and re.search(self.words, text, re.IGNORECASE):
            return True
        return kind in self.kinds or status in self.statuses


OBSTACLES = (
    Obstacle(
        "quota", "See 'openstack quota show'; delete what is not needed, or have the quota raised.",
        words=r"quota|maximum number of|limit (was )?exceeded", statuses=(413,),
    ),
    Obstacle(
        "missing image", "See 'openstack image list' for the images there are, and name one of them.",
        words=r"\bimage\b.*(could not be found|not found|no .*\bfound|does not exist)|no images? named",
    ),
    Obstacle(
        "missing flavor", "See 'openstack flavor list' for the flavors there are, and name one of them.",
        words=r"\bflavor\b.*(could not be found|not found|does not exist)",
    ),
    Obstacle(
        "addresses", "The subnet or pool is used up: release addresses, or take a larger one.",
        words=r"no more ip addresses|ip address.*not available|ipaddressgenerationfailure",
    ),
    Obstacle(
        "capacity", "No machine has room: take a smaller flavor, or free some.",
        words=r"no valid host|not enough (memory|disk|hosts|resources)|insufficient",
    ),
    Obstacle(
        "signals", "Nobody signalled in time: see what the server that should have signalled says.",
        kinds=("WaitConditionTimeout",),
    ),
    Obstacle(
        "a signal of failure", "Whoever signalled reported the failure: look there.",
        kinds=("WaitConditionFailure",),
    ),
    Obstacle("time", "The action's time was over: look at what it waited for, or give it more.",
             kinds=("TimedOut",)),
    Obstacle("rights", "The owner's delegation may not do this: have the role granted, then retry.",
             statuses=(401, 403)),
    Obstacle("missing", "What is referred to is not there (any more): correct the reference.",
             statuses=(404,)),
    Obstacle("in use", "Something else holds it: end that use, then retry.", statuses=(409,)),
    Obstacle("the cloud's own trouble", "The service failed, not the request: retry when it is well.",
             statuses=(429, 500, 502, 503, 504)),
    Obstacle("no such service", "The cloud's catalog lacks the service that this type needs.",
             kinds=("ResourceTypeUnavailable",)),
)  # fmt: skip


WRITTEN = ("stderr", "stdout")  # by a script that a deployment ran


def obstacle_of(cause: Mapping[str, Any]) -> Obstacle | None:
    """What was in the way of a resource; None when its words must speak for themselves."""
    cloud = cause.get("cloud") or {}
    text = f"{cause.get('text', '')} {cloud.get('message', '')}"
    kind, status = str(cause.get("kind", "")), int(cloud.get("status") or 0)
    if cause.get("unreachable"):
        service = "The service does not answer: retry when it does."
        return Obstacle("no answer", service)
    if any(name in WRITTEN for name in cause.get("evidence") or ()):
        return Obstacle("the script", "It ended with an error: correct it, then retry or update.")
    return next((each for each in OBSTACLES if each.fits(kind, text, status)), None)


__all__ = ["Obstacle", "obstacle_of"]
