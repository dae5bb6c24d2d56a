# SPDX-License-Identifier: Apache-2.0
"""The image of amphorae, from what is at hand: this machine's HAProxy, keepalived, nftables and Python, the
libraries that they load, a shell with its tools, and the agent, compiled.

A root file system in a tar archive; nothing in it comes from anybody's home, and no key is in it.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .worker.agent_program import agent_program
from .worker.bundle import AGENT

__all__ = ["CannotBuild", "build"]

# Packages whose programs an amphora runs; of each what is a program, a library or a setting.
PACKAGES = (
    "haproxy keepalived nftables iproute2 python3-minimal python3.{minor}-minimal libpython3.{minor}-minimal "
    "libpython3.{minor}-stdlib dash coreutils util-linux grep sed gzip hostname netbase base-files"
)
WANTED = re.compile(
    r"/(usr/)?(bin|sbin|lib|lib64|libexec)/|/etc/(protocols|services|os-release|debian_version)$"
)
UNWANTED = re.compile(
    r"/usr/share/|/__pycache__/|/systemd/|/(test|tests|idlelib|lib2to3|pydoc_data|turtledemo|ensurepip|tkinter"
    r"|unittest|sqlite3|xmlrpc|wsgiref|dbm|curses|distutils|venv)/|/perl|/etc/(init\.d|default)/"
)
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
FOLDERS = (
    "dev",
    "etc",
    "proc",
    "run",
    "sys",
    "tmp",
    "root",
    "home",
    "var/lib",
    "var/log",
    "var/tmp",
    "etc/haproxy",
)
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "etc/shadow": "root:*:19000:0:99999:7:::\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/hostname": "amphora\n",
}
LINKED = ("bin", "sbin", "lib", "lib32", "lib64")


class CannotBuild(Exception):
    """This machine lacks what the image is made of; the message says what, and how to get it."""


def build(target: Path) -> int:
    """Write the image to `target`; its size in bytes. Raises CannotBuild."""
    files = _files()
    with tempfile.TemporaryDirectory(prefix="samovar-amphora-") as staging:
        agent = _agent(Path(staging))
        temporary = target.with_name(f".{target.name}.new")
        try:
            with gzip.GzipFile(temporary, "wb", compresslevel=6, mtime=0) as packed:
                _pack(packed, files, agent)
            temporary.rename(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target.stat().st_size


def _files() -> list[str]:
    """The paths of everything but the agent, links and what they lead to."""
    if shutil.which("dpkg-query") is None:
        raise CannotBuild("The image is made of Debian's packages, and this machine has no dpkg-query.")
    minor = _run(["/usr/bin/python3", "-c", "import sys; print(sys.version_info[1])"]).strip()
    names = PACKAGES.format(minor=minor).split()
    found: set[str] = set()
    for name in names:
        ran = subprocess.run(["dpkg-query", "-L", name], capture_output=True, text=True, check=False)
        if ran.returncode:
            raise CannotBuild(f"The package {name} is not installed here: apt-get install {name}.")
        found.update(
            line for line in ran.stdout.splitlines() if WANTED.search(line) and not UNWANTED.search(line)
        )
    found = {path for path in found if os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode)}
    found |= set(_with_targets(found))
    found |= set(_with_targets(_libraries(found)))
    return sorted({_merged(path) for path in found})


def _merged(path: str) -> str:
    """The path without /bin and its like, which are links to /usr/bin nowadays."""
    first = path.split("/")[1]
    return f"/usr{path}" if first in LINKED and os.path.islink(f"/{first}") else path


def _with_targets(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        yield path
        while os.path.islink(path):
            path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
            if not os.path.exists(path) or os.path.isdir(path):
                break
            yield path


def _libraries(paths: Iterable[str]) -> set[str]:
    """What the programs and libraries among `paths` load, and what names are looked up with."""
    binaries = [path for path in sorted(paths) if _is_elf(path)]
    found: set[str] = set()
    for start in range(0, len(binaries), 100):
        command = ["ldd", *binaries[start : start + 100]]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        found.update(match[1] for match in LIBRARY.finditer(said))
    folders = {os.path.dirname(os.path.realpath(path)) for path in found}
    for folder in folders:
        for name in ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"):
            if os.path.exists(f"{folder}/{name}"):
                found.add(f"{folder}/{name}")
    return found


def _is_elf(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _agent(staging: Path) -> Path:
    """The agent as amphorae compile it themselves, done beforehand: it need only be started."""
    folder = staging / Path(AGENT).relative_to("/").parent
    folder.mkdir(parents=True)
    (folder / Path(AGENT).name).write_bytes(agent_program())
    command = ["/usr/bin/python3", "-I", "-S", str(folder / Path(AGENT).name), str(staging / "nothing")]
    subprocess.run(command, capture_output=True, check=False)  # it finds no settings, and ends
    if not list(folder.glob("agent-*")):
        raise CannotBuild("This machine's /usr/bin/python3 does not compile the agent.")
    return staging


def _pack(packed: gzip.GzipFile, files: Iterable[str], agent: Path) -> None:
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in FOLDERS:
            _add_entry(archive, name, tarfile.DIRTYPE, 0o1777 if name.endswith("tmp") else 0o755)
        for name in LINKED:
            if os.path.islink(f"/{name}"):
                _add_entry(archive, name, tarfile.SYMTYPE, 0o777, link=os.readlink(f"/{name}"))
        for name, content in ACCOUNTS.items():
            mode = 0o600 if name.endswith("shadow") else 0o644
            _add_entry(archive, name, tarfile.REGTYPE, mode, content=content.encode())
        for path in files:
            _add_file(archive, path, path.lstrip("/"))
        for found in sorted(agent.rglob("*")):
            if found.is_file():
                _add_file(archive, str(found), str(found.relative_to(agent)))


def _add_file(archive: tarfile.TarFile, source: str, name: str) -> None:
    entry = archive.gettarinfo(source, name)
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    if entry.isreg():
        entry.mode = 0o755 if entry.mode & 0o100 else 0o644
        with open(source, "rb") as file:
            archive.addfile(entry, file)
    elif entry.issym() or entry.islnk():
        archive.addfile(entry)


def _add_entry(
    archive: tarfile.TarFile, name: str, kind: bytes, mode: int, *, link: str = "", content: bytes = b""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(content)
    archive.addfile(entry, io.BytesIO(content))


def _run(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotBuild(f"{command[0]} does not run: {error}") from error
