# SPDX-License-Identifier: Apache-2.0
"""The process that makes servers: small, single-threaded, only the standard library (``python -I -S
launcher.py``).

It reads one JSON request per line, forks for each, and answers with one JSON line (see ``launching``). A
server's first process is written to the pid file *before* it is let go, under the server's lock: however
often and wherever anything is killed, a server never has two of them.

Order of things for a server in its own user namespace: join the network namespace, build the root file
system with the host's rights (id-mapped layers, device nodes), only then enter the user namespace and make
the other namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import stat
import struct
import sys
import time
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR, PIVOT_ROOT = 428, 429, 442, {"x86_64": 155, "aarch64": 41}
ID_RANGE = 65536
LOCK_SECONDS = 15.0
DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
# What root keeps without a user namespace of its own: chown, dac_override, dac_read_search, fowner, fsetid,
# kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, audit_write, setfcap.
PLAIN_CAPABILITIES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 18, 29, 31}
CAPABILITY_NUMBERS = {
    "NET_ADMIN": 12,
    "NET_RAW": 13,
    "SYS_ADMIN": 21,
    "SYS_PTRACE": 19,
    "MKNOD": 27,
    "SYS_TIME": 25,
}
READONLY_PROC = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
OWN_NETWORK = ("/proc/sys/net/ipv4", "/proc/sys/net/ipv6")
HIDDEN_PROC = ("/proc/kcore", "/proc/keys", "/proc/timer_list")


class Unmappable(Exception):
    """This kernel or file system cannot shift the owners of a layer."""


def check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def reason_of(error: BaseException) -> str:
    """What went wrong, in the kernel's words."""
    if not isinstance(error, OSError):
        return repr(error)
    return f"{error.strerror} ({error.filename})" if error.filename else str(error.strerror or error)


def mount(source: str, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    kind_bytes, data_bytes = kind.encode() if kind else None, data.encode() if data else None
    result = libc.mount(source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), data_bytes)
    check(result, f"mount {kind or source} on {target}")


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat: with the pid it names one process for as long as the machine runs. 0 =
    none.
    """
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def running(directory: str) -> dict[str, Any] | None:
    """What the pid file says, when that process still runs."""
    try:
        with open(f"{directory}/pid") as file:
            known: dict[str, Any] = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    alive = known["boot"] == boot_id() and start_time(known["pid"]) == known["start"]
    return known if alive else None


def lock(directory: str) -> int:
    """The server's lock, held until this process and what it forked end or execute something else."""
    descriptor = os.open(f"{directory}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(errno.EBUSY, "another start or removal of this server does not end") from None
            time.sleep(0.005)
    if os.stat(f"{directory}/lock").st_ino != os.fstat(descriptor).st_ino:
        raise OSError(errno.ENOENT, "the server was removed meanwhile")
    return descriptor


def whole_machine() -> bool:
    """Whether we are the machine's root, and not that of a user namespace."""
    with open("/proc/self/uid_map") as file:
        return file.read().split() == ["0", "0", "4294967295"]


def user_namespace(base: int) -> int:
    """A user namespace whose ids 0… are ``base``… outside; its descriptor."""
    made_read, made_write = os.pipe()
    done_read, done_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(done_write)
        if libc.unshare(NEWUSER) == 0:
            os.write(made_write, b"x")
            os.read(done_read, 1)
        os._exit(0)
    os.close(made_write)
    try:
        if not os.read(made_read, 1):
            raise Unmappable("user namespaces are switched off")
        for kind in ("uid_map", "gid_map"):
            try:
                with open(f"/proc/{child}/{kind}", "w") as file:
                    file.write(f"0 {base} {ID_RANGE}\n")
            except OSError:
                raise Unmappable("this program may not map user ids") from None
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for descriptor in (done_write, made_read, done_read):
            os.close(descriptor)
        os.waitpid(child, 0)


def attach_loop(path: str, offset: int, size: int) -> str:
    """A read-only loop device over a part of a file; it goes away with its last mount."""
    backing = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    for _ in range(50):
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        number = fcntl.ioctl(control, 0x4C82)  # LOOP_CTL_GET_FREE
        os.close(control)
        node = f"/dev/loop{number}"
        if not os.path.exists(node):
            os.mknod(node, 0o660 | stat.S_IFBLK, os.makedev(7, number))
        device = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
        info = struct.pack(
            "=QQQQQIIII64s64s32sQQ", 0, 0, 0, offset, size, 0, 0, 0, 1 | 4, b"", b"", b"", 0, 0
        )
        try:
            fcntl.ioctl(device, 0x4C0A, struct.pack("=II", backing, 0) + info + bytes(64))  # LOOP_CONFIGURE
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:
                raise
            continue
        os.close(backing)
        return node  # `device` stays open until the mount holds it
    raise OSError(errno.EBUSY, "no free loop device")


def lay(lower: Any, place: str, users: int | None) -> None:
    """Put one read-only layer at ``place``: a directory, or the file system in (a part of) a file."""
    os.makedirs(place, exist_ok=True)
    source = lower
    if isinstance(lower, dict):
        node = attach_loop(lower["file"], lower["offset"], lower["size"])
        quiet = {"ext4": "noload", "xfs": "norecovery,nouuid"}.get(lower["kind"])
        mount(node, place, lower["kind"], RDONLY | NODEV, quiet)
        source = place
    if users is None:
        if source != place:
            mount(source, place, None, BIND)
        return
    tree = check(libc.syscall(OPEN_TREE, -100, source.encode(), 1 | 0x80000), "open_tree")
    attributes = ctypes.create_string_buffer(struct.pack("=QQQQ", 0x100000, 0, 0, users))
    if libc.syscall(MOUNT_SETATTR, tree, b"", 0x1000, attributes, 32) < 0:
        reason = os.strerror(ctypes.get_errno())
        raise Unmappable(f"the file system of {source} cannot be id-mapped ({reason})")
    check(libc.syscall(MOVE_MOUNT, tree, b"", -100, place.encode(), 4), "move_mount")
    os.close(tree)


def place(root: str, path: str, owner: int, *, directory: bool = True) -> str:
    """``path`` below ``root``, made where missing; a symbolic link on the way is replaced, never followed."""
    current = root
    for part in path.strip("/").split("/"):
        current = f"{current}/{part}"
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(os.lstat(current).st_mode):
                continue
            os.unlink(current)
        os.mkdir(current, 0o755)
        os.chown(current, owner, owner)
    return current


def overlay(request: dict[str, Any], users: int | None, owner: int) -> None:
    """Mount every layer of the image with the server's own upper directory. Works in the server's
    directory.
    """
    number = 0
    for layer in request["layers"]:
        name = layer["target"].strip("/").replace("/", "-") or "root"
        lowers = []
        for lower in layer["lowers"]:
            lay(lower, f"low/{number}", users)
            lowers.append(f"low/{number}")
            number += 1
        for kind in ("upper", "work"):
            if not os.path.isdir(f"{kind}/{name}"):
                os.makedirs(f"{kind}/{name}")
            os.chown(f"{kind}/{name}", owner, owner)
        target = "root" if layer["target"] == "/" else place("root", layer["target"], owner)
        options = f"lowerdir={':'.join(lowers)},upperdir=upper/{name},workdir=work/{name}"
        if not whole_machine():
            options += ",userxattr"
        try:
            mount("overlay", target, "overlay", 0, options)
        except OSError as error:
            if users is not None and error.errno in (errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP):
                raise Unmappable("this kernel has no overlay over id-mapped layers") from None
            if error.errno == errno.EINVAL:
                words = "no overlay can be made here (does the state directory lie on one, or on a network?)"
                raise OSError(errno.EINVAL, words) from None
            raise


def furnish(request: dict[str, Any], owner: int) -> None:
    """/dev, /run and /sys: what cannot be made in a user namespace is made before entering it."""
    ids = f"uid={owner},gid={owner}"
    for path in ("/proc", "/dev", "/run", "/sys", "/tmp"):
        place("root", path, owner)
    mount("tmpfs", "root/dev", "tmpfs", NOSUID, f"mode=755,size=1m,{ids}")
    for name, major, minor in DEVICES:
        node = f"root/dev/{name}"
        if whole_machine():
            os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(major, minor))
            os.chmod(node, 0o666)
            os.chown(node, owner, owner)
        else:
            os.close(os.open(node, os.O_CREAT | os.O_CLOEXEC, 0o666))
            mount(f"/dev/{name}", node, None, BIND)
    os.mkfifo("root/dev/console", 0o600)
    os.chmod("root/dev/console", 0o622)
    os.chown("root/dev/console", owner, owner)
    for name in ("pts", "shm"):
        os.mkdir(f"root/dev/{name}")
        os.chown(f"root/dev/{name}", owner, owner)
    links = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
    for name, link in (links | {"ttyS0": "console"}).items():
        os.symlink(link, f"root/dev/{name}")
    mount("tmpfs", "root/run", "tmpfs", NOSUID | NODEV, f"mode=755,{ids}")
    os.mkdir("root/run/samovar")
    for parent, directories, files in os.walk("run"):
        for name in ("", *directories, *files):
            os.chown(os.path.join(parent, name), owner, owner, follow_symlinks=False)
    mount("run", "root/run/samovar", None, BIND)
    mount("sysfs", "root/sys", "sysfs", NOSUID | NODEV | NOEXEC | RDONLY)


def enter(request: dict[str, Any], mapped: bool, log: int) -> None:
    """In the first process: take the new root as the only one, and become its init."""
    hostname = request["hostname"].encode()[:64]
    check(libc.sethostname(hostname, len(hostname)), "sethostname")
    mount("", "/", None, REC | PRIVATE)
    # Mounts of the parent user namespace are locked, a copy of one's own is not. The way to our directory
    # may be closed to us by now, so everything goes by the current one.
    tree = check(libc.syscall(OPEN_TREE, -100, b".", 1 | 0x8000 | 0x80000), "copy the mounts of the root")
    check(libc.syscall(MOVE_MOUNT, tree, b"", -100, b".", 4), "mount the root")
    os.fchdir(tree)
    mount("proc", "proc", "proc", NOSUID | NODEV | NOEXEC)
    options = "newinstance,ptmxmode=0666,mode=620"
    mount("devpts", "dev/pts", "devpts", NOSUID | NOEXEC, options)
    mount("tmpfs", "dev/shm", "tmpfs", NOSUID | NODEV, "mode=1777")
    check(libc.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    check(libc.umount2(b".", 2), "umount of the old root")
    os.chdir("/")
    if not mapped:
        harden(request["capabilities"])
    os.umask(0o022)
    null = os.open("/dev/null", os.O_RDWR)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    # What is ignored here stays ignored there: a background job's SIGINT, which a server reboots by.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    environment |= {"TERM": "linux", "container": "samovar"} | request["environment"]
    try:
        os.execve("/bin/sh", ["sh", "/run/samovar/init"], environment)
    except FileNotFoundError:
        raise OSError(errno.ENOENT, "the image has no /bin/sh that runs here") from None


def harden(extra: list[str]) -> None:
    """Without a user namespace root is the host's root: close /proc, drop capabilities."""
    if "NET_ADMIN" in extra:  # its network is its own; a mount of its own is not closed with the rest
        for path in OWN_NETWORK:
            with contextlib.suppress(OSError):
                mount(path, path, None, BIND)
    for path in READONLY_PROC:
        with contextlib.suppress(OSError):
            mount(path, path, None, BIND | REC)
            mount(path, path, None, BIND | REMOUNT | RDONLY | NOSUID | NODEV | NOEXEC)
    for path in HIDDEN_PROC:
        with contextlib.suppress(OSError):
            mount("/dev/null", path, None, BIND)
    keep = PLAIN_CAPABILITIES | {CAPABILITY_NUMBERS[name] for name in extra if name in CAPABILITY_NUMBERS}
    for number in range(64):
        if number not in keep and libc.prctl(24, number, 0, 0, 0) < 0:  # PR_CAPBSET_DROP
            break


def build(request: dict[str, Any], namespace: int, users: int | None) -> None:
    """In the intermediate process: network namespace, root file system, cgroups, user namespace, new
    namespaces.
    """
    owner = request["base"] if users is not None else 0
    os.setsid()
    check(libc.setns(namespace, NEWNET), "enter the network namespace")
    check(libc.unshare(NEWNS), "make a mount namespace")
    mount("", "/", None, REC | PRIVATE)
    os.chdir(request["directory"])
    os.makedirs("root", exist_ok=True)
    overlay(request, users, owner)
    furnish(request, owner)
    os.chdir("root")
    for group in request[
        "cgroups"
    ]:  # not before: the group's devices don't include what was needed until here
        with open(f"{group}/cgroup.procs", "w") as file:
            file.write("0")
    if users is not None:
        check(libc.setns(users, NEWUSER), "enter the user namespace")
    with contextlib.suppress(PermissionError):  # not ours to set as the root of somebody's user namespace
        os.setgroups([])
    os.setgid(0)
    os.setuid(0)
    kinds = NEWPID | NEWUTS | NEWIPC | (NEWNS if users is not None else 0)
    check(libc.unshare(kinds | (NEWCGROUP if request["cgroups"] else 0)), "make the namespaces")


def attempt(request: dict[str, Any], mapped: bool, reason: str) -> dict[str, Any]:
    """Build the server and let its first process go; raises Unmappable when that is why it cannot be."""
    directory = request["directory"]
    namespace = os.open(request["netns"], os.O_RDONLY | os.O_CLOEXEC)
    users = user_namespace(request["base"]) if mapped else None
    log = os.open(f"{directory}/console.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    pid_read, pid_write = os.pipe()
    error_read, error_write = os.pipe()
    go_read, go_write = os.pipe()
    middle = os.fork()
    if middle == 0:
        try:
            os.close(go_write)
            build(request, namespace, users)
            init = os.fork()
            if init:
                os.write(pid_write, str(init).encode())
                os._exit(0)
            os.close(pid_write)
            if os.read(go_read, 1):
                enter(request, users is not None, log)
            os._exit(0)
        except Unmappable as error:
            os.write(error_write, f"U{error}".encode())
        except BaseException as error:
            os.write(error_write, f"E{reason_of(error)}".encode())
        os._exit(1)
    for descriptor in (pid_write, error_write, go_read, namespace, log):
        os.close(descriptor)
    os.waitpid(middle, 0)
    pid = os.read(pid_read, 32)
    answer: dict[str, Any] = {}
    if pid:
        answer = {"pid": int(pid), "start": start_time(int(pid)), "boot": boot_id(), "at": time.time()}
        answer |= {"mode": "mapped" if mapped else "plain", "reason": reason}
        with open(f"{directory}/pid.new", "w") as file:
            json.dump(answer, file)
        os.rename(f"{directory}/pid.new", f"{directory}/pid")
        with contextlib.suppress(BrokenPipeError):
            os.write(go_write, b"g")
    problem = os.read(error_read, 4096).decode(errors="replace")
    for descriptor in (pid_read, error_read, go_write, *((users,) if users is not None else ())):
        os.close(descriptor)
    if not problem:
        return answer or {"error": "the first process did not start"}
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{directory}/pid")
    if problem[0] == "U":
        raise Unmappable(problem[1:])
    return {"error": problem[1:]}


def launch(request: dict[str, Any]) -> dict[str, Any]:
    """Start the server of ``request`` unless it runs; what the pid file says then, or ``{"error":
    sentence}``.
    """
    try:
        held = lock(request["directory"])
        try:
            known = running(request["directory"])
            if known is not None:
                return known
            if request["mode"] == "plain":
                return attempt(request, False, request["reason"])
            return attempt(request, True, "")
        except Unmappable as error:
            if request["mode"] == "mapped":
                return {"error": f"it was made with shifted user ids, which is no longer possible: {error}"}
            return attempt(request, False, str(error))
        finally:
            os.close(held)
    except OSError as error:
        return {"error": reason_of(error)}


def serve() -> None:
    """One forked child per request, until the agent closes our standard input."""
    for line in sys.stdin:
        if os.fork():
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            continue
        request = json.loads(line)
        answer = launch(request) | {"token": request["token"]}
        os.write(1, json.dumps(answer).encode() + b"\n")
        os._exit(0)


if __name__ == "__main__":
    serve()
