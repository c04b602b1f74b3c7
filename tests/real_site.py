"""The platform on the test instance's real hosts: a region on OVN, libvirt, QEMU and the tiny guest image."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from onebox import agent, product
from onebox.shell import wait_until

from apps.compute.models import Image, InstanceType
from apps.compute.services.image import import_image
from apps.infrastructure.enrolment import enroll_host
from apps.infrastructure.models import Host
from apps.infrastructure.services import create_compute_cluster, create_region, create_storage_cluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Resource, State
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


@pytest.fixture(scope="module")
def real_site(
    onebox: Onebox, lasting_rows: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealSite]:
    """Web, worker, beat and console proxy on the test database, and the test instance's hosts enrolled in it."""
    values = onebox.environment
    with drivers_of(values), platform(tmp_path_factory.mktemp("platform"), values) as made:
        region = create_region(SYSTEM, "local", "Local", fabric_address=onebox.ovn_northbound)
        cluster = create_compute_cluster(SYSTEM, region)
        pool = create_storage_cluster(SYSTEM, region, path=POOL)
        for host in onebox.hosts:
            enrolment = enroll_host(SYSTEM, cluster, host.name, host.management_ip)
            agent.configure(host, enrolment.agent_toml)
        product.manage(made.instance, "collectstatic", "--noinput")
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
        yield site


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
