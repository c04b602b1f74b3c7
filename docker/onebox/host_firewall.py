"""What a pretend host admits: the files of docker/hosts with the instance's addresses, loaded before NICs are up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebox.instance import CENTRAL, COMPUTE, Instance
from onebox.shell import write
from onebox.tree import HOSTS

if TYPE_CHECKING:
    from onebox.hosts import Host

PROGRAMS = "usr/local/lib/scloud"
UNITS = ("scloud-firewall.service", "onebox-nics.service")
FILES = (
    ("firewall", f"{PROGRAMS}/firewall", 0o755),
    ("sysctl.conf", "etc/sysctl.d/90-scloud.conf", 0o644),
    ("scloud-firewall.service", "etc/systemd/system/scloud-firewall.service", 0o644),
)
COMPUTE_FILES = (
    ("guard-taps", f"{PROGRAMS}/guard-taps", 0o755),
    ("libvirt-hook-qemu", "etc/libvirt/hooks/qemu", 0o755),
)
# On a server ifupdown or systemd-networkd does this, after network-pre.target as well.
NICS = """[Unit]
Description=NICs of a pretend host
DefaultDependencies=no
Wants=network-pre.target
After=network-pre.target
Before=network.target sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for nic in mgmt0 ul0 ex0; do ethtool -K $$nic tx off; ip link set $$nic up; done; \\
    ip addr replace {address}/24 dev mgmt0'

[Install]
WantedBy=sysinit.target
"""


def write_all(host: Host) -> None:
    """Write rules, kernel settings and the units that load them; ``UNITS`` are to be enabled."""
    for name, place, mode in FILES if host.name == CENTRAL else (*FILES, *COMPUTE_FILES):
        write(host.root / place, (HOSTS / name).read_text(), mode)
    lines = "".join(f"{name}={value}\n" for name, value in settings(host).items())
    write(host.root / "etc/scloud/firewall.env", lines)
    write(host.root / "etc/systemd/system/onebox-nics.service", NICS.format(address=host.management_ip))


def settings(host: Host) -> dict[str, str]:
    """The content of /etc/scloud/firewall.env; its keys are explained in docker/hosts/firewall."""
    values = {
        "SCLOUD_MANAGEMENT_NIC": "mgmt0",
        "SCLOUD_CONTROL": host.instance.control_ip,
        "SCLOUD_HOSTS": ",".join(management_addresses(host.instance)),
    }
    if host.name == CENTRAL:
        return {"SCLOUD_ROLE": "central", **values}
    return {
        "SCLOUD_ROLE": "compute",
        **values,
        "SCLOUD_STORAGE": host.instance.ceph_ip,
        "SCLOUD_TUNNEL_NIC": "br-phy",
        "SCLOUD_TUNNELS": ",".join(host.instance.underlay_ip(10 + number) for number in _numbers()),
    }


def management_addresses(instance: Instance) -> list[str]:
    """The management addresses of the compute hosts."""
    return [instance.management_ip(10 + number) for number in _numbers()]


def _numbers() -> range:
    return range(1, len(COMPUTE) + 1)
