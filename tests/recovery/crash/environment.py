"""A pretend region whose tenant may have a thousand of everything: where the breaking is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.utils import timezone

from apps.accounts.models import Project, User
from apps.compute.models import Image, InstanceType
from apps.compute.services.instance_type import create_default_types
from apps.infrastructure.models import Host, Region, StorageCluster
from apps.lifecycle.actor import Actor
from apps.network.models import Edge, ExternalSegment, SecurityGroup, Subnet
from apps.network.services.uplinks import ensure_uplink
from apps.quotas.models import Quota
from tests import factories
from tests.compute.factories import make_image
from tests.network.external import make_segment
from tests.network.factories import make_group, make_subnet, make_vpc

PLENTY = 1_000_000
HOSTS = 4
#: Each point has a VM of its own, and its disks are counted in full.
PLENTY_OF_SPACE = 1 << 48


@dataclass
class Environment:
    """What recipes make their resources in, and who asks: the tenant's owner, and an administrator for images."""

    region: Region
    storage: StorageCluster
    #: To which images are copied.
    second: StorageCluster
    project: Project
    small: InstanceType
    image: Image
    subnet: Subnet
    group: SecurityGroup
    #: Where EIPs are from.
    segment: ExternalSegment
    owner: Actor
    admin: Actor


def make_environment() -> None:
    """Make it, in rows and in the pretend region."""
    region = factories.make_region("crash")
    cluster = factories.make_cluster(region)
    create_default_types(cluster)
    storage = factories.make_storage(region, capacity_bytes=PLENTY_OF_SPACE)
    for _ in range(HOSTS):
        factories.make_host(cluster, vcpus=1024, memory_gib=8192)
    make_image(storage)
    factories.make_storage(region, "second")
    tenant = factories.make_tenant("acme")
    Quota.objects.filter(tenant=tenant).update(limit=PLENTY)
    factories.make_owner(tenant, "alice")
    factories.make_admin("ada")
    project = factories.default_project(tenant)
    vpc = make_vpc(project, region)
    make_subnet(vpc, "10.0.0.0/18")
    make_group(project, region)
    # Of a name of its own: a pretend region may outlive the rows.
    wire = f"wire-{uuid4().hex[:8]}"
    make_segment(region, cidr="198.18.0.0/15", gateway="198.18.0.1", physical_network=wire)
    # The first address by one-to-one NAT would make it: of all clean runs one would do more than the others.
    ensure_uplink(Edge.objects.get(), vpc.pk)


def load_environment() -> Environment:
    """Return what `make_environment` made, before there is more than one of anything."""
    return Environment(
        region=Region.objects.get(),
        storage=StorageCluster.objects.exclude(name="second").get(),
        second=StorageCluster.objects.get(name="second"),
        project=Project.objects.get(),
        small=InstanceType.objects.get(vcpu=1),
        image=Image.objects.get(),
        subnet=Subnet.objects.get(),
        group=SecurityGroup.objects.get(),
        segment=ExternalSegment.objects.get(),
        owner=factories.actor_for_user(User.objects.get(username="alice")),
        admin=factories.actor_for_user(User.objects.get(username="ada")),
    )


def hosts_reported(ahead: timedelta = timedelta()) -> None:
    """Have the hosts look as if they had reported just now, or will have in a while."""
    Host.objects.update(last_report_at=timezone.now() + ahead)
