# SPDX-License-Identifier: Apache-2.0
"""Every kind of fault on every service of a whole control plane, each under a steady mix of operations on
stacks and load balancers, with a balance sheet.

    python -m tests.cluster.drill --all            # about half an hour; as root
    python -m tests.cluster.drill --only octavia   # faults whose name has this word
    python -m tests.cluster.drill --list

A frozen process and an absent server stay so for --away seconds (60).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:1] = [str(HERE.parent), str(HERE.parent.parent / "src")]
os.environ["PATH"] += ":/usr/sbin"

from cluster.controllers import APIS, WORKERS, Controllers, controllers  # noqa: E402
from cluster.takeover import Watch, held, owners  # noqa: E402

BRIEF = 10.0
"""Seconds for which what was killed or ended stays away, as a supervisor would have it."""
BEFORE, AFTER = 4.0, 6.0
TAKEN_OVER, TROUBLE, MOVED = 15.0, 1.0, 4.0


@dataclasses.dataclass
class Fault:
    """`hurt` breaks something for `away` seconds until `mend`. `reads`: how long reads may be in trouble,
    None: not judged. `victim`: label of the service whose work is to be taken over. `before`: done first."""

    name: str
    hurt: Callable[[], object]
    mend: Callable[[], object]
    away: float
    reads: float | None = TROUBLE
    victim: str = ""
    before: Callable[[], object] = lambda: None


def faults(made: Controllers, away: float) -> Iterator[Fault]:
    """All of them, in the order in which they are tried."""
    yield Fault("nothing", lambda: None, lambda: None, BRIEF)
    alone = ("network+compute@a", "glance-api@a")
    for label in (*(f"{name}@b" for name in (*APIS, *WORKERS)), *alone):
        process = lambda label=label: made.services[label].process  # noqa: E731
        again = lambda label=label: made.again(label)  # noqa: E731
        asleep = lambda p=process: p().send_signal(signal.SIGSTOP)  # noqa: E731
        awake = lambda p=process: p().send_signal(signal.SIGCONT)  # noqa: E731
        victim = label if label.startswith(("heat-engine", "octavia-worker")) else ""
        yield Fault(f"kill -9 {label}", lambda p=process: p().kill(), again, BRIEF, victim=victim)
        yield Fault(f"SIGTERM {label}", lambda p=process: p().terminate(), again, BRIEF, victim=victim)
        yield Fault(f"SIGSTOP {label}", asleep, awake, away, victim=victim)
    yield Fault(
        "all engines killed", lambda: _all(made, "heat-engine"), lambda: _again(made, "heat-engine"), BRIEF
    )
    yield Fault(
        "all load balancing workers killed",
        lambda: _all(made, "octavia-worker"),
        lambda: _again(made, "octavia-worker"),
        BRIEF,
    )
    broker, cache = made.brokers["b"], made.caches
    yield Fault("one of three brokers killed", lambda: broker.end(signal.SIGKILL), broker.begin, BRIEF * 2)
    yield Fault(
        "one of three brokers frozen",
        lambda: broker.send(signal.SIGSTOP),
        lambda: broker.send(signal.SIGCONT),
        away,
    )
    yield Fault("all brokers killed", made.broker_gone, made.broker_again, away)
    yield Fault(
        "all memcached killed",
        lambda: [one.end(signal.SIGKILL) for one in cache.values()],
        lambda: [one.begin() for one in cache.values()],
        BRIEF * 2,
    )
    yield Fault(
        "all memcached frozen",
        lambda: [one.freeze() for one in cache.values()],
        lambda: [one.thaw() for one in cache.values()],
        BRIEF * 2,
    )
    yield from stores(made, away)


def stores(made: Controllers, away: float) -> Iterator[Fault]:
    """The database, the address, the wire."""
    writer: list[str] = []

    def end_writer(number: int) -> None:
        writer[:] = [made.writer()]
        made.nodes[writer[0]].end(number)

    def join() -> None:
        others = [node for name, node in made.nodes.items() if name != writer[0]]
        made.nodes[writer[0]].begin(others)

    def freeze_writer() -> None:
        writer[:] = [made.writer()]
        made.nodes[writer[0]].send(signal.SIGSTOP)

    yield Fault("the database's writer killed", lambda: end_writer(signal.SIGKILL), join, BRIEF * 2, None)
    yield Fault("the database's writer ended", lambda: end_writer(signal.SIGTERM), join, BRIEF * 2, None)
    yield Fault(
        "the database's writer frozen",
        freeze_writer,
        lambda: made.nodes[writer[0]].send(signal.SIGCONT),
        away,
        None,
    )
    yield Fault("the whole database killed", made.database_gone, made.database_again, away, None)
    yield Fault(
        "the proxy with the address killed",
        lambda: made.kill_proxy(made.holder()),
        made.proxy_again,
        BRIEF,
        MOVED,
    )
    moved: list[str] = []

    def off() -> None:
        moved[:] = [made.holder()]
        made.cut(moved[0], whole=True)

    yield Fault(
        "the address's machine off the wire",
        off,
        lambda: made.cut(moved[0], whole=False),
        BRIEF * 2,
        MOVED + 1,
        before=made.address_to_d,
    )
    yield Fault(
        "B and A cannot hear each other",
        lambda: made.apart("b", "a"),
        lambda: made.together("b"),
        BRIEF * 2,
        None,
    )
    yield Fault(
        "B off the wire", lambda: made.cut("b", whole=True), lambda: made.cut("b", whole=False), away, None
    )


def _all(made: Controllers, service: str) -> None:
    for label, one in made.services.items():
        if label.startswith(service):
            one.process.kill()


def _again(made: Controllers, service: str) -> None:
    for label in [label for label in made.services if label.startswith(service)]:
        made.again(label)


COLUMNS = ("fault", "s", "ops", "done", "lost", "twice", "left", "failed", "taken over", "slowest", "median", "reads", "failed", "slowest", "trouble", "load")  # fmt: skip
WIDTHS = (36, 4, 5, 5, 5, 6, 5, 7, 14, 8, 7, 6, 7, 8, 8, 5)


def line(*cells: object) -> str:
    return " ".join(f"{cell!s:>{width}}" if width != WIDTHS[0] else f"{cell!s:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True))  # fmt: skip


def drill(made: Controllers, fault: Fault, rate: float, balancers: float) -> list[str]:
    """One fault under the mix; prints its line and gives what was not kept."""
    fault.before()
    mix = made.mix(BEFORE + fault.away + AFTER, rate=rate, balancers=balancers, reads=5)
    ask = made.nodes["c"].ask_heat
    time.sleep(BEFORE)
    work: dict[str, tuple[str, int]] = {}
    if fault.victim:
        signed = owners(ask, made.services[fault.victim].process.pid)
        deadline = time.monotonic() + 5
        while not work and time.monotonic() < deadline:  # harmed while it works
            work = held(ask, signed)
    fault.hurt()
    watch = Watch(ask, work)
    time.sleep(fault.away)
    fault.mend()
    try:
        sheet = mix.sheet(seconds=1200)
    except ValueError:
        watch.end()
        print(f"{fault.name}: the mix failed", flush=True)
        return ["the mix failed"]
    count, seconds, lying = watch.end()
    lost, twice, left, failed = (len(sheet[key]) for key in ("lost", "duplicated", "orphaned", "problems"))
    taken = f"{count} in {seconds:.1f} s" if fault.victim else ""
    print(
        line(
            fault.name, f"{fault.away:.0f}", sheet["operations"], sheet["done"], lost, twice, left, failed, taken,
            f"{sheet['slowest']:.1f} s", f"{sheet['median']:.1f} s", sheet["reads"], sheet["reads_failed"],
            f"{sheet['slowest_read']:.2f} s", f"{sheet['trouble']:.2f} s",
            f"{os.getloadavg()[0]:.0f}",
        ),
        flush=True,
    )  # fmt: skip
    bad = [f"{key}: {sheet[key]}" for key in ("lost", "duplicated", "orphaned", "problems") if sheet[key]]
    if lying or seconds > TAKEN_OVER:
        bad.append(f"taken over after {seconds:.1f} s, {lying} of {count} not at all")
    if fault.reads is not None and sheet["trouble"] > fault.reads:
        bad.append(f"reads were in trouble for {sheet['trouble']:.2f} s; {fault.reads:g} s are promised")
    for problem in [*bad, *sheet["reads_told"]]:
        print(f"    {problem}", flush=True)
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="every fault")
    parser.add_argument("--only", action="append", default=[], help="faults whose name has this word")
    parser.add_argument("--after", default="", help="go on after the fault of this name")
    parser.add_argument("--list", action="store_true", help="their names")
    parser.add_argument(
        "--away", type=float, default=60.0, help="seconds that what is frozen or absent stays so"
    )
    parser.add_argument("--rate", type=float, default=1.0, help="stacks begun each second")
    parser.add_argument("--balancers", type=float, default=0.15, help="load balancers begun each second")
    parser.add_argument("--keep", type=Path, help="a folder for the logs of all processes")
    options = parser.parse_args()
    if not (options.all or options.only or options.list):
        parser.error("say --all, --only WORD or --list")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="sv-drill-") as folder:
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        with controllers(place) as made:
            chosen = [
                fault for fault in faults(made, options.away)
                if not options.only or any(word in fault.name for word in options.only)
            ]  # fmt: skip
            names = [fault.name for fault in chosen]
            chosen = chosen[names.index(options.after) + 1 :] if options.after else chosen
            if options.list:
                print("\n".join(fault.name for fault in chosen))
                return
            began, bad = time.monotonic(), 0
            print(line(*COLUMNS), flush=True)
            for fault in chosen:
                bad += bool(drill(made, fault, options.rate, options.balancers))
            noticed = {name: count for name, count in sorted(made.noticed().items()) if count}
            print(
                f"{len(chosen)} faults in {(time.monotonic() - began) / 60:.0f} min, {bad} of them with something not kept"
            )
            print(f"servers that the proxies found down: {noticed}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
