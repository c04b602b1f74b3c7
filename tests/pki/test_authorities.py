"""Certificates are made for one purpose each, and replaced without a moment in which two sides disagree."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from onebox.shell import run
from pki import authority as authorities
from pki import files, plan
from pki.authority import Authority, UnknownName, Use, expiry
from pki.cli import main
from pki.plan import Pki

ROOT = Path(__file__).resolve().parents[2]


def handshake(
    server: Authority, name: str, trusts: Path, clients: Path, shown: Authority, as_name: str
) -> None:
    """Let a client that shows `shown` and trusts `trusts` meet a server; raises ssl.SSLError when one refuses."""
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(server.directory / f"{name}.pem", server.directory / f"{name}.key")
    here.verify_mode = ssl.CERT_REQUIRED
    here.load_verify_locations(clients)
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    there.load_cert_chain(shown.directory / f"{as_name}.pem", shown.directory / f"{as_name}.key")
    there.load_verify_locations(trusts)
    there.verify_flags |= ssl.VERIFY_X509_STRICT  # the default of Python 3.13, which hosts run
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    a = here.wrap_bio(up, down, server_side=True)
    b = there.wrap_bio(down, up, server_hostname="127.0.0.1")
    for _ in range(4):
        for side in (b, a):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def meets(pki: Pki, trusts: Path, clients: Path, control: Authority | None = None) -> None:
    """Have the control plane meet PostgreSQL."""
    handshake(
        pki.authority("services"),
        "postgresql",
        trusts,
        clients,
        control or pki.authority("control"),
        "control",
    )


def bundle(directory: Path, name: str, content: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(content)
    return directory / name


def test_a_certificate_serves_one_side_only_but_for_migration(pki: Pki) -> None:
    both = [
        (each.name, name)
        for each in pki.authorities()
        for name in each.names()
        if authorities._use(each.certificate(name)) is Use.BOTH
    ]
    assert both == [("migration", "host-1"), ("migration", "host-2")]


def test_the_name_that_libvirtd_admits_is_the_control_planes(pki: Pki) -> None:
    parts = [part.rfc4514_string() for part in pki.authority("control").certificate("control").subject.rdns]
    assert f'tls_allowed_dn_list = ["{",".join(parts)}"]' in (ROOT / "docker/hosts/libvirtd.conf").read_text()


@pytest.mark.parametrize("machine", [*plan.MACHINES, "host-1"])
def test_no_machine_gets_an_authoritys_key_and_only_qemus_are_readable(pki: Pki, machine: str) -> None:
    secret = {(each.directory / "ca.key").read_bytes() for each in pki.authorities()}
    packed = plan.machine_files(pki, machine)
    assert not [file for file in packed if file.content in secret]
    keys = [file for file in packed if b"PRIVATE KEY" in file.content]
    assert keys
    for file in keys:
        of_qemu = str(file.path).startswith(("etc/pki/libvirt-vnc/", "etc/pki/libvirt-migrate/"))
        assert file.mode == (0o644 if of_qemu else 0o600), file.path


def test_what_qemu_can_read_is_of_authorities_that_only_qemu_admits(pki: Pki) -> None:
    readable = {file.content for file in plan.host_files(pki, "host-1") if file.mode == 0o644}
    owners = {
        each.name
        for each in pki.authorities()
        for name in each.names()
        if (each.directory / f"{name}.key").read_bytes() in readable
    }
    assert owners == {"migration", "vnc-host-1"}


def test_keys_of_authorities_are_readable_by_root_alone(pki: Pki) -> None:
    for path in pki.directory.rglob("*"):
        private = path.is_dir() or path.suffix == ".key"
        assert path.stat().st_mode & 0o777 == ((0o700 if path.is_dir() else 0o600) if private else 0o644), (
            path
        )


def test_both_sides_agree_at_every_step_of_a_change_of_authorities(pki: Pki, tmp_path: Path) -> None:
    control, services = pki.authority("control"), pki.authority("services")
    known: dict[str, list[Path]] = {"control": [], "services": []}
    old = tmp_path / "old"
    for part in ("pem", "key"):
        files.write(old / f"control.{part}", (control.directory / f"control.{part}").read_bytes(), 0o600)

    def note(step: str) -> None:
        for name, each in (("control", control), ("services", services)):
            known[name].append(bundle(tmp_path / "seen", f"{name}-{step}", each.trusted()))

    note("before")
    for step in ("announce", "switch", "retire"):
        assert main(["--dir", str(pki.directory), "authority", step, "control", "services"]) == 0
        note(step)
        # One side has the files of this step already, the other still those of the step before.
        for trusts in known["services"][-2:]:
            for clients in known["control"][-2:]:
                meets(pki, trusts, clients)
    with pytest.raises(ssl.SSLError):
        meets(pki, known["services"][-1], known["control"][-1], Authority(old))


def test_rotation_keeps_names_and_uses_and_replaces_keys(pki: Pki) -> None:
    def described() -> dict[str, tuple[object, ...]]:
        return {
            f"{each.name}/{name}": (
                each.certificate(name).subject,
                authorities._use(each.certificate(name)),
                each.certificate(name).extensions.get_extension_for_class(
                    authorities.x509.SubjectAlternativeName
                ),
            )
            for each in pki.authorities()
            for name in each.names()
        }

    before, keys = described(), {path: path.read_bytes() for path in pki.directory.glob("*/*.key")}
    assert main(["--dir", str(pki.directory), "rotate"]) == 0
    assert described() == before
    same = [path for path, content in keys.items() if path.read_bytes() == content]
    assert {path.name for path in same} == {"ca.key"}


def test_a_due_certificate_is_issued_anew_and_a_good_one_kept(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = pki.authority("hosts")
    first = hosts.certificate("host-1")
    assert not pki.ensure_host("host-1", "192.0.2.11")
    assert expiry(first) - datetime.now(UTC) > timedelta(days=89)
    monkeypatch.setattr(authorities, "RENEW_BEFORE", timedelta(days=91))
    assert pki.ensure_host("host-1", "192.0.2.11")
    assert hosts.certificate("host-1").serial_number != first.serial_number


def test_status_fails_when_a_certificate_is_due(
    pki: Pki, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--dir", str(pki.directory), "status"]) == 0
    assert "DUE" not in capsys.readouterr().out
    monkeypatch.setattr(authorities, "RENEW_BEFORE", timedelta(days=91))
    assert main(["--dir", str(pki.directory), "status"]) == 1
    assert "pki rotate" in capsys.readouterr().err


def test_a_host_at_a_new_address_gets_new_certificates_for_what_is_checked_by_address(pki: Pki) -> None:
    before = pki.authority("libvirt").certificate("host-1").serial_number
    assert pki.ensure_host("host-1", "192.0.2.99")
    assert pki.authority("libvirt").certificate("host-1").serial_number != before


@pytest.mark.parametrize("name", ["../control", "control", "redis", "Host", "a.b", "", "ca"])
def test_a_host_cannot_be_called_so(pki: Pki, name: str) -> None:
    with pytest.raises(UnknownName):
        pki.ensure_host(name, "192.0.2.13")


def test_a_removed_host_leaves_nothing_behind(pki: Pki) -> None:
    pki.remove_host("host-2")
    assert pki.hosts() == ["host-1"]
    assert not list(pki.directory.rglob("*host-2*"))
    plan.control_files(pki)


def test_every_authority_is_documented(pki: Pki) -> None:
    page = (ROOT / "docs/concepts/certificates.md").read_text()
    names = {"vnc-HOST" if each.name.startswith(plan.VNC) else each.name for each in pki.authorities()}
    assert [name for name in names if f"| `{name}` |" not in page] == []


@pytest.mark.requirement("SE-7")
@pytest.mark.parametrize(
    ("machine", "file", "believed"),
    [
        ("control", "services-ca.pem", {"services/postgresql", "services/redis"}),
        ("control", "ovn-ca.pem", {"ovn/northbound", "ovn/southbound"}),
        ("control", "vnc-ca.pem", {"vnc-host-1/host-1", "vnc-host-2/host-2"}),
        ("control", "libvirt/cacert.pem", {"libvirt/host-1", "libvirt/host-2"}),
        ("host-1", "services-ca.pem", {"services/postgresql", "services/redis"}),
        ("host-1", "ovn-ca.pem", {"ovn/northbound", "ovn/southbound"}),
    ],
)
def test_nobody_can_pass_for_a_server_with_another_certificate(
    pki: Pki, tmp_path: Path, machine: str, file: str, believed: set[str]
) -> None:
    """Even to clients that look at no name, as those of OVSDB."""
    files.place(tmp_path, plan.machine_files(pki, machine))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(tmp_path / plan.DIRECTORY / file)
    passed = {
        f"{each.name}/{name}"
        for each in pki.authorities()
        for name in each.names()
        if believes(context, each, name)
    }
    assert passed == believed


def believes(context: ssl.SSLContext, server: Authority, name: str) -> bool:
    """Whether a client goes on with a server that shows this certificate."""
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(server.directory / f"{name}.pem", server.directory / f"{name}.key")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    a, b = here.wrap_bio(up, down, server_side=True), context.wrap_bio(down, up)
    for side in (b, a, b):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_qemu_need_not_look_for_a_group_of_its_own(pki: Pki) -> None:
    given = {
        file.path.parent.name: file.content
        for file in plan.host_files(pki, "host-1")
        if file.path.name == "dh-params.pem"
    }
    assert set(given) == {"libvirt-vnc", "libvirt-migrate"}
    for content in given.values():
        described = run(["openssl", "dhparam", "-noout", "-text"], stdin=content.decode()).stdout
        assert "GROUP: ffdhe2048" in described
