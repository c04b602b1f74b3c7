"""TLS between the proxy and real VNC servers: QEMU without a guest, in a host, with certificates made here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from onebox.hosts import Host

from apps.accounts.models import Project, User
from apps.accounts.secrets import unseal
from apps.compute.models import Vm
from apps.console.close_codes import EndReason
from tests.console.certificates import Authority
from tests.console.conftest import Proxy, listens, running_proxy, wait_until
from tests.console.factories import issued_token, make_vm, ready_ticket
from tests.console.guest import inside
from tests.console.test_proxy import end_of
from tests.console.viewer import web_viewer
from tests.onebox_fixtures import Onebox

pytestmark = [
    pytest.mark.real,
    pytest.mark.django_db(transaction=True),
    pytest.mark.requirement("SE-3"),
    pytest.mark.requirement("SE-7"),
]

VNC_PORT, CONTROL = 5970, "/run/console-tls-test.control"
HOST_SHARED = Path("/var/lib/scloud/shared")
CONSOLE, STRANGER = Authority(), Authority()


@dataclass
class Screen:
    """A VNC server that waits for its password."""

    where: tuple[str, int]
    host: Host

    def let_in(self, password: str) -> None:
        """Set the password by QEMU's control socket."""
        with (
            inside(self.host, CONTROL) as control,
            control.makefile("rw") as lines,
        ):
            for command in (
                {"execute": "qmp_capabilities"},
                {"execute": "set_password", "arguments": {"protocol": "vnc", "password": password}},
            ):
                lines.write(json.dumps(command) + "\n")
                lines.flush()
                while "return" not in (answer := json.loads(lines.readline())):
                    assert "error" not in answer, answer


@contextmanager
def running_screen(onebox: Onebox, *vnc_options: str, objects: tuple[str, ...] = ()) -> Iterator[Screen]:
    """Run QEMU, its processor stopped, on the first host."""
    host, unit = onebox.host("host-1"), "console-tls-test.service"
    ip = host.management_ip
    host.exec("systemctl", "stop", unit, check=False)
    host.exec(
        *("systemd-run", f"--unit={unit}", "--collect", "qemu-system-x86_64", "-S"),
        *("-machine", "pc", "-accel", "tcg,tb-size=16", "-m", "16", "-nodefaults", "-vga", "cirrus"),
        *("-display", "none", *objects),
        *("-vnc", ",".join([f"{ip}:{VNC_PORT - 5900}", "password=on", *vnc_options])),
        *("-qmp", f"unix:{CONTROL},server=on,wait=off"),
    )
    try:
        wait_until(lambda: listens(VNC_PORT, ip), "QEMU does not listen")
        yield Screen((ip, VNC_PORT), host)
    finally:
        host.exec("systemctl", "stop", unit, check=False)


@contextmanager
def tls_screen(onebox: Onebox, authority: Authority, name: str = "") -> Iterator[Screen]:
    """Run QEMU with a server certificate of `authority`; clients need one of the console's CA."""
    folder = onebox.shared / "console-tls-test"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    CONSOLE.write(folder / "ca-cert.pem")
    ip = onebox.host("host-1").management_ip
    authority.issue(name or ip, folder / "server-cert.pem", folder / "server-key.pem")
    # QEMU checks its own certificate against this file too.
    with (folder / "ca-cert.pem").open("ab") as bundle:
        bundle.write(authority.write(folder / "issuer.pem").read_bytes())
    credentials = f"tls-creds-x509,id=tls0,endpoint=server,verify-peer=yes,dir={HOST_SHARED / folder.name}"
    try:
        with running_screen(onebox, "tls-creds=tls0", objects=("-object", credentials)) as screen:
            yield screen
    finally:
        shutil.rmtree(folder)


@contextmanager
def tls_proxy(folder: Path, issuer: Authority) -> Iterator[Proxy]:
    """Run a proxy with a certificate of `issuer` that takes servers of the console's CA."""
    issuer.issue("console", folder / "cert.pem", folder / "key.pem")
    with running_proxy(
        SCLOUD_CONSOLE_NATIVE_PORTS="",
        SCLOUD_VNC_CERT=str(folder / "cert.pem"),
        SCLOUD_VNC_KEY=str(folder / "key.pem"),
        SCLOUD_VNC_CA=str(CONSOLE.write(folder / "ca.pem")),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def secure_proxy(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with django_db_blocker.unblock(), tls_proxy(tmp_path_factory.mktemp("proxy"), CONSOLE) as running:
        yield running


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


def token_for(screen: Screen, user: User, vm: Vm) -> str:
    ticket = ready_ticket(user, vm, where=screen.where)
    screen.let_in(unseal(ticket.sealed_screen_password))
    return issued_token(user, ticket)


def test_the_screen_comes_by_tls_whole_pictures_too(
    secure_proxy: Proxy, onebox: Onebox, otto: User, vm: Vm
) -> None:
    with tls_screen(onebox, CONSOLE) as screen:
        viewer = web_viewer(secure_proxy.url, token_for(screen, otto, vm))
        assert viewer.width * viewer.height > 100_000
        for _ in range(3):
            viewer.ask_for_picture(changes_only=False)
            viewer.picture()


def test_a_wrong_screen_password_is_refused_inside_tls(
    secure_proxy: Proxy, onebox: Onebox, otto: User, vm: Vm
) -> None:
    with tls_screen(onebox, CONSOLE) as screen:
        token = token_for(screen, otto, vm)
        screen.let_in("another1")
        assert end_of(secure_proxy, token) == EndReason.EXPIRED.value


@pytest.mark.parametrize(
    ("authority", "name"),
    [(STRANGER, ""), (CONSOLE, "192.0.2.7"), (CONSOLE, "host-2")],
    ids=["another CA", "another address", "another host"],
)
def test_a_screen_that_is_not_the_hosts_own_gets_no_password(
    secure_proxy: Proxy, onebox: Onebox, otto: User, vm: Vm, authority: Authority, name: str
) -> None:
    with tls_screen(onebox, authority, name) as screen:
        assert end_of(secure_proxy, token_for(screen, otto, vm)) == EndReason.UNREACHABLE.value


def test_a_screen_without_tls_is_not_used_by_a_proxy_with_certificates(
    secure_proxy: Proxy, onebox: Onebox, otto: User, vm: Vm
) -> None:
    with running_screen(onebox) as screen:
        assert end_of(secure_proxy, token_for(screen, otto, vm)) == EndReason.UNREACHABLE.value


def test_a_screen_refuses_a_proxy_of_another_ca(onebox: Onebox, otto: User, vm: Vm, tmp_path: Path) -> None:
    with tls_proxy(tmp_path, STRANGER) as stranger, tls_screen(onebox, CONSOLE) as screen:
        assert end_of(stranger, token_for(screen, otto, vm)) == EndReason.UNREACHABLE.value


def test_new_certificates_count_without_a_restart_of_the_proxy(
    onebox: Onebox, otto: User, vm: Vm, tmp_path: Path
) -> None:
    with tls_proxy(tmp_path, STRANGER) as renewed, tls_screen(onebox, CONSOLE) as screen:
        assert end_of(renewed, token_for(screen, otto, vm)) == EndReason.UNREACHABLE.value
        CONSOLE.issue("console", tmp_path / "cert.pem", tmp_path / "key.pem")
        assert web_viewer(renewed.url, token_for(screen, otto, vm)).width
