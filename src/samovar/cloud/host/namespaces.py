# SPDX-License-Identifier: Apache-2.0
"""Named network namespaces: made, entered, found again and removed.

A namespace is a bind mount of nsfs at ``/run/netns/NAME``, as ``ip netns`` makes them, so that ``ip netns
exec`` works on it. Which of them belong to one state directory is written down there, before each is made
and until it is gone.

Entering is a matter of one thread: call these functions from the agent's network thread only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from samovar.cloud.host.errors import HostError, kernel_refusal

__all__ = [
    "Namespaces",
    "external_namespace",
    "network_namespace",
    "router_namespace",
    "server_namespace",
    "set_sysctl",
]

CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_SHARED = 4096, 16384, 1 << 20
MNT_DETACH = 2
STATX_ATTR_MOUNT_ROOT = 0x2000

_libc = ctypes.CDLL(None, use_errno=True)


def network_namespace(network_id: str) -> str:
    return f"sv-net-{network_id}"


def router_namespace(router_id: str) -> str:
    return f"sv-rtr-{router_id}"


def server_namespace(server_id: str) -> str:
    return f"sv-srv-{server_id}"


def external_namespace(tag: str) -> str:
    return f"sv-ext-{tag}"


def set_sysctl(name: str, value: int | str) -> None:
    """Write ``/proc/sys/NAME`` as the calling thread's namespace sees it; what this kernel lacks is left
    out.
    """
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(f"/proc/sys/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(value).encode())
        finally:
            os.close(descriptor)


class Namespaces:
    """The namespaces of one state directory. ``directory`` is where all programs of the machine keep
    theirs.
    """

    def __init__(self, registry: Path, directory: Path = Path("/run/netns")) -> None:
        self.registry = registry
        self.directory = directory
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._device = os.fstat(self._home).st_dev

    def prepare(self) -> None:
        """Make the directory a shared mount, once for all programs, so that removing a namespace reaches
        everywhere.
        """
        self.registry.mkdir(parents=True, exist_ok=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_mount(self.directory):
                _mount(str(self.directory), self.directory, MS_BIND | MS_REC)
                _mount("", self.directory, MS_SHARED | MS_REC)
        finally:
            os.close(lock)

    def leave(self) -> None:
        """Undo `prepare` when nobody has a namespace there any more: the machine is as it was."""
        with contextlib.suppress(OSError, HostError):
            if not any(self.directory.iterdir()):
                if _is_mount(self.directory):
                    _check(_libc.umount2(str(self.directory).encode(), 0), f"unmount {self.directory}")
                self.directory.rmdir()

    def path(self, name: str) -> Path:
        return self.directory / name

    def alive(self, name: str) -> bool:
        """Whether the name leads to a namespace (after a reboot it may be left as an empty file)."""
        try:
            return os.stat(f"{self.directory}/{name}").st_dev == self._device
        except FileNotFoundError:
            return False

    def ensure(self, name: str) -> bool:
        """Make the namespace unless it is there; tells whether it was made. Its loopback is still down
        then.
        """
        if self.alive(name):
            return False
        if not self.directory.exists() or not _is_mount(self.directory):
            self.prepare()  # another cloud was the last to leave
        path = f"{self.directory}/{name}"
        (self.registry / name).touch()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
        try:
            _check(_libc.unshare(CLONE_NEWNET), f"make the network namespace {name}")
            try:
                _mount("/proc/thread-self/ns/net", Path(path), MS_BIND)
            finally:
                self._enter(self._home)
        except HostError:
            os.unlink(path)
            raise
        return True

    def remove(self, name: str) -> None:
        """Let go of the namespace; the kernel frees what is in it once nothing lives there any more."""
        path = f"{self.directory}/{name}"
        if self.alive(name):
            _check(_libc.umount2(path.encode(), MNT_DETACH), f"let go of the network namespace {name}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        (self.registry / name).unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        """Whether this state directory has made the name and not removed it, be it alive or not."""
        return (self.registry / name).exists()

    def registered(self) -> list[str]:
        """The names that this state directory has made and not removed."""
        return sorted(entry.name for entry in os.scandir(self.registry)) if self.registry.exists() else []

    def living(self) -> list[str]:
        return [name for name in self.registered() if self.alive(name)]

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """A descriptor of the namespace."""
        try:
            descriptor = os.open(f"{self.directory}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise HostError("missing", f"There is no network namespace {name} on this host.") from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def inside(self, name: str | None) -> Iterator[None]:
        """Have the calling thread in the namespace meanwhile (None = the host's own)."""
        if name is None:
            yield
            return
        with self.opened(name) as descriptor:
            self._enter(descriptor)
            try:
                yield
            finally:
                self._enter(self._home)

    def _enter(self, descriptor: int) -> None:
        _check(_libc.setns(descriptor, CLONE_NEWNET), "enter a network namespace")

    def close(self) -> None:
        os.close(self._home)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise kernel_refusal(what, OSError(number, os.strerror(number)))


def _mount(source: str, target: Path, flags: int) -> None:
    result = _libc.mount(source.encode(), str(target).encode(), b"none", ctypes.c_ulong(flags), None)
    _check(result, f"mount {target}")


def _is_mount(path: Path) -> bool:
    """``os.path.ismount`` does not see a bind mount of the same file system; statx does."""
    result = ctypes.create_string_buffer(256)
    _check(_libc.statx(-100, str(path).encode(), 0, 0, result), f"look at {path}")
    attributes: int = struct.unpack_from("=Q", result, 8)[0]
    return bool(attributes & STATX_ATTR_MOUNT_ROOT)
