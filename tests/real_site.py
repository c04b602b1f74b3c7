"""The platform on the test instance's real hosts: a region on OVN, libvirt, QEMU and the tiny guest image."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from onebox import agent
from onebox.shell import OneboxError, wait_until
from pytest_django.plugin import DjangoDbBlocker

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Tenant, User
from apps.compute.models import Image, InstanceType, Vm
from apps.compute.services.image import import_image
from apps.drivers.specs import (
    EdgeSpec,
    ExternalPortSpec,
    PortSpec,
    ProviderNetworkSpec,
    SecurityGroupSpec,
    SubnetSpec,
    TranslatedAddressSpec,
    VpcSpec,
)
from apps.infrastructure import backends
from apps.infrastructure.enrolment import enroll_host
from apps.infrastructure.models import Host
from apps.infrastructure.services.clusters import create_compute_cluster
from apps.infrastructure.services.regions import create_region
from apps.infrastructure.services.storage_clusters import create_storage_cluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, Resource, State
from apps.network.models import Edge, Eip, Nic, ProviderNetwork, SecurityGroup, Subnet, Vpc
from apps.storage.models import Disk
from apps.tenancy.services.tenants import create_tenant
from tests import factories
from tests.lasting_database import LastingDatabase
from tests.onebox_fixtures import Onebox
from tests.platform_fixtures import Api, Platform, drivers_of, platform

POOL = "/var/lib/scloud/shared"


@dataclass
class RealSite:
    """A platform whose hosts, network and guests are real.

    `idle` is for VMs whose inside is no subject: a machine that halts as soon as it starts, where booting `image` keeps
    a core busy for many seconds.
    """

    platform: Platform
    box: Onebox
    image: Image
    idle: Image
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
        """Wait until all resources that match are ready; one that failed ends the wait with its cause."""
        rows = Resource.objects.filter(**which)

        def ready() -> bool:
            failed = rows.filter(state=State.ERROR).first()
            assert failed is None, f"{failed}: {failed.error}"
            return not rows.exclude(state=State.READY).exists()

        def progress() -> list[Operation]:
            return list(Operation.objects.filter(target_id__in=rows.exclude(state=State.READY).values("pk")))

        try:
            wait_until(ready, f"{which} to be ready", seconds=240, every=0.1)
        except OneboxError as late:
            late.add_note(
                "\n".join(f"{one} attempt {one.attempt}: {one.steps} {one.error}" for one in progress())
            )
            raise


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


IDLE_FILE = "idle.img"
#: A boot sector of "cli; hlt", on a disk of a mebibyte.
IDLE = (bytes.fromhex("fa f4 ebfd").ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0")
#: The content of the site's database once its hosts and its image are there.
FURNISHED = "sample_site"
PROCESSES = ("worker", "beat", "console", "web")


@dataclass
class SharedSite:
    """A site that modules use one after the other, and its database."""

    site: RealSite
    database: LastingDatabase

    def clear(self) -> None:
        """Take away what a module left: in the rows, on the hosts and in the network."""
        # The web process and the console proxy do nothing by themselves.
        self.site.platform.stop("worker", "beat")
        try:
            _clear(self.site.box, keep=(self.site.image, self.site.idle))
        finally:
            self.database.put_back(FURNISHED)


@pytest.fixture(scope="session")
def shared_site(
    onebox: Onebox,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SharedSite]:
    """The site of `real_site`: made once, with the test instance's hosts enrolled in it."""
    database, values = LastingDatabase("real"), onebox.environment
    with _alone_on(onebox), ExitStack() as stack:
        with django_db_blocker.unblock(), database.in_use(), drivers_of(values):
            made = stack.enter_context(platform(tmp_path_factory.mktemp("platform"), values))
            site = _make(onebox, made)
            made.stop("worker", "beat")
            database.keep(FURNISHED)
        try:
            yield SharedSite(site, database)
        finally:
            with django_db_blocker.unblock(), database.in_use(), drivers_of(values):
                made.stop()
                _clear(onebox)
                database.destroy()


@pytest.fixture(scope="module")
def real_site(shared_site: SharedSite, django_db_blocker: DjangoDbBlocker) -> Iterator[RealSite]:
    """Web, worker, beat and console proxy, the test instance's hosts, and nothing of any tenant."""
    site = shared_site.site
    with django_db_blocker.unblock(), shared_site.database.in_use(), drivers_of(site.box.environment):
        site.platform.start(*PROCESSES)
        wait_until(
            lambda: all(host.in_reach for host in Host.objects.all()), "reports of all hosts", seconds=240
        )
        try:
            yield site
        finally:
            shared_site.clear()


def _make(onebox: Onebox, made: Platform) -> RealSite:
    """Make a region of the hosts, have them take orders, and import the tiny guest."""
    region = create_region(
        SYSTEM, "local", "Local", fabric_address=onebox.ovn_northbound, open_to_tenants=True
    )
    cluster = create_compute_cluster(SYSTEM, region)
    pool = create_storage_cluster(SYSTEM, region, path=POOL)
    for host in onebox.hosts:
        enrolment = enroll_host(SYSTEM, cluster, host.name, host.management_ip)
        agent.configure(host, enrolment.agent_toml)
    made.collect_static()
    made.start(*PROCESSES)
    shutil.copy(onebox.guest_image, onebox.shared / "import")
    (onebox.shared / "import" / IDLE_FILE).write_bytes(IDLE)
    site = RealSite(
        made,
        onebox,
        image=_import("Debian tiny", pool, onebox.guest_image.name, guest_agent=True),
        idle=_import("Idle", pool, IDLE_FILE, guest_agent=False),
        small=InstanceType.objects.get(cluster=cluster, vcpu=1),
    )
    wait_until(
        lambda: Host.objects.filter(state=State.READY).count() == len(onebox.hosts),
        "the hosts' first reports",
        seconds=240,
    )
    site.wait_ready(kind="image")
    return site


@contextmanager
def _alone_on(box: Onebox) -> Iterator[None]:
    """Hold the hosts: a second platform that enrols them takes them away from the first."""
    with (box.instance.var / "hosts.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _clear(box: Onebox, keep: Iterable[Image] = ()) -> None:
    """Take away by hand what tenants and images have on the hosts and in the network, but for images to keep."""
    for vm in Vm.objects.select_related("host"):
        assert vm.host is not None
        for command in (["destroy"], ["undefine"]):
            box.host(vm.host.name).exec("virsh", *command, f"vm-{vm.pk}", check=False)
    for row in (*Disk.objects.all(), *Image.objects.exclude(pk__in=[image.pk for image in keep])):
        for directory in ("volumes", "images"):
            for path in (box.shared / directory).glob(f"{row.pk}.*"):
                path.unlink()
    _clear_fabric()


def _clear_fabric() -> None:
    # Leaves first: what is in use cannot go.
    for eip in Eip.objects.select_related("region"):
        backends.fabric(eip.region).ensure_absent(TranslatedAddressSpec, str(eip.pk))
    for nic in Nic.objects.select_related("owner__region").filter(subnet=None):
        backends.fabric(nic.owner.region).ensure_absent(ExternalPortSpec, str(nic.pk))
    for network in ProviderNetwork.objects.select_related("edge__region"):
        backends.fabric(network.edge.region).ensure_absent(ProviderNetworkSpec, str(network.pk))
    for edge in Edge.objects.select_related("region"):
        backends.fabric(edge.region).ensure_absent(EdgeSpec, str(edge.pk))
    for nic in Nic.objects.select_related("subnet__region").exclude(subnet=None):
        backends.fabric(nic.subnet.region).ensure_absent(PortSpec, str(nic.pk))
    for kind, model in (
        (SecurityGroupSpec, SecurityGroup),
        (SubnetSpec, Subnet),
        (VpcSpec, Vpc),
    ):
        for row in model.objects.select_related("region"):
            backends.fabric(row.region).ensure_absent(kind, str(row.pk))


def _import(name: str, pool: object, file: str, *, guest_agent: bool) -> Image:
    """Have the platform take in a file of the pool's import directory."""
    operation = import_image(
        SYSTEM,
        name=name,
        cluster=pool,
        file=file,
        os_name="Debian",
        default_disk_gib=1,
        guest_agent=guest_agent,
    )
    return Image.objects.get(pk=operation.target_id)
