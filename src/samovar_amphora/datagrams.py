# SPDX-License-Identifier: Apache-2.0
"""Listeners of UDP and SCTP: the kernel passes datagrams on, the agent checks members and gives turns.

PUT 1/datagrams ─▶ listeners ─┬─ rules ─ nft: one table, exchanged whole
                              ├─ a thread for each member that a monitor checks ─▶ up, down
                              └─ least connections: turns by the flows that are there, twice a second
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping

from . import flows
from .checks import check
from .files import read, write
from .log import log
from .network import PASSING_MARK
from .rules import OF_LISTENER, REFUSED, TABLE, CannotCarry, eligible, level, mark, probe, render, turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Datagrams"]

TURNS_SECONDS = 0.5
TURNS = 64
"""For how many new flows it is said whose turn it is; then they begin again."""
SAVE_SECONDS = 10.0
NUMBERS = 0x3FFF
FORWARDING = ("ipv4/ip_forward", "ipv6/conf/all/forwarding")
COUNTED = {"bytes_in": "in", "bytes_out": "out", "total_connections": "new"}


class Turns:
    """Whose turn it is in a pool of least connections: that of `names` in turn, without any by the weights.
    `even`: all had as many flows as they should."""

    def __init__(self, even: bool, weights: tuple[tuple[str, int], ...], names: tuple[str, ...]) -> None:
        self.even, self.weights, self.names = even, weights, names


class _Seen:
    """What checks have said of one member as one listener uses it."""

    def __init__(self) -> None:
        self.up: bool | None = None
        self.good = self.bad = 0
        self.last, self.milliseconds = "", 0

    def note(self, good: bool, words: str, milliseconds: int, rise: int, fall: int) -> bool:
        """Whether the member went up or down by that. A first check decides at once."""
        before, first = self.up, self.up is None
        self.good, self.bad = (self.good + 1, 0) if good else (0, self.bad + 1)
        self.last, self.milliseconds = words[:80], milliseconds
        if good and (first or self.good >= rise):
            self.up = True
        elif not good and (first or self.bad >= fall):
            self.up = False
        return self.up is not before


class Datagrams:
    """`directory` keeps what was asked for last, the objects' numbers and what was counted. `known_lacks`:
    `host` → what amphorae there lack."""

    def __init__(
        self, directory: str, program: str = "nft", known_lacks: Mapping[str, dict[str, str]] | None = None
    ) -> None:
        self._file, self._program = f"{directory}/datagrams.json", program
        self._state = f"{directory}/datagrams-state.json"
        self._listeners: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}
        self._counted: dict[str, list[int]] = {}
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._turns: dict[str, Turns] = {}
        self._watched: dict[tuple[str, str], threading.Event] = {}
        self._lock = threading.RLock()
        self._digest, self._saved, self._balancing = "", 0.0, False
        self.host = _host(program)
        self._lacks: dict[str, str] | None = (known_lacks or {}).get(self.host)

    def begin(self) -> None:
        if os.path.exists(self._state):
            kept = json.loads(read(self._state))
            self._numbers, self._counted = kept["numbers"], kept["counted"]
        if os.path.exists(self._file):
            self.configure(json.loads(read(self._file)))

    def end(self) -> None:
        """The rules stay: they belong to the amphora, not to the agent."""
        with self._lock:
            for stop in self._watched.values():
                stop.set()
            if self._listeners:
                self._save()

    @property
    def digest(self) -> str:
        """Of what was asked for last; "" when there is nothing."""
        return self._digest

    def lacks(self) -> dict[str, str]:
        """Protocol → why this amphora cannot carry it."""
        if self._lacks is None:
            found = {}
            for protocol in ("UDP", "SCTP"):
                try:
                    self._nft(probe(protocol), "-c")
                except CannotCarry as error:
                    found[protocol] = str(error)
            self._lacks = found
        return self._lacks

    def configure(self, wanted: Mapping[str, Any]) -> None:
        """Carry these listeners and no others. Raises CannotCarry; what was carried before then goes on."""
        with self._lock:
            before, self._listeners = self._listeners, [dict(one) for one in wanted["listeners"]]
            try:
                if self._listeners:
                    _let_pass()
                if self._listeners or before:
                    self._apply()
            except CannotCarry:
                self._listeners = before
                raise
            text = json.dumps(wanted, sort_keys=True)
            self._digest = hashlib.sha256(text.encode()).hexdigest() if self._listeners else ""
            write(self._file, text)
            self._save()
            self._forget_flows(before)
            self._watch()
            if not self._balancing and any(map(_by_connections, self._listeners)):
                self._balancing = True
                threading.Thread(target=self._balance, daemon=True).start()

    def report(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Listeners and pools, as heartbeats tell of HAProxy's."""
        with self._lock:
            listeners, watched = list(self._listeners), dict(self._seen)
        if not listeners:
            return {}, {}
        numbers, flowing = self._count(listeners), flows.count(PASSING_MARK, PASSING_MARK)
        told: dict[str, Any] = {}
        pools: dict[str, Any] = {}
        for listener in listeners:
            mine = mark(self._number(listener["id"]))
            active = sum(many for one, many in flowing.items() if one & OF_LISTENER == mine)
            stats = {**numbers[listener["id"]], "active_connections": active, "request_errors": 0}
            told[listener["id"]] = {"status": "OPEN", "stats": stats}
            pool = listener.get("pool")
            if pool:
                members = {one["id"]: self._member(listener, one, watched) for one in pool["members"]}
                down = members and all(one["status"] == "DOWN" for one in members.values())
                pools[f"{pool['id']}:{listener['id']}"] = {
                    "status": "DOWN" if down else "UP",
                    "members": members,
                }
        return told, pools

    def _member(
        self, listener: Mapping[str, Any], member: Mapping[str, Any], watched: Mapping[Any, _Seen]
    ) -> dict[str, str]:
        if not member.get("enabled", True):
            return {"status": "MAINT"}
        if not int(member["weight"]):
            return {"status": "DRAIN"}
        if not listener["pool"].get("monitor"):
            return {"status": "no check"}
        seen = watched.get((listener["id"], member["id"]))
        if seen is None or seen.up is None:
            return {"status": "UP", "last": "not checked yet"}
        milliseconds = str(seen.milliseconds)
        return {"status": "UP" if seen.up else "DOWN", "last": seen.last, "milliseconds": milliseconds}

    # -- rules

    def _apply(self) -> None:
        fresh = render(self._listeners, self._number, self._member_number, self._up, self._order)
        kept = _names(fresh)
        script = [f"add table {TABLE}", f"flush table {TABLE}"]
        for kind, name in _names(self._listed("-t", "table", *TABLE.split())):
            if (kind, name) not in kept:
                script.append(f"delete {kind} {TABLE} {name}")
        order = {"chain": 0, "map": 1, "counter": 2}
        script[2:] = sorted(script[2:], key=lambda line: order.get(line.split()[1], 3))
        if not self._listeners:
            script = [f"add table {TABLE}", f"delete table {TABLE}"]
            fresh = ""
        self._nft("\n".join(script) + "\n" + fresh)

    def _listed(self, option: str, *what: str) -> str:
        """What the kernel has; "" when there is no such thing yet."""
        return self._run([option, "list", *what], None, missing="")

    def _nft(self, text: str, *options: str) -> str:
        return self._run([*options, "-f", "-"], text)

    def _run(self, words: list[str], text: str | None, missing: str | None = None) -> str:
        try:
            ran = subprocess.run(
                [self._program, *words], input=text, capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise CannotCarry(
                "UDP and SCTP need nftables, which is missing in the image of this amphora: "
                "apt-get install nftables."
            ) from None
        if ran.returncode:
            if missing is not None and "No such file" in ran.stderr:
                return missing
            said = [line for line in ran.stderr.splitlines() if "rror" in line] or ran.stderr.splitlines()
            raise CannotCarry(f"The kernel of this amphora does not take the rules: {' '.join(said)[:500]}")
        return ran.stdout

    def _up(self, listener: Mapping[str, Any], member: Mapping[str, Any]) -> bool:
        seen = self._seen.get((listener["id"], member["id"]))
        return not (listener.get("pool") or {}).get("monitor") or seen is None or seen.up is not False

    def _order(self, listener: Mapping[str, Any]) -> tuple[str, ...]:
        """Empty where weights say it, and until the flows are uneven among new members."""
        known = self._turns.get(listener["id"])
        if known is None or not _by_connections(listener) or known.weights != self._weights(listener):
            return ()
        return known.names

    def _weights(self, listener: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
        """The members that take new flows, and their weights."""
        found = [
            one
            for version in (4, 6)
            for one in eligible(listener["pool"], version, lambda one: self._up(listener, one))
        ]
        return tuple((one["id"], max(int(one["weight"]), 1)) for one in found)

    def _number(self, identity: str) -> int:
        if identity not in self._numbers:
            spaces = 2 if "/" in identity else 1
            taken = {value for key, value in self._numbers.items() if ("/" in key) is (spaces == 2)}
            self._numbers[identity] = next(one for one in range(1, NUMBERS) if one not in taken)
        return self._numbers[identity]

    def _member_number(self, listener: str, member: str) -> int:
        return self._number(f"{listener}/{member}")

    def _forget_flows(self, before: list[dict[str, Any]]) -> None:
        """What went to members or listeners that are not there any more ends now."""
        after = {key for one in self._listeners for key in _keys(one)}
        alive = {one["id"] for one in self._listeners}
        for listener in before:
            for key in _keys(listener) - after:
                self._end(*key)
                self._numbers.pop("/".join(key), None)
                self._seen.pop(key, None)
            if listener["id"] not in alive:
                self._numbers.pop(listener["id"], None)
                self._counted = {k: v for k, v in self._counted.items() if not k.startswith(listener["id"])}

    def _end(self, listener: str, member: str) -> None:
        known = self._numbers.get(f"{listener}/{member}")
        if known is not None and listener in self._numbers:
            try:
                flows.end(mark(self._numbers[listener], known))
            except OSError as error:
                log.warning("flows of member %s: %s", member, error)

    # -- checks

    def _watch(self) -> None:
        wanted: dict[tuple[str, str], tuple[Any, ...]] = {}
        for listener in self._listeners:
            pool = listener.get("pool") or {}
            for member in pool.get("members", ()) if pool.get("monitor") else ():
                if member.get("enabled", True):
                    address = member.get("monitor_address") or member["address"]
                    port = int(member.get("monitor_port") or member["port"])
                    wanted[listener["id"], member["id"]] = (pool["monitor"], address, port)
        for stop in self._watched.values():
            stop.set()
        self._watched = {}
        for key, what in wanted.items():
            stop = self._watched[key] = threading.Event()
            threading.Thread(target=self._check, args=(key, stop, *what), daemon=True).start()

    def _check(
        self, key: tuple[str, str], stop: threading.Event, monitor: Mapping[str, Any], address: str, port: int
    ) -> None:
        rise, fall = int(monitor.get("rise", 1)), int(monitor.get("fall", 1))
        while not stop.is_set():
            began = time.monotonic()
            good, words = check(monitor, address, port)
            if good and monitor["type"] == "UDP-CONNECT" and self._refuses(key):
                good, words = False, "it refuses clients' datagrams"
            with self._lock:
                if stop.is_set():
                    return
                seen = self._seen.setdefault(key, _Seen())
                took = round((time.monotonic() - began) * 1000)
                first = seen.up is None
                if seen.note(good, words, took, rise, fall) and not (first and good):
                    log.info("member %s is %s: %s", key[1], "up" if seen.up else "down", words)
                    try:
                        self._apply()
                    except CannotCarry as error:
                        log.warning("%s", error)
                    if not seen.up:
                        self._end(*key)
            stop.wait(max(float(monitor["delay"]) - (time.monotonic() - began), 0.05))

    def _refuses(self, key: tuple[str, str]) -> bool:
        """Whether the member has said of late that nobody takes what clients send there."""
        try:
            shown = json.loads(self._listed("-j", "set", *TABLE.split(), REFUSED) or "{}")
        except CannotCarry:
            return False
        with self._lock:
            mine = mark(self._number(key[0]), self._member_number(*key))
        sets = (one["set"] for one in shown.get("nftables", ()) if "set" in one)
        elements = (element for one in sets for element in one.get("elem", ()))
        return any((one["elem"]["val"] if isinstance(one, dict) else one) == mine for one in elements)

    # -- least connections

    def _balance(self) -> None:
        """Give what is new to those that have the fewest flows for their weight. Where all have as many as
        they should, it goes round, and nothing is changed that would begin it anew."""
        while True:
            time.sleep(TURNS_SECONDS)
            with self._lock:
                chosen = [one for one in self._listeners if _by_connections(one)]
                if not chosen:
                    self._balancing = False
                    return
                flowing = flows.count(PASSING_MARK, PASSING_MARK)
                before = self._turns
                self._turns = {one["id"]: self._turns_of(one, flowing) for one in chosen}
                if any(one.names and before.get(name) is not one for name, one in self._turns.items()):
                    try:
                        self._apply()
                    except CannotCarry as error:
                        log.warning("%s", error)

    def _turns_of(self, listener: Mapping[str, Any], flowing: Mapping[int, int]) -> Turns:
        mine, weights = self._number(listener["id"]), self._weights(listener)
        many = [flowing.get(mark(mine, self._member_number(listener["id"], name)), 0) for name, _ in weights]
        return turned(self._turns.get(listener["id"]), weights, many)

    # -- counters

    def _count(self, listeners: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
        """What passed since a listener was made; counters of the kernel begin anew with the amphora."""
        shown = json.loads(self._listed("-j", "counters", "table", *TABLE.split()) or "{}")
        found = {
            one["counter"]["name"]: one["counter"] for one in shown.get("nftables", ()) if "counter" in one
        }
        told: dict[str, dict[str, int]] = {}
        with self._lock:
            for listener in listeners:
                mine = self._number(listener["id"])
                told[listener["id"]] = {}
                for name, kind in COUNTED.items():
                    counter = found.get(f"{kind}_{mine}", {})
                    value = int(counter.get("packets" if kind == "new" else "bytes", 0))
                    base, last = self._counted.get(f"{listener['id']}.{kind}", [0, 0])
                    base += last if value < last else 0
                    self._counted[f"{listener['id']}.{kind}"] = [base, value]
                    told[listener["id"]][name] = base + value
            if time.monotonic() - self._saved > SAVE_SECONDS:
                self._save()
        return told

    def _save(self) -> None:
        self._saved = time.monotonic()
        write(self._state, json.dumps({"numbers": self._numbers, "counted": self._counted}))


def turned(known: Turns | None, weights: tuple[tuple[str, int], ...], many: list[int]) -> Turns:
    """Whose turn it is when the members have this many flows; `known` itself when nothing is to change."""
    even = level(many, [weight for _, weight in weights])
    if known is None or known.weights != weights:
        known = Turns(True, weights, ())  # what the rules say since the members changed
    if even and known.even:
        return known
    found = turns(many, [weight for _, weight in weights], TURNS if weights else 0)
    names = tuple(weights[at][0] for at in found)
    return known if (known.even, known.names) == (even, names) else Turns(even, weights, names)


def _by_connections(listener: Mapping[str, Any]) -> bool:
    return (listener.get("pool") or {}).get("algorithm") == "LEAST_CONNECTIONS"


def _keys(listener: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The members that may have flows of this listener."""
    members = (listener.get("pool") or {}).get("members", ())
    return {(listener["id"], one["id"]) for one in members if one.get("enabled", True)}


def _names(text: str) -> set[tuple[str, str]]:
    """The chains, maps and so on that a table's text declares."""
    found = set()
    for line in text.splitlines():
        words = line.split()
        if len(words) > 2 and words[-1] in ("{", "}") and words[0] in ("chain", "map", "counter"):
            found.add((words[0], words[1]))
        elif len(words) > 2 and words[0] == "map":
            found.add(("map", words[1]))
    return found


def _host(program: str) -> str:
    """The kernel, since it was started, and the program: where both are the same, the same can be carried."""
    folders = [""] if "/" in program else os.get_exec_path()
    for path in (os.path.join(folder, program) for folder in folders):
        if os.path.exists(path):
            about = os.stat(path)
            return f"{read('/proc/sys/kernel/random/boot_id').strip()} {about.st_size} {about.st_mtime_ns}"
    return ""


def _let_pass() -> None:
    for name in FORWARDING:
        path = f"/proc/sys/net/{name}"
        try:
            if read(path).strip() != "1":
                with open(path, "w") as file:
                    file.write("1")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CannotCarry(
                f"This amphora may not pass datagrams on: net/{name} cannot be set ({error.strerror})."
            ) from None
