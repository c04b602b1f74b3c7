"""A figure and its unit stand on one line, wherever they are shown."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from apps.compute.models import Vm
from apps.portal.html import unbroken
from apps.portal.lists import ListPage
from tests.compute.factories import Cloud
from tests.portal.test_lists_everywhere import EVERYWHERE, client_for

pytestmark = pytest.mark.requirement("UX-14")
#: What people write themselves, and what is no text.
NOT_OURS = re.compile(r"<(textarea|script|style|option|title)\b.*?</\1>|<[^>]*>", re.DOTALL)
BREAKS = re.compile(r"[^\n]{0,30}\d (?:[KMGTP]iB|vCPUs?|%)(?!\w)")


def breaks_in(html: str) -> list[str]:
    return BREAKS.findall(NOT_OURS.sub("|", html))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2 vCPU · 4 GiB", "2\xa0vCPU · 4\xa0GiB"),
        ("of 64 GiB, 8 GiB free", "of 64\xa0GiB, 8\xa0GiB free"),
        ("75 % used", "75\xa0% used"),
        ("12 MiB/s", "12\xa0MiB/s"),
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
    keys = {
        "tenant": vm.tenant.uid,
        "vm": vm.pk,
        "host": sample_site.hosts[0].pk,
        "cluster": sample_site.cluster.pk,
        "storage": sample_site.storage.pk,
    }
    answer = client_for(path, clients).get(path.format(**keys))
    assert answer.status_code == 200
    assert breaks_in(answer.content.decode()) == []
