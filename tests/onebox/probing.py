"""Places to attack from: real guests, strangers plugged into an instance's bridges, its hosts, the machine itself."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onebox.hosts import Host
from onebox.instance import Instance
from onebox.shell import run, wait_until

from tests.onebox.fabric import Guest

SOURCE = Path(__file__).with_name("probe.c")
CONNECT_MS, LISTEN_MS = 2500, 1500
TCP_PORT, UDP_PORT = 7779, 7780
Run = Callable[[Sequence[str]], str]

# Listens like a program that somebody installed and forgot, on ADDRESS/PORT...; says what UDP brought.
LISTENER = f"""
import ctypes, selectors, socket, sys
ctypes.CDLL(None).prctl(1, 9)  # ends with the program that entered the host for it
ready = selectors.DefaultSelector()
def listen(kind, address, port):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, int(port)))
    kind == socket.SOCK_STREAM and sock.listen(64)
    ready.register(sock, selectors.EVENT_READ, kind)
for word in sys.argv[1:]:
    listen(socket.SOCK_STREAM, *word.rsplit("/", 1))
listen(socket.SOCK_DGRAM, "::", {UDP_PORT})
print("ready", flush=True)
while True:
    for key, _ in ready.select():
        if key.data == socket.SOCK_STREAM:
            key.fileobj.accept()[0].close()
        else:
            print(key.fileobj.recvfrom(100)[0].decode(), flush=True)
"""


def program(directory: Path) -> Path:
    """Compile the probe."""
    made = directory / "probe"
    run(["gcc", "-O1", "-Wall", "-Werror", "-o", made, SOURCE])
    return made


@dataclass(frozen=True)
class Place:
    """Somewhere the probe runs."""

    name: str
    run: Run

    def reaches(self, targets: Sequence[str]) -> set[str]:
        """Return those of the targets, written ADDRESS/PORT, that accept a TCP connection.

        Each is sent this place's name by UDP as well.
        """
        return set(self.run(["connect", str(CONNECT_MS), self.name, *targets]).split()) if targets else set()

    def send(self, device: str, *frames: bytes) -> list[bytes]:
        """Send frames and return what comes in afterwards."""
        lines = self.run(["frames", device, str(LISTEN_MS), *(frame.hex() for frame in frames)])
        return [bytes.fromhex(line) for line in lines.split()]


def guest_place(guest: Guest, probe: Path) -> Place:
    """Bring the probe into a guest, as somebody would who has the guest's console."""
    text = base64.b64encode(probe.read_bytes()).decode()
    guest.shell(f"echo {text} | base64 -d >/tmp/probe; chmod 755 /tmp/probe")
    return Place(guest.name, lambda args: guest.shell(f"/tmp/probe {' '.join(args)}"))


def host_place(host: Host, probe: Path) -> Place:
    """Bring the probe into a host, as somebody would who is root there."""
    text = base64.b64encode(probe.read_bytes()).decode()
    host.exec("sh", "-c", "base64 -d >/run/probe && chmod 755 /run/probe", stdin=text)
    return Place(host.name, lambda args: host.exec("/run/probe", *args))


def machine_place(probe: Path) -> Place:
    """The machine that runs the control plane."""
    return Place("control", lambda args: run([probe, *args]).stdout)


@contextmanager
def stranger(instance: Instance, bridge: str, address: str, probe: Path) -> Iterator[Place]:
    """Plug a computer that nobody knows into one of the instance's bridges; its NIC is called e0."""
    space, port = f"stranger-{instance.slot}-{bridge}-{os.getpid()}", f"x-{bridge}"[:15]
    inside = ["ip", "-n", space]
    run(["ip", "netns", "add", space])
    try:
        run(["ip", "-n", instance.namespace, "link", "del", port], check=False)
        pair = ["type", "veth", "peer", "name", "e0", "netns", space]
        run(["ip", "-n", instance.namespace, "link", "add", port, *pair])
        run(["ip", "-n", instance.namespace, "link", "set", port, "master", bridge, "up"])
        run([*inside, "addr", "add", f"{address}/24", "dev", "e0"])
        run([*inside, "link", "set", "e0", "up"])
        wait_until(
            lambda: "tentative" not in run([*inside, "addr", "show", "e0"]).stdout,
            f"addresses of {space}",
            seconds=60,
        )
        yield Place(bridge, lambda args: run(["ip", "netns", "exec", space, probe, *args]).stdout)
    finally:
        run(["ip", "-n", instance.namespace, "link", "del", port], check=False)
        run(["ip", "netns", "del", space], check=False)


def space_of(instance: Instance, bridge: str) -> str:
    """Return the name space of this process's stranger on a bridge."""
    return f"stranger-{instance.slot}-{bridge}-{os.getpid()}"


@dataclass(frozen=True)
class Forgotten:
    """A listener on all addresses that nothing admits."""

    output: Path

    def received(self) -> set[str]:
        """Return the texts of the datagrams that came."""
        return set(self.output.read_text().split()) - {"ready"}


@contextmanager
def forgotten_listener(
    python: list[str], output: Path, addresses: Sequence[str] = (f"::/{TCP_PORT}",)
) -> Iterator[Forgotten]:
    """Listen, with the Python that the command line starts."""
    with output.open("w") as out:
        process = subprocess.Popen([*python, "-u", "-c", LISTENER, *addresses], stdout=out)
        try:
            wait_until(lambda: "ready" in output.read_text(), "the listener", seconds=80)
            yield Forgotten(output)
        finally:
            process.kill()
            process.wait()


def tap_of(guest: Guest) -> str:
    """Return the device on the host that stands for the guest's NIC."""
    rows = guest.host.exec("virsh", "-q", "domiflist", guest.name).split()
    return rows[0]


def mac_of(host: Host, device: str) -> str:
    """Return the MAC of a host's device."""
    return host.exec("cat", f"/sys/class/net/{device}/address").strip()
