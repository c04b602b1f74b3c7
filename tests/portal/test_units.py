"""A figure and its unit stand on one line, wherever they are shown."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from apps.compute.models import Vm
from apps.infrastructure.models import StorageCluster
from apps.metrics.active_store import store
from apps.metrics.store import Sample, Subject
from apps.portal.html import unbroken
from apps.portal.lists import ListPage
from apps.storage.models import Disk
from tests.compute.factories import Cloud
from tests.portal.test_lists_everywhere import EVERYWHERE, client_for
from tests.storage.rows import snapshot_row

pytestmark = pytest.mark.requirement("UX-14")
#: What people write themselves, and what is no text.
NOT_OURS = re.compile(r"<(textarea|script|style|option|title)\b.*?</\1>|<[^>]*>", re.DOTALL)
BREAKS = re.compile(r"[^\n]{0,30}\d (?:[KMGTP]iB|IOPS|vCPUs?|%)(?!\w)")


def breaks_in(html: str) -> list[str]:
    return BREAKS.findall(NOT_OURS.sub("|", html))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2 vCPU · 4 GiB", "2\xa0vCPU · 4\xa0GiB"),
        ("of 64 GiB, 8 GiB free", "of 64\xa0GiB, 8\xa0GiB free"),
        ("75 % used", "75\xa0% used"),
        ("12 MiB/s", "12\xa0MiB/s"),
        ("1,200 IOPS", "1,200\xa0IOPS"),
        ("no report for 20 s", "no report for 20\xa0s"),
        ("2 servers, 3 minutes", "2 servers, 3 minutes"),
        ("", ""),
    ],
)
def test_no_line_ends_between_a_figure_and_its_unit(text: str, shown: str) -> None:
    assert unbroken(text) == shown


@EVERYWHERE
def test_cells_keep_figures_and_units_together(
    path: str, page: type[ListPage], sample_site: Cloud, clients: dict[str, Client]
) -> None:
    html = client_for(path, clients).get(path).content.decode()
    assert breaks_in(html) == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/vms/create/",
        "/quotas/",
        "/disks/create/",
        "/disks/create/?size_gib=20&cluster={storage}&count=2",
        "/disks/{disk}/",
        "/disks/{disk}/snapshots/",
        "/disks/{disk}/monitoring/",
        "/disks/{disk}/expand/",
        "/disks/{disk}/set-limits/",
        "/snapshots/{snapshot}/",
        "/admin/disks/{disk}/",
        "/vms/{vm}/",
        "/vms/{vm}/disks/",
        "/vms/{vm}/delete/",
        "/admin/",
        "/admin/tenants/{tenant}/",
        "/admin/hosts/{host}/",
        "/admin/compute-clusters/{cluster}/",
        "/admin/compute-clusters/{cluster}/types/",
        "/admin/storage-clusters/{storage}/",
    ],
)
def test_pages_keep_figures_and_units_together(
    path: str, sample_site: Cloud, clients: dict[str, Client]
) -> None:
    vm = Vm.objects.order_by("pk")[0]
    assert vm.tenant is not None
    disk = Disk.objects.order_by("pk")[0]
    StorageCluster.objects.update(capacity_bytes=100 << 40, used_bytes=140 << 20)
    values = {"disk_read_bytes_per_second": 9.0 * (1 << 20)}
    store().record([Sample(Subject("disk", str(disk.pk)), timezone.now(), values)])
    keys = {
        "disk": disk.pk,
        "snapshot": snapshot_row(disk).pk,
        "tenant": vm.tenant.uid,
        "vm": vm.pk,
        "host": sample_site.hosts[0].pk,
        "cluster": sample_site.cluster.pk,
        "storage": sample_site.storage.pk,
    }
    answer = client_for(path, clients).get(path.format(**keys))
    assert answer.status_code == 200
    assert breaks_in(answer.content.decode()) == []
