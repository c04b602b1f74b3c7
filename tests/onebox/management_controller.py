"""A pretend management controller: a small Redfish service over TLS whose power button is whatever the test gives it.

It can be made to misbehave as real ones do: refuse, fail, hang, act later than they answer, or not at all.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "it", "pretend secret"
SYSTEM = "/redfish/v1/Systems/1"


@dataclass
class Faults:
    """What is wrong with it. delay: seconds between its yes and the power going off."""

    status: int = 0
    hangs: bool = False
    lies: bool = False
    delay: float = 0.0
    junk: bool = False
    says: str = ""
    systems: int = 1


@dataclass
class ManagementController:
    """One machine's controller. `cut` takes its power, `is_on` says whether it has any."""

    url: str
    authority: str
    cut: Callable[[], object]
    is_on: Callable[[], bool]
    faults: Faults = field(default_factory=Faults)
    resets: list[str] = field(default_factory=list)

    def reset(self, kind: str) -> None:
        """Do as it is told, or as its faults have it."""
        self.resets.append(kind)
        if self.faults.lies:
            return
        if self.faults.delay:
            threading.Timer(self.faults.delay, self.cut).start()
        else:
            self.cut()

    def answer(self, path: str) -> dict[str, object] | None:
        """Return what stands at a path."""
        if path == "/redfish/v1/Systems":
            names = [SYSTEM[:-1] + str(number) for number in range(1, self.faults.systems + 1)]
            return {"Members": [{"@odata.id": name} for name in names]}
        if path != SYSTEM:
            return None
        power = self.faults.says or ("On" if self.is_on() else "Off")
        target = f"{SYSTEM}/Actions/ComputerSystem.Reset"
        return {"PowerState": power, "Actions": {"#ComputerSystem.Reset": {"target": target}}}


@contextmanager
def management_controller(
    cut: Callable[[], object], is_on: Callable[[], bool]
) -> Iterator[ManagementController]:
    """Run a controller at an address of its own."""
    own, key = certificate()
    made = ManagementController("", own, cut, is_on)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.controller = made
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "both.pem"
        file.write_text(own + key)
        context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    controller: ManagementController


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self._may():
            self._say(self.server.controller.answer(self.path.rstrip("/")))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._may():
            self.server.controller.reset(str(json.loads(body)["ResetType"]))
            self._say({})

    def _may(self) -> bool:
        faults = self.server.controller.faults
        if faults.hangs:
            time.sleep(30)
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        status = faults.status if self.headers.get("Authorization") == f"Basic {login}" else 401
        if status:
            self.send_error(status)
        return not status

    def _say(self, found: dict[str, object] | None) -> None:
        if found is None:
            self.send_error(404)
            return
        content = b"<html>" if self.server.controller.faults.junk else json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def certificate() -> tuple[str, str]:
    """Return a certificate for the loopback address, signed by itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "controller")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
