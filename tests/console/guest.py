"""A guest of 16 bytes: it prints every key it is sent on its screen and on its serial port. Run by a host's QEMU."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from onebox.hosts import Host

from tests.console.conftest import listens, wait_until
from tests.onebox_fixtures import Onebox

#: Of the first guest; a second one at the same time has the next one.
VNC_PORT = 5960
# xor bx,bx; again: xor ax,ax; int 16h (get a key); mov ah,0eh; int 10h (print it); mov dx,3f8h; out dx,al; jmp again
ECHO = bytes.fromhex("31db 31c0 cd16 b40e cd10 baf803 ee ebf2")
BOOT_SECTOR = ECHO.ljust(510, b"\0") + b"\x55\xaa"


@dataclass
class EchoGuest:
    """The running guest. Its VNC server lets nobody in until `let_in`."""

    host: Host
    vnc_port: int
    serial: socket.socket
    control: socket.socket

    @property
    def where(self) -> tuple[str, int]:
        return self.host.management_ip, self.vnc_port

    def let_in(self, password: str) -> None:
        """Set the VNC password, as the agent does for a ticket."""
        self.order("set_password", protocol="vnc", password=password)

    def order(self, command: str, **arguments: Any) -> None:
        """Give QEMU an order by its control socket and wait until it is carried out."""
        message = {"execute": command, "arguments": arguments}
        self.control.sendall(json.dumps(message).encode() + b"\n")
        while "return" not in (answer := self._answer()):
            assert "error" not in answer, answer

    def power_off(self) -> None:
        """End QEMU, which may or may not answer before it goes."""
        self.control.sendall(b'{"execute": "quit"}\n')

    def wait_for_event(self, name: str) -> None:
        """Wait until QEMU reports an event, such as RESET."""
        while self._answer().get("event") != name:
            pass

    def wait_until_it_echoes(self) -> None:
        """Wait for the BIOS to have started the guest; before that it swallows keys."""
        self.serial.settimeout(0.2)
        wait_until(self._echoes, "the guest does not start")
        while self._echoes(press=False):  # what was pressed while it started
            pass
        self.serial.settimeout(60)

    def _echoes(self, press: bool = True) -> bool:
        if press:
            self.order("send-key", keys=[{"type": "qcode", "data": "ret"}])
        try:
            return bool(self.serial.recv(64))
        except TimeoutError:
            return False

    def typed(self, count: int) -> str:
        """Return the next `count` characters that arrived in the guest."""
        text = b""
        while len(text) < count:
            text += self.serial.recv(count - len(text))
        return text.decode()

    def _answer(self) -> dict[str, Any]:
        line = b""
        while not line.endswith(b"\n"):
            line += self.control.recv(1)
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def inside(host: Host, path: str) -> Iterator[socket.socket]:
    """Connect to a Unix socket in the host's own file system."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60)
        line.connect(f"/proc/{host.pid()}/root{path}")
        yield line


@contextmanager
def running_guest(onebox: Onebox, number: int = 0) -> Iterator[EchoGuest]:
    """Start the guest on the first host; stop it at the end."""
    host = onebox.host("host-1")
    vnc = VNC_PORT + number
    serial, control = (f"/run/console-test-{number}.{name}" for name in ("serial", "control"))
    unit, disk = f"console-test-{number}.service", onebox.shared / f"console-test-{number}.img"
    disk.write_bytes(BOOT_SECTOR)
    host.exec("systemctl", "stop", unit, check=False)
    ip = host.management_ip
    host.exec(
        *("systemd-run", f"--unit={unit}", "--collect", "qemu-system-x86_64"),
        *("-machine", "pc", "-accel", "tcg,tb-size=16", "-m", "16", "-nodefaults", "-vga", "cirrus"),
        *("-drive", f"file=/var/lib/scloud/shared/{disk.name},format=raw", "-display", "none"),
        *("-object", "tls-creds-x509,id=tls,dir=/etc/pki/libvirt-vnc,endpoint=server,verify-peer=yes"),
        *("-vnc", f"{ip}:{vnc - 5900},password=on,tls-creds=tls"),
        *(
            "-serial",
            f"unix:{serial},server=on,wait=off",
        ),  # the host admits VNC and no other port of the guest
        *("-qmp", f"unix:{control},server=on,wait=off"),
    )
    try:
        wait_until(lambda: listens(vnc, ip), f"QEMU does not listen on port {vnc}")
        with inside(host, serial) as serial_line, inside(host, control) as control_line:
            guest = EchoGuest(host, vnc, serial_line, control_line)
            guest._answer()
            guest.order("qmp_capabilities")
            guest.wait_until_it_echoes()
            yield guest
    finally:
        host.exec("systemctl", "stop", unit, check=False)
        disk.unlink()
