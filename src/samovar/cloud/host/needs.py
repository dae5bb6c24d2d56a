# SPDX-License-Identifier: Apache-2.0
"""What the local cloud needs of this machine, found out by trying it where nothing can be harmed.

Each probe runs in a thread that leaves for namespaces of its own first; what it makes there goes with the
thread.
"""

from __future__ import annotations

import ctypes
import os
import platform
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from samovar.cloud.host.errors import HostError
from samovar.cloud.host.messages import add_bridge, add_veth
from samovar.cloud.host.namespaces import CLONE_NEWNET, Namespaces
from samovar.cloud.host.netlink import Netlink
from samovar.cloud.host.nft import load, run_nft

__all__ = ["Need", "check_privileges", "needs"]

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 16384, 1 << 18
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_ADMIN": 21}
ROUTE_RULES = """
table ip probe {
map there { type ipv4_addr : ipv4_addr; }
chain leaving {
type nat hook postrouting priority 100; policy accept;
snat to ip saddr map @there
}
}
table inet probe {
chain arriving {
type filter hook input priority 0; policy accept;
ct state established accept
}
}
"""
BRIDGE_RULES = """
table bridge probe {
set allowed { type ifname . ether_addr . ipv4_addr; }
chain arriving {
type filter hook prerouting priority -200; policy accept;
ether type ip iifname . ether saddr . ip saddr @allowed accept
}
}
"""


class Need(Struct, frozen=True):
    """One need: whether it is met, what was found, and what to do if it is not ("" when it is).

    Without one that is not ``required`` the cloud works, with the loss that ``found`` tells.
    """

    name: str
    met: bool
    found: str
    fix: str = ""
    required: bool = True


def needs(namespace_dir: Path = Path("/run/netns")) -> list[Need]:
    """Every need of the host agent, in the order in which a person would look after them."""
    found = [check_privileges(), _libnftables(), _namespace_directory(namespace_dir)]
    probes: list[tuple[str, int, Callable[[], None], str]] = [
        (
            "network namespaces, bridges and veth pairs",
            CLONE_NEWNET,
            _try_links,
            "Load the modules (modprobe bridge veth) or use a kernel that has them.",
        ),
        (
            "address translation and stateful filters (nf_tables, conntrack)",
            CLONE_NEWNET,
            lambda: _try_nft(ROUTE_RULES),
            "Load the modules: modprobe nf_tables nft_nat nft_ct nf_conntrack.",
        ),
        (
            "filters on bridges (nf_tables, bridge family)",
            CLONE_NEWNET,
            lambda: _try_nft(BRIDGE_RULES),
            "Load the module nf_tables, in a kernel built with CONFIG_NF_TABLES_BRIDGE.",
        ),
        (
            "forwarding in a namespace of one's own (/proc/sys writable)",
            CLONE_NEWNET,
            _try_forwarding,
            "Mount /proc writable; in a container, start it with --privileged or unmask /proc/sys.",
        ),
        (
            "overlay file systems",
            CLONE_NEWNS,
            _try_overlay,
            "Load the module: modprobe overlay.",
        ),
    ]
    found += [_try(name, flags, probe, fix) for name, flags, probe, fix in probes]
    return [*found, _cgroups(), _user_namespaces(), _kernel()]


def check_privileges() -> Need:
    """Whether this process may make networks: root, or root of a user namespace."""
    effective = int(_field(Path("/proc/self/status").read_text(), "CapEff"), 16)
    missing = [name for name, bit in CAPABILITIES.items() if not effective >> bit & 1]
    found = f"user {os.geteuid()}" + (f", without {', '.join(missing)}" if missing else "")
    fix = "Run it as root, for example with sudo." if missing else ""
    return Need("privileges to make networks", not missing, found, fix)


def _libnftables() -> Need:
    try:
        load()
    except HostError as error:
        return Need("libnftables", False, error.message, "Install it: apt-get install libnftables1.")
    return Need("libnftables", True, "libnftables.so.1")


def _namespace_directory(directory: Path) -> Need:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    writable = os.access(existing, os.W_OK)
    fix = "" if writable else f"Make {existing} writable for this user, or run as root."
    return Need("a directory for namespaces", writable, str(directory), fix)


def _try(name: str, flags: int, probe: Callable[[], None], fix: str) -> Need:
    """Run ``probe`` in a thread with namespaces of its own."""
    words: list[str] = []

    def attempt() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            if libc.unshare(flags) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            probe()
        except HostError as error:
            words.append(error.message)
        except OSError as error:
            words.append(f"{error.strerror or error}")

    thread = threading.Thread(target=attempt, name="probe")
    thread.start()
    thread.join()
    return Need(name, not words, words[0] if words else "works", fix if words else "")


def _namespaces() -> Namespaces:
    return Namespaces(Path("/nonexistent"))


def _try_links() -> None:
    namespaces = _namespaces()
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with Netlink(namespaces) as netlink:
            netlink.run(
                add_bridge("br0", mac="fa:16:3f:00:00:01", mtu=1500), add_veth("p0", "eth0", own, mtu=1500)
            )
    finally:
        os.close(own)
        namespaces.close()


def _try_nft(rules: str) -> None:
    namespaces = _namespaces()
    try:
        run_nft(namespaces, None, rules)
    finally:
        namespaces.close()


def _try_forwarding() -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _try_overlay() -> None:
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
        arguments = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
        if libc.mount(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    mount("none", "/", "none", MS_REC | MS_PRIVATE, "")
    with tempfile.TemporaryDirectory(prefix="samovar-probe-") as directory:
        mount("tmpfs", directory, "tmpfs", 0, "")
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(f"{directory}/{name}")
        layers = f"lowerdir={directory}/lower,upperdir={directory}/upper,workdir={directory}/work"
        mount("overlay", f"{directory}/merged", "overlay", 0, layers)
        libc.umount2(f"{directory}/merged".encode(), 2)
        libc.umount2(directory.encode(), 2)


def _cgroups() -> Need:
    root = Path("/sys/fs/cgroup")
    name = "control groups (limits for memory and CPU)"
    if (root / "cgroup.controllers").exists():
        controllers = set((root / "cgroup.controllers").read_text().split())
        found, place = "version 2", root
    else:
        controllers = {one for one in ("memory", "cpu") if (root / one).is_dir()}
        found, place = "version 1", root / "memory"
    if not {"memory", "cpu"} <= controllers:
        loss = "no memory and cpu controllers: flavors' limits are not enforced"
        return Need(
            name, False, loss, "Mount the cgroup file system at /sys/fs/cgroup with both.", required=False
        )
    if not os.access(place, os.W_OK):
        fix = "Run as root, or let systemd delegate a cgroup (systemd-run --user -p Delegate=yes)."
        return Need(name, False, f"{found}, not writable: limits are not enforced", fix, required=False)
    return Need(name, True, found, required=False)


def _user_namespaces() -> Need:
    name = "user namespaces (a server's root is nobody outside)"
    try:
        most = int(Path("/proc/sys/user/max_user_namespaces").read_text())
    except FileNotFoundError:
        most = 0
    if most == 0:
        return Need(
            name, False, "none are allowed", "sysctl -w user.max_user_namespaces=10000", required=False
        )
    for switch, forbids in (
        ("kernel/unprivileged_userns_clone", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ):
        path = Path("/proc/sys") / switch
        if os.geteuid() != 0 and path.exists() and path.read_text().strip() == forbids:
            option = switch.replace("/", ".")
            fix = f"sysctl -w {option}={1 - int(forbids)}, or run as root."
            return Need(name, False, f"not for ordinary users: {option}={forbids}", fix, required=False)
    return Need(name, True, f"up to {most}", required=False)


def _kernel() -> Need:
    release = platform.release()
    numbers = [int(part) for part in release.replace("-", ".").split(".")[:2] if part.isdigit()]
    new_enough = numbers >= [5, 19]
    fix = "" if new_enough else "Use Linux 5.19 or newer (Debian 12 has 6.1) for id-mapped layers."
    return Need("kernel", new_enough, f"Linux {release}", fix, required=False)


def _field(text: str, name: str) -> str:
    return text.split(f"{name}:", 1)[1].split(None, 1)[0]
