# SPDX-License-Identifier: Apache-2.0
"""Pure: which amphorae are silent for too long, and whether so many at once can be true.

The breaker: when a third of all (and at least three) fall silent together, the fault is more likely here or
between than in each of them; replacing them all would make it worse. They are replaced when fewer are silent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Verdict", "Watch"]

SUSPICIOUS_INTERVALS = 1.3
LEAST_FOR_BREAKER, SHARE_FOR_BREAKER = 3, 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """`silent`: to be replaced. `suspects`: silent for a moment; worth a question to compute. `held`: silent,
    and left alone because of the breaker."""

    silent: tuple[str, ...]
    suspects: tuple[str, ...]
    held: tuple[str, ...]


@dataclass(slots=True)
class Watch:
    """Times are seconds of one monotonic clock. `threshold`: how many silent ones keep all from being
    replaced."""

    interval: float
    timeout: float
    threshold: int | None = None
    seen: dict[str, float] = field(default_factory=dict)

    def heard(self, amphora_id: str, now: float) -> None:
        self.seen[amphora_id] = now

    def judge(self, expected: Iterable[str], now: float) -> Verdict:
        """`expected`: the amphorae that should be heard. One that is new is given its time from now on."""
        known = list(dict.fromkeys(expected))
        self.seen = {name: self.seen.get(name, now) for name in known}
        silence: Mapping[str, float] = {name: now - self.seen[name] for name in known}
        silent = tuple(name for name in known if silence[name] > self.timeout)
        after = self.interval * SUSPICIOUS_INTERVALS
        suspects = tuple(name for name in known if after < silence[name] <= self.timeout)
        least = self.threshold
        if least is None:
            least = max(LEAST_FOR_BREAKER, -(-len(known) // SHARE_FOR_BREAKER))
        if len(silent) >= least:
            return Verdict((), suspects, silent)
        return Verdict(silent, suspects, ())
