# SPDX-License-Identifier: Apache-2.0
"""Random faults, several at once, on a whole control plane for minutes, under a steady mix of operations;
then everything is mended and the balance drawn. All is drawn from one seed.

    python -m tests.cluster.soak --seed 23                          # Galera; as root, eleven minutes
    python -m tests.cluster.soak --seed 23 --database postgresql
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:1] = [str(HERE.parent), str(HERE.parent.parent / "src")]
os.environ["PATH"] += ":/usr/sbin"

from cluster.controllers import ADDRESSES, CONTROLLERS, STORES, Controllers, controllers  # noqa: E402

KINDS = {"kill": 6, "end": 4, "freeze": 6, "both": 1, "broker": 3, "database": 3, "cache": 1, "apart": 2, "loss": 2, "proxy": 2, "wire": 1}  # fmt: skip
AT_ONCE = 6
PAIRS = (("b", "a"), ("c", "a"), ("b", "c"), ("b", "d"), ("c", "d"), ("d", "a"))
OPEN = {
    "operations on stacks": "SELECT id, action FROM orchestration_operations WHERE status IN ('WAITING', 'RUNNING')",
    "operations on load balancers": "SELECT id, kind FROM loadbalancer_operations WHERE status = 'OPEN'",
    "what stacks left behind": "SELECT id, kind FROM orchestration_credentials WHERE kind LIKE 'left %'",
}


class Soak:
    """Breaks things at random; each part is broken by one fault at a time."""

    def __init__(self, made: Controllers, seed: int) -> None:
        self.made, self.chance = made, random.Random(seed)
        self.began, self.problems = time.monotonic(), list[str]()
        self._broken, self._lock = set[str](), threading.Lock()
        self._threads: list[threading.Thread] = []

    def run(self, seconds: float) -> None:
        while time.monotonic() - self.began < seconds:
            kind = self.chance.choices(list(KINDS), list(KINDS.values()))[0]
            away, drawn = self.chance.uniform(5, 30), random.Random(self.chance.random())
            if len(self._broken) < AT_ONCE:
                getattr(self, f"_{kind}")(away, drawn)
            time.sleep(self.chance.uniform(6, 14))
        for thread in self._threads:
            thread.join()

    def _fault(self, what: str, parts: list[str], hurt: Callable[[], object], away: float, mend: Callable[[], object]) -> None:  # fmt: skip
        with self._lock:
            if self._broken & set(parts):
                return
            self._broken |= set(parts)

        def work() -> None:
            try:
                hurt()
                time.sleep(away)
                mend()
            except Exception as error:
                self.problems.append(f"{what} could not be done or mended: {error!r}")
            with self._lock:
                self._broken -= set(parts)

        print(f"{time.monotonic() - self.began:6.0f} s  {what} for {away:.0f} s", flush=True)
        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def _signal(self, number: int, away: float, labels: list[str]) -> None:
        services = self.made.services

        def mend() -> None:
            for label in labels:
                if number == signal.SIGSTOP:
                    services[label].process.send_signal(signal.SIGCONT)
                else:
                    services[label].process.wait(60)
                    self.made.again(label)

        def hurt() -> None:
            for label in labels:
                services[label].process.send_signal(number)

        away = away if number == signal.SIGSTOP else min(away / 4, 6)
        self._fault(f"{signal.Signals(number).name} {', '.join(labels)}", labels, hurt, away, mend)

    def _some(self, drawn: random.Random) -> list[str]:
        return drawn.sample(sorted(self.made.services), drawn.choice([1, 1, 2, 3, 4]))

    def _kill(self, away: float, drawn: random.Random) -> None:
        self._signal(signal.SIGKILL, away, self._some(drawn))

    def _end(self, away: float, drawn: random.Random) -> None:
        self._signal(signal.SIGTERM, away, self._some(drawn))

    def _freeze(self, away: float, drawn: random.Random) -> None:
        self._signal(signal.SIGSTOP, away, self._some(drawn))

    def _both(self, away: float, drawn: random.Random) -> None:
        """All that there are of a service."""
        name = drawn.choice(["heat-engine", "octavia-worker", "heat-api", "octavia-health-manager"])
        number = drawn.choice([signal.SIGKILL, signal.SIGSTOP])
        self._signal(number, min(away, 15), [f"{name}@{one}" for one in CONTROLLERS])

    def _broker(self, away: float, drawn: random.Random) -> None:
        brokers = self.made.brokers
        some = list(STORES) if drawn.random() < 0.35 else [drawn.choice(STORES)]
        parts = [f"broker {one}" for one in STORES]
        if drawn.random() < 0.5:
            each = lambda number: [brokers[one].send(number) for one in some]  # noqa: E731
            self._fault(f"freeze brokers {some}", parts, lambda: each(signal.SIGSTOP), away, lambda: each(signal.SIGCONT))  # fmt: skip
        else:
            again = self.made.broker_again if len(some) > 1 else brokers[some[0]].begin
            self._fault(f"kill brokers {some}", parts, lambda: [brokers[one].end() for one in some], away, again)  # fmt: skip

    def _database(self, away: float, drawn: random.Random) -> None:
        name = drawn.choice([*STORES, "writer"]) if self.made.kind == "galera" else "the one that there is"
        made, freeze, victim = self.made, drawn.random() < 0.5, list[str]()

        def hurt() -> None:
            victim[:] = [made.database_victim(name)]
            made.hurt_database(victim[0], freeze=freeze)

        self._fault(f"{'freeze' if freeze else 'kill'} the database ({name})", ["database"], hurt, away * 0.7, lambda: made.mend_database(victim[0], freeze=freeze))  # fmt: skip

    def _cache(self, away: float, drawn: random.Random) -> None:
        some = [self.made.caches[one] for one in drawn.sample(STORES, drawn.randint(1, 3))]
        self._fault(f"freeze {len(some)} caches", ["cache"], lambda: [one.freeze() for one in some], away, lambda: [one.thaw() for one in some])  # fmt: skip

    def _apart(self, away: float, drawn: random.Random) -> None:
        one, other = drawn.choice(PAIRS)
        words = drawn.choice([("input", "output"), ("input",), ("output",)])
        rules = "".join(
            f"chain {word} {{ type filter hook {word} priority 0; "
            f"ip {'saddr' if word == 'input' else 'daddr'} {ADDRESSES[other]} drop; }}\n"
            for word in words
        )
        self._filter(f"{one} and {other} apart ({', '.join(words)})", one, [f"net {one}", f"net {other}"], rules, away)  # fmt: skip

    def _loss(self, away: float, drawn: random.Random) -> None:
        one, share = drawn.choice("abcd"), drawn.choice([5, 20, 40])
        rule = f"chain input {{ type filter hook input priority 0; iif eth0 numgen random mod 100 < {share} drop; }}"
        self._filter(f"{one} hears {share} % less", one, [f"net {one}"], rule, away)

    def _filter(self, what: str, one: str, parts: list[str], rules: str, away: float) -> None:
        on = self.made.on(one)

        def add() -> None:
            table = f"table ip soak {{\n{rules}\n}}\n"
            subprocess.run([*on, "nft", "-f", "-"], input=table, text=True, check=True)

        def remove() -> None:
            subprocess.run([*on, "nft", "delete", "table", "ip", "soak"], check=True)

        self._fault(what, parts, add, away, remove)

    def _proxy(self, away: float, drawn: random.Random) -> None:
        def kill() -> None:
            with contextlib.suppress(ValueError):  # the address is just moving
                self.made.kill_proxy(self.made.holder())

        self._fault("kill the proxy with the address", ["proxy"], kill, min(away, 8), self.made.proxy_again)

    def _wire(self, away: float, drawn: random.Random) -> None:
        one = drawn.choice(CONTROLLERS)
        self._fault(f"{one} off the wire", [f"net {one}", "database"], lambda: self.made.cut(one, whole=True), away, lambda: self.made.cut(one, whole=False))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["galera", "postgresql"], default="galera")
    parser.add_argument("--seconds", type=float, default=540.0)
    parser.add_argument("--rate", type=float, default=0.4, help="stacks begun each second")
    parser.add_argument("--balancers", type=float, default=0.04, help="load balancers begun each second")
    parser.add_argument("--keep", type=Path, help="a folder for the logs of all processes")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="sv-soak-") as folder:
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        with controllers(place, options.database) as made:
            mix = made.mix(options.seconds + 5, rate=options.rate, balancers=options.balancers, reads=3)
            soak = Soak(made, options.seed)
            soak.run(options.seconds)
            ended = [label for label, one in made.services.items() if one.process.poll() is not None]
            for label in ended:
                made.again(label)
            sheet = mix.sheet(seconds=900)
            time.sleep(45)  # what stacks left behind is taken back within half a minute
            found = {what: rows for what, query in OPEN.items() if (rows := made.query(query))}
    bad = [f"{key}: {sheet[key]}" for key in ("lost", "duplicated", "orphaned", "problems") if sheet[key]]
    bad += [f"still there: {what}: {rows}" for what, rows in found.items()]
    bad += [f"{label} ended by itself" for label in ended] + soak.problems
    print(
        f"{sheet['requested']} accepted, {sheet['operations']} operations, {sheet['done']} done, slowest "
        f"{sheet['slowest']:.1f} s, median {sheet['median']:.1f} s; {sheet['reads']} reads, "
        f"{sheet['reads_failed']} failed; {len(bad)} things not kept"
    )
    print("\n".join(bad))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
