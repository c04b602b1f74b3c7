"""Specs as the control plane would make them, each with identifiers of its own."""

import itertools
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.drivers.specs import (
    DiskAttachment,
    EdgeSpec,
    ExternalAddress,
    ExternalNetwork,
    ExternalPortSpec,
    ImageSpec,
    NicAttachment,
    PoolSpec,
    PortSpec,
    ProviderNetworkSpec,
    SeedSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    VmSpec,
    VolumeSpec,
    VpcSpec,
)

#: Of the range that hosts know as guests', far from where the platform's sequence starts.
FIRST_UID = 2_100_000_000
DATA_AT = 1 << 20
_numbers = itertools.count(1000)


def make_bootable(path: Path, form: str = "qcow2") -> None:
    """Give the disk in an image file a boot record."""
    words = [word for at, byte in ((510, 0x55), (511, 0xAA)) for word in ("-c", f"write -q -P {byte} {at} 1")]
    subprocess.run(["qemu-io", "-f", form, *words, str(path)], check=True)


def fill(path: Path, byte: int) -> None:
    """Write 64 KiB of a byte at `DATA_AT` of the disk in a qcow2 file that nobody has open."""
    command = f"write -q -P {byte} {DATA_AT} 64k"
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, str(path)], check=True)


def byte_at(path: Path, at: int) -> int:
    """Return a byte of the disk in a qcow2 file."""
    command = ["qemu-io", "-r", "-f", "qcow2", "-c", f"read -v {at // 512 * 512} 512", str(path)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split(":")[1].split()[:16] for line in shown.splitlines() if re.match("^[0-9a-f]{8}:", line)]
    return int([byte for row in rows for byte in row][at % 512], 16)


@contextmanager
def opened(path: Path) -> Iterator[None]:
    """Hold an image open as a running QEMU does."""
    command = ["qemu-io", "-f", "qcow2", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("length\n")
        process.stdin.flush()
        process.stdout.readline()
        yield
        process.stdin.close()


def new_id() -> str:
    return str(uuid.uuid4())


def new_mac() -> str:
    number = next(_numbers)
    return f"fa:16:3e:7f:{number >> 8:02x}:{number & 255:02x}"


def a_pool(path: Path | str = "/nowhere") -> PoolSpec:
    return PoolSpec(id=new_id(), driver="file", path=str(path))


def an_image(pool: PoolSpec) -> ImageSpec:
    return ImageSpec(id=new_id(), pool=pool)


def a_volume(pool: PoolSpec, image: ImageSpec | None = None, size_gib: int = 1) -> VolumeSpec:
    return VolumeSpec(id=new_id(), pool=pool, size_gib=size_gib, image_id=image.id if image else None)


def a_vm(volume: VolumeSpec, *ports: PortSpec, seed: SeedSpec | None = None, memory_mib: int = 128) -> VmSpec:
    id = new_id()
    return VmSpec(
        id=id,
        name=f"vm-{id[:8]}",
        vcpu=1,
        memory_mib=memory_mib,
        disks=(DiskAttachment(volume),),
        nics=tuple(
            NicAttachment(port_id=port.id, mac=port.mac, slot=slot) for slot, port in enumerate(ports)
        ),
        uid=FIRST_UID + next(_numbers),
        seed=seed or SeedSpec(hostname=f"host-{id[:8]}"),
    )


def a_vpc() -> VpcSpec:
    return VpcSpec(id=new_id(), vni=(1 << 20) + uuid.uuid4().int % (1 << 22))


def a_subnet(vpc: VpcSpec, net: str = "10.0.1") -> SubnetSpec:
    return SubnetSpec(
        id=new_id(),
        vpc_id=vpc.id,
        cidr=f"{net}.0/24",
        gateway=f"{net}.1",
        gateway_mac=new_mac(),
        dns=("9.9.9.9", "149.112.112.112"),
    )


def a_port(subnet: SubnetSpec, host_number: int = 11, *groups: str) -> PortSpec:
    address = subnet.cidr.removesuffix("0/24") + str(host_number)
    return PortSpec(id=new_id(), subnet_id=subnet.id, mac=new_mac(), ip=address, security_group_ids=groups)


def an_edge(*hosts: str) -> EdgeSpec:
    return EdgeSpec(id=new_id(), mac=new_mac(), hosts=hosts or ("host-1", "host-2"))


def a_provider_network(edge: EdgeSpec, vlan: int = 101) -> ProviderNetworkSpec:
    """One on a physical network of its own, which no host has."""
    id = new_id()
    return ProviderNetworkSpec(
        id=id,
        edge_id=edge.id,
        physical_network=f"physnet-{id[:8]}",
        vlan=vlan,
        mac=new_mac(),
        networks=(
            ExternalNetwork("203.0.113.0/24", "203.0.113.1", "203.0.113.3"),
            ExternalNetwork("2001:db8:101::/64", "2001:db8:101::1", "2001:db8:101::3"),
        ),
    )


def an_external_port(edge: EdgeSpec, *addresses: ExternalAddress, group: str = "") -> ExternalPortSpec:
    groups = (group,) if group else ()
    return ExternalPortSpec(new_id(), edge.id, new_mac(), addresses, security_group_ids=groups)


def a_translated_address(
    edge: EdgeSpec, port: PortSpec, vpc: VpcSpec, address: ExternalAddress, uplink: int = 7
) -> TranslatedAddressSpec:
    return TranslatedAddressSpec(new_id(), edge.id, vpc.id, uplink, address, port.ip)
