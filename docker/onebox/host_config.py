"""What an installer writes on a server: its identity, and the settings of its daemons at their default paths."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from onebox import certificates, host_firewall
from onebox.instance import CENTRAL, COMPUTE
from onebox.shell import run, write
from onebox.tree import HOSTS

if TYPE_CHECKING:
    from onebox.hosts import Host

CENTRAL_UNITS = ("ovn-central.service", "scloud-central.service")
LIBVIRT_UNITS = (
    "libvirtd.socket",
    "libvirtd-ro.socket",
    "libvirtd-admin.socket",
    "libvirtd-tls.socket",
    "libvirtd.service",
)
COMPUTE_UNITS = (
    "openvswitch-switch.service",
    "scloud-network.service",
    "ovn-host.service",
    "scloud-advertisements.service",
    "virtlogd.socket",
    *LIBVIRT_UNITS,
    "libvirt-guests.service",
)
GUEST_SECONDS = "20"


def write_all(host: Host) -> None:
    """Write the configuration of a host into its mounted, not yet running file system."""
    _identity(host)
    write_files(host)
    certificates.place(host)
    units = CENTRAL_UNITS if host.name == CENTRAL else COMPUTE_UNITS
    run(["chroot", host.root, "systemctl", "enable", "--quiet", *host_firewall.UNITS, *units])


def write_files(host: Host) -> None:
    """Write what docker/hosts/README.md tells administrators of servers to write, with this host's addresses."""
    _central(host) if host.name == CENTRAL else _compute(host)
    _install(host, "reload-certificates", host.root / certificates.RELOAD, 0o755)
    host_firewall.write_all(host)


def _identity(host: Host) -> None:
    etc = host.root / "etc"
    if not (etc / "machine-id").read_text().strip():
        write(etc / "machine-id", secrets.token_hex(16) + "\n", 0o444)
        write(
            etc / "iscsi/initiatorname.iscsi",
            f"InitiatorName=iqn.1993-08.org.debian:01:{secrets.token_hex(6)}\n",
        )
    write(etc / "hostname", f"{host.name}\n")
    names = [
        (host.instance.management_ip(10 + number), name) for number, name in enumerate((CENTRAL, *COMPUTE))
    ]
    lines = [
        "127.0.0.1 localhost",
        f"{host.instance.control_ip} control",
        *(" ".join(pair) for pair in names),
    ]
    write(etc / "hosts", "\n".join(lines) + "\n")


def _central(host: Host) -> None:
    etc = host.root / "etc"
    _install(host, "ovn-central.default", etc / "default/ovn-central")
    _install(host, "scloud-central.service", etc / "systemd/system/scloud-central.service")
    _install(host, "configure-central", host.root / "usr/local/lib/scloud/configure-central", 0o755)
    write(etc / "scloud/central.env", f"SCLOUD_MANAGEMENT_IP={host.management_ip}\n")


def _compute(host: Host) -> None:
    etc, central_ip = host.root / "etc", host.instance.management_ip(10)
    settings = {
        "SCLOUD_OVN_REMOTE": f"ssl:{central_ip}:6642",
        "SCLOUD_ENCAP_IP": host.underlay_ip,
        "SCLOUD_DATAPATH": "netdev",
        "SCLOUD_UNDERLAY_NIC": "ul0",
        "SCLOUD_PROVIDER_NIC": "ex0",
    }
    write(etc / "scloud/network.env", "".join(f"{key}={value}\n" for key, value in settings.items()))
    write(etc / "openvswitch/system-id.conf", f"{host.name}\n")
    write(etc / "default/openvswitch-switch", 'OVS_CTL_OPTS="--no-mlockall"\n')
    write(etc / "default/libvirtd", 'LIBVIRTD_ARGS=""\n')
    _install(host, "libvirtd.conf", etc / "libvirt/libvirtd.conf")
    _install(host, "libvirtd-tls.socket.conf", etc / "systemd/system/libvirtd-tls.socket.d/address.conf")
    (etc / "systemd/system/sockets.target.wants/libvirtd-tcp.socket").unlink(
        missing_ok=True
    )  # of earlier versions
    _install(host, "qemu.conf", etc / "libvirt/qemu.conf", 0o600)
    _install(host, "tmpfiles.conf", etc / "tmpfiles.d/scloud.conf")
    for unit in ("libvirtd.socket", "libvirtd-ro.socket"):
        _install(host, "libvirt-socket.conf", etc / f"systemd/system/{unit}.d/scloud.conf")
    for unit in LIBVIRT_UNITS:
        _install(host, "libvirt-restarts.conf", etc / f"systemd/system/{unit}.d/restarts.conf")
    _install(host, "libvirt-guests.default", etc / "default/libvirt-guests")
    _install(host, "scloud-network.service", etc / "systemd/system/scloud-network.service")
    _install(host, "scloud-advertisements.service", etc / "systemd/system/scloud-advertisements.service")
    for script in ("configure-network", "limit-datapath", "guard-advertisements"):
        _install(host, script, host.root / "usr/local/lib/scloud" / script, 0o755)
    _install(host, "limit-nics", etc / "libvirt/hooks/qemu.d/limit-nics", 0o755)
    _install(host, "ovs-vswitchd.conf", etc / "systemd/system/ovs-vswitchd.service.d/scloud.conf")
    shutil.rmtree(etc / "libvirt/qemu/networks/autostart", ignore_errors=True)


def _install(host: Host, name: str, target: Path, mode: int = 0o644) -> None:
    text = (HOSTS / name).read_text()
    for mark, value in (("@MANAGEMENT_IP@", host.management_ip), ("@GUEST_SECONDS@", GUEST_SECONDS)):
        text = text.replace(mark, value)
    write(target, text, mode)
