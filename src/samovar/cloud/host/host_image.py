# SPDX-License-Identifier: Apache-2.0
"""The built-in image "host": the machine's own programs without the machine's secrets.

Nothing is taken but what is named here. Programs and the package database come as read-only layers straight
from the host; /etc is a filtered copy (only what every local user may read anyway, without the host's own
users, keys and network); everything else is made new: /root, /home, /tmp, /var, /opt, /srv and so on are
those of a fresh machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samovar.cloud.host.launcher import whole_machine

__all__ = ["digest", "layers", "make_skeleton"]

FORMAT = "1"
PROGRAM_DIRECTORIES = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
PACKAGE_DATABASES = ("/var/lib/dpkg", "/var/lib/rpm", "/lib/apk", "/var/lib/pacman")
COPIED = ("/etc", "/var/lib/pam", "/var/lib/ucf", "/var/cache/debconf")
EMPTY = {
    **dict.fromkeys(
        ("boot", "dev", "home", "media", "mnt", "opt", "proc", "run", "srv", "sys", "usr", "var"), 0o755
    ),
    "root": 0o700,
    "tmp": 0o1777,
    "var/tmp": 0o1777,
    "var/cache": 0o755,
    "var/lib": 0o755,
    "var/log": 0o755,
    **dict.fromkeys(("var/log/apt", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"), 0o755),
    **dict.fromkeys(("var/spool", "var/mail", "var/local", "var/opt", "var/backups", "var/lib/misc"), 0o755),
}
# Whatever its mode: what describes this very machine, or commonly holds credentials.
NOT_COPIED = frozenset(
    {
        "hostname",
        "hosts",
        "resolv.conf",
        "machine-id",
        "fstab",
        "mtab",
        "environment",
        "adjtime",
        ".pwd.lock",
        "crypttab",
        "exports",
        "passwd",
        "passwd-",
        "group",
        "group-",
        "shadow",
        "shadow-",
        "gshadow",
        "gshadow-",
        "subuid",
        "subuid-",
        "subgid",
        "subgid-",
        "sudoers",
        "sudoers.d",
        "netplan",
        "NetworkManager",
        "network",
        "networks",
        "wireguard",
        "openvpn",
        "ipsec.d",
        "ipsec.conf",
        "ipsec.secrets",
        "ppp",
        "letsencrypt",
        "kubernetes",
        "cni",
        "containers",
        "docker",
        "containerd",
        "rancher",
        "samovar",
        "cloud",
        "openstack",
        "salt",
        "puppet",
        "puppetlabs",
        "chef",
        "consul.d",
        "vault.d",
        "nomad.d",
        "ceph",
        "libvirt",
        "iscsi",
        "nvme",
        "multipath",
        "krb5.keytab",
        "ldap",
        "ldap.conf",
        "sssd",
        "samba",
        "mysql",
        "postgresql",
        "rabbitmq",
        "redis",
        "grafana",
        "prometheus",
        "gitlab",
        "wpa_supplicant",
        "bluetooth",
        "ssl/private",
    }
)
OWN_FILES = {
    "etc/machine-id": ("", 0o444),
    "etc/fstab": ("", 0o644),
    "etc/environment": ('PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\n', 0o644),
    "etc/sudoers": (
        "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n%wheel ALL=(ALL:ALL) ALL\n"
        "@includedir /etc/sudoers.d\n",
        0o440,
    ),
}
LAST_SYSTEM_ID, NOBODY = 999, 65534


def digest(root: Path = Path("/")) -> str:
    """Changes when anything that the skeleton copies changes."""
    state = hashlib.sha256(FORMAT.encode())
    for source, path, status in _copied(root):
        state.update(f"{source}{path} {status.st_mtime_ns} {status.st_size} {status.st_mode}\n".encode())
    return state.hexdigest()[:32]


def layers(skeleton: Path, root: Path = Path("/")) -> list[dict[str, Any]]:
    """The layers of a server: the skeleton, and over it the host's programs and package database."""
    found: list[dict[str, Any]] = [{"target": "/", "lowers": [str(skeleton / "tree")]}]
    for path in (*PROGRAM_DIRECTORIES, *PACKAGE_DATABASES):
        source = root / path.strip("/")
        inside = any(path.startswith(f"{other['target']}/") for other in found[1:])
        if source.is_dir() and not source.is_symlink() and not inside:
            lowers = [str(source)]
            if path == "/usr":
                lowers.insert(0, str(skeleton / "usr"))
            found.append({"target": path, "lowers": lowers})
    return found


def make_skeleton(place: Path, root: Path = Path("/")) -> None:
    """Fill the new directory ``place`` with ``tree`` (a root file system without programs) and ``usr`` (a
    mask).
    """
    tree = place / "tree"
    tree.mkdir(mode=0o755)
    for name, mode in EMPTY.items():
        (tree / name).mkdir(parents=True, exist_ok=True)
        (tree / name).chmod(mode)
    for path in PROGRAM_DIRECTORIES:
        program = root / path.strip("/")
        if program.is_symlink():
            (tree / path.strip("/")).symlink_to(os.readlink(program))
        elif program.is_dir():
            (tree / path.strip("/")).mkdir(exist_ok=True)
    for path in PACKAGE_DATABASES:
        if (root / path.strip("/")).is_dir() and not (tree / path.strip("/")).parent.is_symlink():
            (tree / path.strip("/")).mkdir(parents=True, exist_ok=True)
    (tree / "var/run").symlink_to("/run")
    (tree / "var/lock").symlink_to("/run/lock")
    for source, name, status in _copied(root):
        _copy(root / source / name, tree / source / name, status)
    for name, (content, mode) in OWN_FILES.items():
        _write(tree / name, content, mode)
    (tree / "etc/sudoers.d").mkdir(mode=0o750, exist_ok=True)
    _accounts(root / "etc", tree / "etc")
    for name in (".bashrc", ".profile"):
        if (tree / "etc/skel" / name).is_file():
            shutil.copy(tree / "etc/skel" / name, tree / "root" / name)
    mask = place / "usr"
    for name in ("local/etc", "src"):
        (mask / name).mkdir(parents=True)
        kind = "trusted" if whole_machine() else "user"
        os.setxattr(mask / name, f"{kind}.overlay.opaque", b"y")


def _copied(root: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    """(top, path below it, status) of everything to copy, parents first."""
    for top in COPIED:
        name = top.strip("/")
        if (root / name).is_dir():
            yield name, "", (root / name).lstat()
            yield from ((name, path, status) for path, status in _readable(root / name, "", name == "etc"))


def _readable(top: Path, below: str, filtered: bool) -> Iterator[tuple[str, os.stat_result]]:
    """What every user may read: directories, files and symbolic links."""
    with os.scandir(top / below) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{below}/{entry.name}" if below else entry.name
            if filtered and path in NOT_COPIED:
                continue
            status = entry.stat(follow_symlinks=False)
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFDIR and status.st_mode & 0o005 == 0o005:
                yield path, status
                yield from _readable(top, path, filtered)
            elif kind == stat.S_IFLNK or (kind == stat.S_IFREG and status.st_mode & 0o004):
                yield path, status


def _copy(source: Path, target: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        target.mkdir(parents=True, exist_ok=True)
    elif stat.S_ISLNK(status.st_mode):
        target.symlink_to(os.readlink(source))
        return
    else:
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:  # gone since it was listed
            return
    if whole_machine():  # in a user namespace most owners don't exist
        os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))


def _accounts(source: Path, target: Path) -> None:
    """The host's system users and groups, all of them without a password, and none of its people."""

    def system(name: str) -> list[list[str]]:
        file = source / name
        rows = [line.split(":") for line in file.read_text().splitlines()] if file.exists() else []
        return [row for row in rows if len(row) > 3 and row[2].isdigit() and _is_system(int(row[2]))]

    users, groups = system("passwd"), system("group")
    if not any(row[0] == "root" for row in users):
        users.insert(0, ["root", "x", "0", "0", "root", "/root", "/bin/sh"])
    for row in users:
        if row[0] == "root":
            row[4:] = [
                "root",
                "/root",
                row[6] if len(row) > 6 and row[6] != "/usr/sbin/nologin" else "/bin/sh",
            ]
    _write(target / "passwd", "".join(":".join([row[0], "x", *row[2:]]) + "\n" for row in users), 0o644)
    _write(target / "group", "".join(f"{row[0]}:x:{row[2]}:\n" for row in groups), 0o644)
    _write(target / "shadow", "".join(f"{row[0]}:*:19000:0:99999:7:::\n" for row in users), 0o640)
    _write(target / "gshadow", "".join(f"{row[0]}:*::\n" for row in groups), 0o640)
    shadow = next((int(row[2]) for row in groups if row[0] == "shadow"), 0)
    for name in ("shadow", "gshadow") if whole_machine() else ():
        os.chown(target / name, 0, shadow)


def _is_system(number: int) -> bool:
    return number <= LAST_SYSTEM_ID or number == NOBODY


def _write(path: Path, content: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
