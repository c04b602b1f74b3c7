"""What the screenshots show: a small shop's cloud on a working day, with a failure, a task under way and a lost host.

One place for everything that pages need in order to look as they do in use. A part that adds a page adds its rows here,
as a function called by `add_sample_data()`; names are invented, figures are plausible.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from onebox.shell import wait_until

from apps.accounts.models import Project, Role, Tenant
from apps.compute.models import Image, InstanceType, Vm
from apps.compute.services.disk_attachment import attach_disk
from apps.compute.services.eni_binding import bind_eni
from apps.compute.services.key_pair import create_key_pair
from apps.compute.services.power import shut_down_vm
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.network.models import Eip, Eni, ExternalSegment, SecurityGroup, SegmentAddress, Subnet, Vpc
from apps.network.services.eip import create_eips
from apps.network.services.eip_binding import bind_eip
from apps.network.services.eni import create_eni
from apps.network.services.external_segment import create_segment
from apps.network.services.security_group import create_security_group
from apps.network.services.subnet import create_subnet
from apps.network.services.vpc import create_vpc
from apps.quotas.models import Quota
from apps.storage.models import Disk
from apps.storage.services.create import create_disks
from apps.storage.services.snapshot import snapshot_disk
from apps.tenancy.services.keys import issue_own_key
from apps.tenancy.services.members import create_member
from apps.tenancy.services.projects import create_project
from tests import factories
from tests.browser.past import hold_under_way, measure, spread_over_days
from tests.compute.factories import Cloud, ask_for_vms, make_image

if TYPE_CHECKING:
    from tests.browser.conftest import Site

#: Names of the VM that details are shown of, of the one that failed, and of the one that is being made.
SHOWN, FAILED, UNDER_WAY = "shop-web-1", "build-runner-with-a-rather-long-name", "analytics"
#: Name of the disk that details are shown of.
DATA_DISK = "shop-db-data"


def add_sample_data(site: Site) -> None:
    """Fill the site. Takes some ten seconds: most of it is done by the workers, as a user would have it done."""
    name_the_region(site.cloud)
    alice = factories.actor_for_user(site.owner)
    people(alice, site.owner.tenant)
    subnet = network(alice)
    groups(alice)
    settle()
    machines(alice, site.cloud, subnet)
    disks(alice, site.cloud)
    addresses(alice, site.cloud)
    elastic_nics(alice)
    other_tenants()
    lost_and_new_hosts(site.cloud)
    limits(site.owner.tenant)
    spread_over_days()
    hold_under_way(UNDER_WAY)
    measure()


def settle() -> None:
    """Wait until the workers have done all that was requested."""
    wait_until(lambda: not Operation.objects.open().exists(), "all operations to settle", seconds=90)


def name_the_region(cloud: Cloud) -> None:
    """Give what the factories numbered the names an operator would choose, before anything refers to them."""
    Region.objects.filter(pk=cloud.region.pk).update(name="fra", label="Frankfurt")
    ComputeCluster.objects.filter(pk=cloud.cluster.pk).update(name="fra-compute-1", alias="General purpose")
    StorageCluster.objects.filter(pk=cloud.storage.pk).update(
        name="fra-nvme-1", capacity_bytes=48 << 40, used_bytes=17 << 40
    )
    for number, host in enumerate(cloud.hosts, start=1):
        Host.objects.filter(pk=host.pk).update(
            name=f"fra1-node{number:02}",
            address=f"10.20.0.{10 + number}",
            cpu_model="AMD EPYC 9354",
            hypervisor_version="7.2.17",
        )
    Image.objects.filter(pk=cloud.image.pk).update(name="Debian 12", os_name="Debian 12 (bookworm)")
    for name, system in (("Ubuntu 24.04 LTS", "Ubuntu 24.04"), ("Rocky Linux 9", "Rocky Linux 9.5")):
        make_image(cloud.storage, name, os_name=system, virtual_bytes=3 << 30, stored_bytes=700 << 20)


def people(alice: Actor, tenant: Tenant | None) -> None:
    """A second project, members in it, and keys for programs."""
    assert tenant is not None
    Tenant.objects.filter(pk=tenant.pk).update(description="Online shop, since 2024")
    staging = create_project(alice, tenant, "staging", description="Rebuilt every night")
    default = Project.objects.get(tenant=tenant, is_default=True)
    for name, project, role in (
        ("mia.lindqvist", default, Role.MANAGER),
        ("otto.brandt", staging, Role.OPERATOR),
        ("vera.novak", default, Role.VIEWER),
    ):
        create_member(alice, tenant, name, project=project, role=role, email=f"{name}@acme.example")
    issue_own_key(alice, "terraform", "write")
    issue_own_key(alice, "grafana", "read", timezone.now() + timedelta(days=90))
    for name in ("alice-laptop", "deploy"):
        create_key_pair(alice, name=name)


def network(alice: Actor) -> Subnet:
    """Two VPCs, the first with two subnets. Returns the subnet that machines stand in."""
    create_vpc(
        alice,
        name="production",
        cidr="10.0.0.0/16",
        subnet_cidr="10.0.0.0/20",
        description="Shop and back office",
    )
    create_vpc(alice, name="staging", cidr="172.16.0.0/20", subnet_cidr="172.16.0.0/24")
    production = Vpc.objects.get(name="production", tenant=alice.tenant)
    Subnet.objects.filter(vpc=production).update(name="frontend")
    create_subnet(alice, vpc=production.pk, name="databases", cidr="10.0.16.0/24", cidr6="auto")
    return Subnet.objects.get(vpc=production, name="frontend")


def groups(alice: Actor) -> None:
    """Security groups as people write them."""
    anyone, inside = "0.0.0.0/0", "10.0.0.0/16"
    for name, rules in (
        (
            "web",
            [("tcp", "80", anyone, "HTTP"), ("tcp", "443", anyone, "HTTPS"), ("tcp", "22", inside, "SSH")],
        ),
        ("database", [("tcp", "5432", inside, "PostgreSQL"), ("icmpv4", "", inside, "Ping")]),
    ):
        create_security_group(
            alice,
            name=name,
            rules=[
                {"direction": "in", "protocol": protocol, "port": port, "address": cidr, "description": text}
                for protocol, port, cidr, text in rules
            ],
        )


def machines(alice: Actor, cloud: Cloud, subnet: Subnet) -> None:
    """Running ones, two stopped, one that failed and one on its way."""
    web = SecurityGroup.objects.get(name="web", tenant=alice.tenant)
    sizes = {kind.vcpu: kind.pk for kind in InstanceType.objects.filter(cluster=cloud.cluster)}
    images = dict(Image.objects.values_list("name", "pk"))
    for name, vcpu, count, image, description in (
        ("mail-relay", 1, 1, "Debian 12", ""),
        (FAILED, 4, 1, "Ubuntu 24.04 LTS", "CI jobs <main> & nightly"),
        ("shop-db", 8, 2, "Rocky Linux 9", "PostgreSQL 16, primary and replica"),
        ("cache", 2, 1, "Debian 12", "Redis"),
        ("shop-worker", 2, 2, "Debian 12", ""),
        ("shop-web", 4, 3, "Debian 12", "Storefront"),
    ):
        ask_for_vms(
            alice,
            cloud,
            subnet,
            name=name,
            count=count,
            instance_type=sizes[vcpu],
            image=images[image],
            security_group=web.pk,
            description=description,
        )
    settle()
    for vm in Vm.objects.filter(name__in=["mail-relay", "shop-worker-2"]):
        shut_down_vm(alice, vm)
    settle()
    fail(Operation.objects.filter(target_name=FAILED).latest("created_at"))
    ask_for_vms(alice, cloud, subnet, name=UNDER_WAY, instance_type=sizes[16], image=images["Rocky Linux 9"])
    settle()


def disks(alice: Actor, cloud: Cloud) -> None:
    """Data disks of two VMs, one with snapshots and a copy, and two that no VM has."""
    for name, size in ((DATA_DISK, 100), ("shop-web-uploads", 40), ("archive-2025", 60)):
        create_disks(alice, name=name, size_gib=size, cluster=cloud.storage.pk)
    settle()
    data, uploads = (Disk.objects.get(name=name) for name in (DATA_DISK, "shop-web-uploads"))
    attach_disk(alice, data, vm=Vm.objects.get(name="shop-db-1").pk)
    attach_disk(alice, uploads, vm=Vm.objects.get(name=SHOWN).pk)
    settle()
    for name in ("before-pg17", "nightly"):
        snapshot_disk(alice, data, name=name, description="Before the upgrade" if "pg" in name else "")
        settle()
    create_disks(alice, name="shop-db-test", snapshot=data.snapshots.latest("created_at").pk)
    settle()


def addresses(alice: Actor, cloud: Cloud) -> None:
    """Two external segments; EIPs that are bound, free and released; one address with a machine of nobody."""
    for name, vlan, block, routes in (
        ("internet", 101, "203.0.113", ["0.0.0.0/0"]),
        ("datacentre", 102, "172.20.1", ["172.21.0.0/16"]),
    ):
        create_segment(
            SYSTEM,
            region=Region.objects.get(pk=cloud.region.pk),
            name=name,
            physical_network="physnet1",
            vlan=vlan,
            cidr=f"{block}.0/24",
            gateway=f"{block}.1",
            routes=routes,
            ranges=[
                {"first": f"{block}.10", "last": f"{block}.199"},
                {"first": f"{block}.60", "last": f"{block}.79", "reserved": True},
            ],
        )
    settle()
    internet, datacentre = (ExternalSegment.objects.get(name=name) for name in ("internet", "datacentre"))
    create_eips(alice, segment=internet.pk, name="shop-web", count=3, mbit=200)
    create_eips(alice, segment=datacentre.pk, name="erp", mbit=50, description="To the warehouse")
    settle()
    for name, vm in (("shop-web-1", SHOWN), ("shop-web-2", "shop-web-2"), ("erp", SHOWN)):
        carrier = Vm.objects.get(name=vm).pk
        bind_eip(alice, Eip.objects.get(name=name), carrier=carrier, delivery="guest")
        settle()
    held = {"segment": internet, "until": timezone.now() + timedelta(minutes=7)}
    SegmentAddress.objects.create(ip="203.0.113.21", use="quarantine", **held)
    SegmentAddress.objects.create(
        segment=internet, ip="203.0.113.40", use="conflict", mac="52:54:00:7c:01:22"
    )


def elastic_nics(alice: Actor) -> None:
    """One in another VPC and one outside, both at the VM that is shown, and one that no VM has."""
    staging = Subnet.objects.get(vpc__name="staging", tenant=alice.tenant)
    group = SecurityGroup.objects.get(name="web", tenant=alice.tenant)
    datacentre = ExternalSegment.objects.get(name="datacentre")
    for name, values in (
        ("shop-web-to-staging", {"subnet": staging.pk, "security_group": group.pk}),
        ("shop-web-to-warehouse", {"segment": datacentre.pk, "mbit_in": 200, "mbit_out": 50}),
        ("failover", {"subnet": staging.pk, "description": "For the standby"}),
    ):
        create_eni(alice, name=name, **values)
    settle()
    for name in ("shop-web-to-staging", "shop-web-to-warehouse"):
        bind_eni(alice, Eni.objects.get(name=name), vm=Vm.objects.get(name=SHOWN).pk)
        settle()


def fail(operation: Operation) -> None:
    """Let an operation have ended the way a lost host ends it."""
    error = {
        "code": "host.unreachable",
        "message": "Host fra1-node04 did not respond.",
        "template": "Host %(host)s did not respond.",
        "values": {"host": "fra1-node04"},
        "hint": "Check that the host is up and its agent is running.",
        "operation": str(operation.pk),
        "verb": operation.verb,
    }
    Operation.objects.filter(pk=operation.pk).update(status=OperationStatus.FAILED, error=error)
    Resource.objects.filter(pk=operation.target_id).update(state=State.ERROR, error=error)


def other_tenants() -> None:
    """Neighbours, so that the administration is not about one tenant; one is disabled."""
    Tenant.objects.filter(name="bolt").update(description="Logistics")
    for name, description, enabled, used in (
        ("northwind", "Wholesale", True, {"vm": 34, "vcpu": 118, "memory_gib": 236, "disk_gib": 2900}),
        ("fabrikam", "", True, {"vm": 48, "vcpu": 196, "memory_gib": 392, "disk_gib": 7400}),
        ("tailspin", "Contract ended in October", False, {}),
    ):
        tenant = factories.make_tenant(name)
        factories.make_owner(tenant, f"{name}.owner")
        Tenant.objects.filter(pk=tenant.pk).update(description=description, enabled=enabled)
        for metric, units in used.items():
            Quota.objects.filter(tenant=tenant, metric=metric).update(used=units)
    for months, tenant in enumerate(Tenant.objects.order_by("-pk"), start=1):
        Tenant.objects.filter(pk=tenant.pk).update(created_at=timezone.now() - timedelta(days=41 * months))


def lost_and_new_hosts(cloud: Cloud) -> None:
    """One host that went silent an hour ago, one that was enrolled but never reported."""
    silent = timezone.now() - timedelta(hours=1)
    common: dict[str, Any] = {"driver": "agent", "load_percent": 0.0}
    factories.make_host(
        cloud.cluster,
        "fra1-node04",
        address="10.20.0.14",
        cpu_model="AMD EPYC 9354",
        last_report_at=silent,
        **common,
    )
    factories.make_host(cloud.cluster, "fra1-node05", state=State.PENDING, last_report_at=None, **common)


def limits(tenant: Tenant | None) -> None:
    """Limits near enough to what is used that the meters show all their tones."""
    for metric, limit in (("vm", 20), ("vcpu", 64), ("memory_gib", 120), ("disk_gib", 1000), ("vpc", 3)):
        Quota.objects.filter(tenant=tenant, metric=metric).update(limit=limit)
