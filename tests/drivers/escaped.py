"""What somebody does who has taken over a guest's QEMU: looks at everything on the host, and tries it.

Run by a host's own Python as the guest's user, without the project: it reads a JSON request from standard input and
prints what it could do. Nothing is written and nothing is sent.
"""

import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from typing import Any

#: Looked at by themselves: they are the kernel's, not files.
KERNEL = ("/proc", "/sys")
#: Debian's own files are not searched for what they contain.
NOT_SEARCHED = ("/usr/",)
MOST_BYTES = 64 << 20
KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)
OF_PROCESSES = ("environ", "maps", "syscall", "stack", "auxv", "pagemap")


def walk(top: str) -> Iterator[str]:
    """Yield every path that can be seen from `top` on, directories first."""
    waiting = [top]
    while waiting:
        path = waiting.pop()
        yield path
        if path in KERNEL or not os.path.isdir(path) or os.path.islink(path):
            continue
        try:
            waiting += [os.path.join(path, name) for name in sorted(os.listdir(path))]
        except OSError:
            continue


def can(path: str, flags: int) -> bool:
    """Return whether a file opens."""
    try:
        os.close(os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY))
    except OSError:
        return False
    return True


def yields(path: str) -> bool:
    """Return whether anything can be read: of a process that is just ending, everything opens and is empty."""
    try:
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def connects(address: str) -> bool:
    """Return whether a socket takes a connection."""
    for kind in KINDS:
        with socket.socket(socket.AF_UNIX, kind) as client:
            client.settimeout(2)
            try:
                client.connect(address)
            except OSError:
                continue
            return True
    return False


def contents(path: str, wanted: list[str]) -> list[str]:
    """Return which of the texts a file holds."""
    if path.startswith(NOT_SEARCHED):
        return []
    try:
        with open(path, "rb") as file:
            held = file.read(MOST_BYTES)
    except OSError:
        return []
    return [text for text in wanted if text.encode() in held]


def look(path: str, wanted: list[str], found: dict[str, Any]) -> None:
    """Try everything on one path."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if stat.S_ISLNK(mode):
        return
    found["seen"].append(path)
    if stat.S_ISSOCK(mode):
        if connects(path):
            found["connected"].append(path)
        return
    if stat.S_ISDIR(mode):
        if os.access(path, os.W_OK | os.X_OK):
            found["written"].append(path)
        return
    if can(path, os.O_RDONLY):
        found["read"].append(path)
        if stat.S_ISREG(mode) and (held := contents(path, wanted)):
            found["held"][path] = held
    if can(path, os.O_WRONLY):
        found["written"].append(path)


def abstract_sockets() -> Iterator[str]:
    """Yield the addresses of sockets that have no file."""
    with open("/proc/net/unix") as file:
        names = {line.rstrip("\n").split(" ")[-1] for line in file}
    return iter(sorted(name for name in names if name.startswith("@")))


def processes(found: dict[str, Any]) -> None:
    """Try to look into, and to signal, every process that is not one of ours."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                continue
            os.kill(int(name), 0)
            found["signalled"].append(name)
        except OSError:
            pass
        entered = [part for part in OF_PROCESSES if yields(f"/proc/{name}/{part}")]
        if "maps" in entered and can(f"/proc/{name}/mem", os.O_RDONLY):
            entered.append("mem")
        for part in ("fd", "map_files"):
            try:
                os.listdir(f"/proc/{name}/{part}")
                entered.append(part)
            except OSError:
                pass
        for part in ("root", "cwd", "exe"):
            try:
                os.readlink(f"/proc/{name}/{part}")
                entered.append(part)
            except OSError:
                pass
        if entered:
            found["entered"][name] = entered


def kernel_settings(found: dict[str, Any]) -> None:
    """Note which settings of the kernel could be written."""
    for top in ("/proc/sys", "/sys"):
        for folder, _, names in os.walk(top):
            paths = (os.path.join(folder, name) for name in names)
            found["written"] += [p for p in paths if not os.path.islink(p) and os.access(p, os.W_OK)]


def main() -> None:
    """Answer the request."""
    request = json.load(sys.stdin)
    found: dict[str, Any] = {
        "user": [os.getuid(), os.getgid(), os.getgroups()],
        **{word: [] for word in ("seen", "read", "written", "connected", "signalled")},
        "held": {},
        "entered": {},
    }
    # First what it can find by itself, then what it may know the name of.
    walked = set(walk("/"))
    for path in [*sorted(walked), *(p for p in request["known"] if p not in walked)]:
        look(path, request["wanted"], found)
    found["connected"] += [name for name in abstract_sockets() if connects("\0" + name[1:])]
    processes(found)
    kernel_settings(found)
    json.dump(found, sys.stdout)


main()
