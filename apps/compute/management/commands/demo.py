"""Load the demonstration: a region with its clusters and hosts, a base image, an admin and a tenant.

Every step is kept when it has been done before, so the command can run at every start. Passwords come by the
environment (SCLOUD_DEMO_ADMIN_PASSWORD, SCLOUD_DEMO_PASSWORD): arguments can be read by every process on the machine.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Tenant, User
from apps.accounts.secrets import unseal
from apps.compute.models import Image
from apps.compute.services.image import IMPORT_DIRECTORY, import_image
from apps.infrastructure.enrolment import Enrolment, enroll_host, reaches_redis, renew_enrolment
from apps.infrastructure.management.commands.enroll_host import write_config
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.infrastructure.models.storage_cluster import CEPH
from apps.infrastructure.services.clusters import change_cluster, create_compute_cluster
from apps.infrastructure.services.regions import change_region, create_region
from apps.infrastructure.services.storage_clusters import create_storage_cluster, set_key
from apps.lifecycle.actor import SYSTEM
from apps.network.demo_segments import PARTS, make_demo_segments
from apps.tenancy.services.admins import create_admin
from apps.tenancy.services.tenants import create_tenant

REGION, ADMIN, TENANT = "local", "admin", "demo"
IMAGE = "Debian tiny"


class Command(BaseCommand):
    help = "Load the demo data; existing data is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fabric", required=True, help="OVN northbound database, ssl:ADDRESS:6641")
        parser.add_argument("--pool", required=True, help="the pool's directory as hosts see it")
        parser.add_argument("--host", action="append", default=[], metavar="NAME=ADDRESS")
        parser.add_argument(
            "--configs", type=Path, required=True, help="directory for HOST.toml of each host"
        )
        parser.add_argument(
            "--ceph",
            nargs=3,
            metavar=("MONITOR", "POOL", "USER"),
            help="a second storage cluster; its key comes in SCLOUD_DEMO_CEPH_KEY",
        )
        parser.add_argument(
            "--segment",
            nargs=len(PARTS),
            action="append",
            default=[],
            metavar=PARTS,
            help="an external segment; routes are separated by commas",
        )
        parser.add_argument(
            "--dns", action="append", default=[], metavar="ADDRESS", help="DNS server of a new region"
        )
        parser.add_argument("--guest-image", required=True, help="a file in the pool's import directory")

    def handle(self, *args: Any, **options: Any) -> None:
        region = self._region(options["fabric"], options["dns"])
        compute = ComputeCluster.objects.filter(region=region).first()
        if compute is None:
            compute = create_compute_cluster(SYSTEM, region)
            self._made(f"compute cluster {compute}")
        storage = StorageCluster.objects.filter(region=region).exclude(driver=CEPH).first()
        if storage is None:
            storage = create_storage_cluster(SYSTEM, region, path=options["pool"])
            self._made(f"storage cluster {storage}")
        if options["ceph"]:
            self._ceph(region, *options["ceph"])
        for text in options["host"]:
            self._host(compute, text, options["configs"])
        for name in make_demo_segments(region, options["segment"]):
            self._made(f"external segment {name}")
        self._image(storage, PurePosixPath(options["guest_image"]))
        self._accounts()

    def _region(self, fabric: str, dns: list[str]) -> Region:
        region = Region.objects.filter(name=REGION).first()
        if region is None:
            self._made(f"region {REGION}")
            return create_region(
                SYSTEM, REGION, "Local", fabric_address=fabric, dns_servers=dns, open_to_tenants=True
            )
        if region.fabric_address != fabric:
            change_region(SYSTEM, region, {"fabric_address": fabric})
        return region

    def _ceph(self, region: Region, monitor: str, pool: str, user: str) -> None:
        """Connect the Ceph cluster, or correct what leads to it: the instance may have another address now."""
        key = _password("SCLOUD_DEMO_CEPH_KEY")
        known = StorageCluster.objects.filter(region=region, driver=CEPH).first()
        if known is None:
            made = create_storage_cluster(
                SYSTEM, region, "ceph", driver=CEPH, path=pool, monitors=[monitor], user=user, key=key
            )
            self._made(f"storage cluster {made}")
            return
        if known.monitors != [monitor]:
            change_cluster(SYSTEM, known, {"monitors": [monitor]})
        if unseal(known.sealed_key) != key:
            set_key(SYSTEM, known, key=key)

    def _host(self, cluster: ComputeCluster, text: str, configs: Path) -> None:
        name, separator, address = text.partition("=")
        if not separator:
            raise CommandError(f"--host {text}: expected NAME=ADDRESS")
        config = configs / f"{name}.toml"
        enrolment = self._enrolment(cluster, name, address, config)
        if enrolment is not None:
            write_config(config, enrolment.agent_toml)
            self._made(f"host {name}")

    def _enrolment(self, cluster: ComputeCluster, name: str, address: str, config: Path) -> Enrolment | None:
        host = Host.objects.filter(name=name).first()
        if host is None:
            return enroll_host(SYSTEM, cluster, name, address)
        if config.exists() and host.address == address and reaches_redis(config.read_text()):
            return None
        Host.objects.filter(pk=host.pk).update(address=address)
        host.address = address
        return renew_enrolment(SYSTEM, host)

    def _image(self, storage: StorageCluster, file: PurePosixPath) -> None:
        if Image.objects.filter(tenant=None, cluster=storage, name=IMAGE).exists():
            return
        if str(file.parent) != f"{storage.path.rstrip('/')}/{IMPORT_DIRECTORY}":
            raise CommandError(f"{file} is not in the import directory of {storage.path}")
        import_image(
            SYSTEM,
            name=IMAGE,
            cluster=storage,
            file=file.name,
            os_name="Debian 13 (tiny)",
            default_disk_gib=40,
            guest_agent=True,
            description="busybox, SSH, cloud-init data; starts in seconds",
        )
        self._made(f"image {IMAGE}")

    def _accounts(self) -> None:
        if not User.objects.filter(username=ADMIN).exists():
            create_admin(
                SYSTEM, ADMIN, password=_password("SCLOUD_DEMO_ADMIN_PASSWORD"), must_change_password=False
            )
            self._made(f"administrator {ADMIN}")
        if not Tenant.objects.filter(name=TENANT).exists():
            create_tenant(
                SYSTEM,
                TENANT,
                owner_username=TENANT,
                owner_password=_password("SCLOUD_DEMO_PASSWORD"),
                must_change_password=False,
            )
            self._made(f"tenant {TENANT} with its owner {TENANT}")

    def _made(self, what: str) -> None:
        self.stdout.write(f"made {what}")


def _password(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise CommandError(f"{name} is not set") from None
