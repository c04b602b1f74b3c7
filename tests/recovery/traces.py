"""What VMs leave on real hosts, looked at without the platform's own drivers."""

from __future__ import annotations

from collections.abc import Iterator

from tests.onebox_fixtures import Onebox


def traces(box: Onebox) -> set[str]:
    """Return every domain, QEMU process, disk file, seed, switch port and logical port there is."""
    return {*_of_hosts(box), *_of_the_pool(box), *_of_the_network(box)}


def _of_hosts(box: Onebox) -> Iterator[str]:
    looks = {
        "domain": ("virsh", "list", "--all", "--uuid"),
        "QEMU process": ("pgrep", "--count", "qemu-system"),
        "seed": ("find", "/var/lib/scloud/seeds", "-type", "f"),
        "switch port": ("ovs-vsctl", "list-ports", "br-int"),
    }
    for host in box.hosts:
        for what, command in looks.items():
            for line in host.exec(*command, check=False).split():
                yield f"{what} of {host.name}: {line}"


def _of_the_pool(box: Onebox) -> Iterator[str]:
    for path in (box.shared / "volumes").glob("*"):
        yield f"volume: {path.name}"


def _of_the_network(box: Onebox) -> Iterator[str]:
    found = box.northbound("--format=csv", "--no-headings", "--columns=name", "list", "Logical_Switch_Port")
    for line in found.split():
        yield f"logical port: {line}"
