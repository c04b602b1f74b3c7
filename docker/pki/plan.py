"""Which authorities there are, who gets a certificate of which, and where each file goes on which machine.

Several daemons admit every certificate of the authority they are given and look at no name (OVN's northbound database,
Redis, QEMU), so who may talk to whom is decided by which authorities a listener knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pki.authority import Authority, UnknownName, Use
from pki.files import File

CONTROL, SERVICES, OVN = "control", "services", "ovn"
HOSTS, LIBVIRT, MIGRATION, CONSOLE = "hosts", "libvirt", "migration", "console"
COMMON = (CONTROL, SERVICES, OVN, HOSTS, LIBVIRT, MIGRATION, CONSOLE)
VNC = "vnc-"
"""QEMU's VNC server must know its own authority, and then admits all of its certificates: so each host has its own."""
CENTRAL_NAMES = ("northbound", "southbound")
SERVICE_NAMES = ("postgresql", "redis")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
DIRECTORY = PurePosixPath("etc/scloud/pki")
DH_PARAMETERS = Path(__file__).with_name("dh-params.pem")
"""The public group ffdhe2048 (RFC 7919). Without it QEMU seeks one at every VM's start, for half a second."""
LIBVIRT_DIRECTORY, QEMU_VNC, QEMU_MIGRATION = (
    PurePosixPath("etc/pki") / name for name in ("libvirt", "libvirt-vnc", "libvirt-migrate")
)


@dataclass(frozen=True)
class Pki:
    """The directory that holds all authorities."""

    directory: Path

    def authority(self, name: str) -> Authority:
        return Authority(self.directory / name)

    def vnc(self, host: str) -> Authority:
        """The authority of one host's VNC servers."""
        return self.authority(f"{VNC}{host}")

    def authorities(self) -> list[Authority]:
        """All that exist."""
        return [Authority(path.parent) for path in sorted(self.directory.glob("*/ca.pem"))]

    def hosts(self) -> list[str]:
        """The hosts that have certificates."""
        return self.authority(HOSTS).names()

    def ensure_control(self, addresses: Sequence[str], central: Sequence[str]) -> bool:
        """Authorities, and the certificates of the control plane, of its services and of OVN's databases.

        ``addresses`` are those at which PostgreSQL and Redis are reached, ``central`` those of OVN's databases.
        """
        changed = [self.authority(name).create() for name in COMMON]
        changed += [
            self.authority(CONTROL).ensure("control", Use.CLIENT),
            self.authority(CONSOLE).ensure("console", Use.CLIENT),
            *(self.authority(SERVICES).ensure(name, Use.SERVER, addresses) for name in SERVICE_NAMES),
            *(self.authority(OVN).ensure(name, Use.SERVER, central) for name in CENTRAL_NAMES),
        ]
        return any(changed)

    def ensure_host(self, name: str, address: str) -> bool:
        """The certificates of a compute host; ``name`` is the one it is enrolled under."""
        if name in (*MACHINES, "ca", "next") or not _HOST_NAME.fullmatch(name):
            raise UnknownName(
                f"{name!r} cannot be a host's name here: lower-case letters, digits and hyphens"
            )
        vnc = self.vnc(name)
        changed = [
            vnc.create(),
            vnc.ensure(name, Use.SERVER, [address]),
            self.authority(HOSTS).ensure(name, Use.CLIENT),
            self.authority(LIBVIRT).ensure(name, Use.SERVER, [address]),
            self.authority(MIGRATION).ensure(name, Use.BOTH, [address]),
        ]
        return any(changed)

    def remove_host(self, name: str) -> None:
        """Forget a host: its certificates and keys are deleted here, its own authority too."""
        _check_host(name)
        for authority in (self.authority(HOSTS), self.authority(LIBVIRT), self.authority(MIGRATION)):
            for suffix in ("pem", "key"):
                (authority.directory / f"{name}.{suffix}").unlink(missing_ok=True)
        for path in self.vnc(name).directory.glob("*"):
            path.unlink()
        if self.vnc(name).directory.exists():
            self.vnc(name).directory.rmdir()


def control_files(pki: Pki) -> list[File]:
    """The control plane's processes: its certificate for everything, and one for consoles."""
    vnc = b"".join(pki.vnc(host).trusted() for host in pki.hosts())
    certificate, key = pki.authority(CONTROL).pair("control")
    return [
        *_pair(pki, CONTROL, "control", DIRECTORY, "control"),
        *_pair(pki, CONSOLE, "console", DIRECTORY, "console"),
        File(DIRECTORY / "services-ca.pem", pki.authority(SERVICES).trusted()),
        File(DIRECTORY / "ovn-ca.pem", pki.authority(OVN).trusted()),
        File(DIRECTORY / "vnc-ca.pem", vnc),
        # As libvirt's "pkipath" wants them. It checks its own certificate against the same file.
        File(DIRECTORY / "libvirt/cacert.pem", _bundle(pki, LIBVIRT, CONTROL)),
        File(DIRECTORY / "libvirt/clientcert.pem", certificate),
        File(DIRECTORY / "libvirt/clientkey.pem", key, 0o600),
    ]


def postgresql_files(pki: Pki) -> list[File]:
    """PostgreSQL admits the control plane."""
    return [
        *_pair(pki, SERVICES, "postgresql", DIRECTORY, "postgresql"),
        File(DIRECTORY / "postgresql-clients.pem", pki.authority(CONTROL).trusted()),
    ]


def redis_files(pki: Pki) -> list[File]:
    """Redis admits the control plane and hosts; which of them it is, the password says."""
    return [
        *_pair(pki, SERVICES, "redis", DIRECTORY, "redis"),
        File(DIRECTORY / "redis-clients.pem", _bundle(pki, CONTROL, HOSTS)),
    ]


def central_files(pki: Pki) -> list[File]:
    """OVN's northbound database admits the control plane, the southbound one hosts."""
    return [
        *_pair(pki, OVN, "northbound", DIRECTORY, "northbound"),
        File(DIRECTORY / "northbound-clients.pem", pki.authority(CONTROL).trusted()),
        *_pair(pki, OVN, "southbound", DIRECTORY, "southbound"),
        File(DIRECTORY / "southbound-clients.pem", pki.authority(HOSTS).trusted()),
    ]


def host_files(pki: Pki, name: str) -> list[File]:
    """A compute host: agent, ovn-controller, libvirtd and QEMU.

    QEMU's keys are readable by all, since each guest's process has a user of its own; nothing else admits them.
    """
    vnc = pki.vnc(name)
    return [
        *_pair(pki, HOSTS, name, DIRECTORY, "host"),
        File(DIRECTORY / "services-ca.pem", pki.authority(SERVICES).trusted()),
        File(DIRECTORY / "ovn-ca.pem", pki.authority(OVN).trusted()),
        # libvirtd checks its own certificate against this file too; its list of names admits only the control plane.
        File(PurePosixPath("etc/pki/CA/cacert.pem"), _bundle(pki, CONTROL, LIBVIRT)),
        File(LIBVIRT_DIRECTORY / "servercert.pem", pki.authority(LIBVIRT).pair(name)[0]),
        File(LIBVIRT_DIRECTORY / "private/serverkey.pem", pki.authority(LIBVIRT).pair(name)[1], 0o600),
        File(QEMU_VNC / "ca-cert.pem", pki.authority(CONSOLE).trusted() + vnc.trusted()),
        File(QEMU_VNC / "server-cert.pem", vnc.pair(name)[0]),
        File(QEMU_VNC / "server-key.pem", vnc.pair(name)[1]),
        *(
            File(directory / "dh-params.pem", DH_PARAMETERS.read_bytes())
            for directory in (QEMU_VNC, QEMU_MIGRATION)
        ),
        File(QEMU_MIGRATION / "ca-cert.pem", pki.authority(MIGRATION).trusted()),
        *(
            File(QEMU_MIGRATION / f"{side}-{part}.pem", content)
            for side in ("server", "client")
            for part, content in zip(("cert", "key"), pki.authority(MIGRATION).pair(name), strict=True)
        ),
    ]


MACHINES = {
    "control": control_files,
    "postgresql": postgresql_files,
    "redis": redis_files,
    "central": central_files,
}


def machine_files(pki: Pki, machine: str) -> list[File]:
    """The files of a machine: one of MACHINES, or a host's name."""
    return MACHINES[machine](pki) if machine in MACHINES else host_files(pki, machine)


def _check_host(name: str) -> None:
    if name in (*MACHINES, "ca", "next") or not _HOST_NAME.fullmatch(name):
        raise UnknownName(f"{name!r} cannot be a host's name here: lower-case letters, digits and hyphens")


def _pair(pki: Pki, authority: str, name: str, directory: PurePosixPath, as_name: str) -> list[File]:
    certificate, key = pki.authority(authority).pair(name)
    return [File(directory / f"{as_name}.key", key, 0o600), File(directory / f"{as_name}.pem", certificate)]


def _bundle(pki: Pki, *names: str) -> bytes:
    return b"".join(pki.authority(name).trusted() for name in names)
