"""A pretend region ready for VMs, and the calls that make them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from apps.accounts.models import Project, Tenant
from apps.compute.models import Image, InstanceType, Vm
from apps.compute.services.instance_type import create_default_types
from apps.compute.services.vm import create_vms
from apps.drivers.memory import World
from apps.drivers.specs import SecurityGroupSpec
from apps.infrastructure import backends
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.specs import security_group_spec, subnet_spec, vpc_spec
from tests import factories

GIB = 1 << 30


@dataclass
class Cloud:
    """One region with everything in it; `world` is what its drivers act on."""

    world: World
    region: Region
    cluster: ComputeCluster
    storage: StorageCluster
    hosts: list[Host]
    image: Image
    small: InstanceType

    def network(self, tenant: Tenant, cidr: str = "10.0.0.0/20") -> Subnet:
        """Give a tenant a VPC with one subnet, in the fabric too."""
        return make_subnet(self.region, factories.default_project(tenant), cidr)


def make_cloud(world: World, hosts: int = 2, **host: Any) -> Cloud:
    """Make a region with a cluster of `hosts` hosts, storage and a base image."""
    region = factories.make_region()
    cluster = factories.make_cluster(region)
    create_default_types(cluster)
    storage = factories.make_storage(region)
    return Cloud(
        world=world,
        region=region,
        cluster=cluster,
        storage=storage,
        hosts=[factories.make_host(cluster, **host) for _ in range(hosts)],
        image=make_image(storage),
        small=InstanceType.objects.get(cluster=cluster, vcpu=1),
    )


def make_image(storage: StorageCluster, name: str = "Tiny", **columns: Any) -> Image:
    """Make a ready base image, in the pool too."""
    image = Image.objects.create(
        kind="image",
        name=name,
        region=storage.region,
        cluster=storage,
        state=State.READY,
        default_disk_gib=40,
        **columns,
    )
    backends.MemoryVolumes(backends.memory_world()).ensure_image(image.spec(), f"memory:{GIB}")
    return image


def make_subnet(region: Region, project: Project, cidr: str) -> Subnet:
    """Make a VPC of this block with a subnet that fills it, ready, in the fabric too."""
    block = IPv4Network(cidr)
    common: dict[str, Any] = {
        "tenant": project.tenant,
        "project": project,
        "region": region,
        "state": State.READY,
    }
    vpc = Vpc.objects.create(kind="vpc", name="vpc", cidr=str(block), **common)
    vpc.refresh_from_db()
    subnet = Subnet.objects.create(
        kind="subnet",
        name="subnet",
        vpc=vpc,
        cidr=str(block),
        gateway=str(block.network_address + 1),
        last_given=str(IPv4Address(block.network_address + 1)),
        **common,
    )
    subnet.refresh_from_db()
    fabric = backends.fabric(region)
    fabric.ensure(vpc_spec(vpc))
    fabric.ensure(subnet_spec(subnet))
    return subnet


def make_group(region: Region, project: Project) -> SecurityGroup:
    """Make a security group without rules, ready, in the fabric too."""
    group = SecurityGroup.objects.create(
        kind="security_group",
        name="group",
        tenant=project.tenant,
        project=project,
        region=region,
        state=State.READY,
    )
    spec: SecurityGroupSpec = security_group_spec(group)
    backends.fabric(region).ensure(spec)
    return group


def ask_for_vms(actor: Actor, cloud: Cloud, within: Subnet, **changes: Any) -> list[Operation]:
    """Ask for VMs with the smallest type and the base image; `changes` are create_vms's arguments."""
    given: dict[str, Any] = {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": cloud.image.pk,
        "subnet": within.pk,
        "security_group": None,
        **changes,
    }
    return create_vms(actor, **given)


def make_vm(actor: Actor, cloud: Cloud, within: Subnet, **changes: Any) -> Vm:
    """Create one VM and let it settle."""
    (operation,) = ask_for_vms(actor, cloud, within, **changes)
    return settled(operation)


def settled(operation: Operation) -> Vm:
    """Run the operation of a VM, see it done, and return the VM as it is then."""
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, (operation.status, operation.error)
    return Vm.objects.get(pk=operation.target_id)
