"""The platform on the test instance's real hosts: a region on OVN, libvirt, QEMU and the tiny guest image."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from onebox import agent
from onebox.shell import wait_until

from apps.compute.models import Image, InstanceType, Vm
from apps.compute.services.image import import_image
from apps.drivers.specs import FabricKind
from apps.infrastructure import backends
from apps.infrastructure.enrolment import enroll_host
from apps.infrastructure.models import Host
from apps.infrastructure.services import create_compute_cluster, create_region, create_storage_cluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Resource, State
from apps.network.models import Nic, SecurityGroup, Subnet, Vpc
from apps.storage.models import Disk
from apps.tenancy.keys import issue_key
from apps.tenancy.models import ApiKey, Tenant, User
from apps.tenancy.services.tenants import create_tenant
from tests import factories
from tests.onebox_fixtures import Onebox
from tests.platform_fixtures import Api, Platform, drivers_of, platform

POOL = "/var/lib/scloud/shared"


@dataclass
class RealSite:
    """A platform whose hosts, network and guests are real."""

    platform: Platform
    box: Onebox
    image: Image
    small: InstanceType

    def tenant(self, name: str) -> Customer:
        """Make a tenant with its first network; its owner is called NAME-owner, the password is factories.PASSWORD."""
        tenant, owner, _ = create_tenant(
            SYSTEM, name, f"{name}-owner", owner_password=factories.PASSWORD, must_change_password=False
        )
        self.wait_ready(tenant=tenant)
        _, token = issue_key(owner, "tests", ApiKey.Scope.WRITE, None)
        return Customer(tenant, owner, self.platform.client(token))

    def wait_ready(self, **which: object) -> None:
        """Wait until all resources that match are ready."""
        rows = Resource.objects.filter(**which)
        wait_until(
            lambda: not rows.exclude(state=State.READY).exists(),
            f"{which} to be ready",
            seconds=90,
            every=0.1,
        )


@dataclass
class Customer:
    """A tenant, its owner, and the owner's client of the API."""

    tenant: Tenant
    owner: User
    api: Api

    @property
    def subnet(self) -> str:
        """Id of the subnet every tenant starts with."""
        return str(Subnet.objects.filter(tenant=self.tenant).earliest("created_at").pk)

    @property
    def security_group(self) -> str:
        """Id of the security group every tenant starts with."""
        return str(SecurityGroup.objects.filter(tenant=self.tenant).earliest("created_at").pk)


@pytest.fixture(scope="module")
def real_site(
    onebox: Onebox, lasting_rows: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealSite]:
    """Web, worker, beat and console proxy on the test database, and the test instance's hosts enrolled in it."""
    values = onebox.environment
    with _alone_on(onebox), drivers_of(values), platform(tmp_path_factory.mktemp("platform"), values) as made:
        region = create_region(SYSTEM, "local", "Local", fabric_address=onebox.ovn_northbound)
        cluster = create_compute_cluster(SYSTEM, region)
        pool = create_storage_cluster(SYSTEM, region, path=POOL)
        for host in onebox.hosts:
            enrolment = enroll_host(SYSTEM, cluster, host.name, host.management_ip)
            agent.configure(host, enrolment.agent_toml)
        made.collect_static()
        made.start("worker", "beat", "console", "web")
        site = RealSite(
            made, onebox, _import(onebox, pool), InstanceType.objects.get(cluster=cluster, vcpu=1)
        )
        wait_until(
            lambda: Host.objects.filter(state=State.READY).count() == len(onebox.hosts),
            "the hosts' first reports",
            seconds=60,
        )
        site.wait_ready(kind="image")
        try:
            yield site
        finally:
            made.stop("web", "worker", "beat")
            _clear(onebox)


@contextmanager
def _alone_on(box: Onebox) -> Iterator[None]:
    """Hold the hosts: a second platform that enrols them takes them away from the first."""
    with (box.instance.var / "hosts.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _clear(box: Onebox) -> None:
    """Take away by hand what a failed test left, and what the tenants and the image have on the hosts anyway."""
    for vm in Vm.objects.select_related("host"):
        assert vm.host is not None
        for command in (["destroy"], ["undefine"]):
            box.host(vm.host.name).exec("virsh", *command, f"vm-{vm.pk}", check=False)
    for row in (*Disk.objects.all(), *Image.objects.all()):
        for directory in ("volumes", "images"):
            for path in (box.shared / directory).glob(f"{row.pk}.*"):
                path.unlink()
    _clear_fabric()


def _clear_fabric() -> None:
    # Leaves first: what is in use cannot go.
    for nic in Nic.objects.select_related("subnet__region"):
        backends.fabric(nic.subnet.region).ensure_absent(FabricKind.PORT, str(nic.pk))
    for kind, model in (
        (FabricKind.SECURITY_GROUP, SecurityGroup),
        (FabricKind.SUBNET, Subnet),
        (FabricKind.VPC, Vpc),
    ):
        for row in model.objects.select_related("region"):
            backends.fabric(row.region).ensure_absent(kind, str(row.pk))


def _import(onebox: Onebox, pool: object) -> Image:
    """Have the platform take in the tiny guest."""
    shutil.copy(onebox.guest_image, onebox.shared / "import")
    operation = import_image(
        SYSTEM,
        name="Debian tiny",
        cluster=pool,
        file=onebox.guest_image.name,
        os_name="Debian",
        default_disk_gib=1,
        guest_agent=True,
    )
    return Image.objects.get(pk=operation.target_id)
