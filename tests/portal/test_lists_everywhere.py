"""What holds for every list of both portals: each column sorts, narrows and is exported, at a constant cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Role, User
from apps.api.filters import ListFilter
from apps.compute.models import InstanceType
from apps.compute.models.vm_template import VmTemplate, VmTemplateVersion
from apps.compute.services.key_pair import create_key_pair
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource, State
from apps.network.models import Eip, Eni, Nic, NicRole, SegmentAddress, Subnet, Vpc
from apps.portal import urls
from apps.portal.lists import PAGE_SIZE, ListPage
from apps.reconciliation.models import Finding
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_group, make_image
from tests.kinds.external_segment import segment_row
from tests.storage.rows import disk_row, snapshot_row
from tests.touched import WHAT_ANSWERS, of_list

pytestmark = pytest.mark.requirement("UX-1")


def list_pages(patterns: list[URLPattern | URLResolver]) -> dict[str, type[ListPage]]:
    """Return the list pages by path."""
    found = {}
    for pattern in patterns:
        page = getattr(getattr(pattern, "callback", None), "view_class", None)
        if isinstance(page, type) and issubclass(page, ListPage) and "<" not in str(pattern.pattern):
            found[str(pattern.pattern)] = page
    return found


#: VMs asked for at once.
MOST_AT_ONCE = 10
TENANT = [(f"/{path}", page) for path, page in sorted(list_pages(urls.tenant).items())]
ADMIN = [(f"/admin/{path}", page) for path, page in sorted(list_pages(urls.admin).items())]
EVERYWHERE = pytest.mark.parametrize(("path", "page"), TENANT + ADMIN)
#: In `make test` the lists of the apps that changed, and of the others a share.
sampled = pytest.mark.campaign("lists", of_list, engine=WHAT_ANSWERS)


def columns_of(path: str, page: type[ListPage]) -> Iterator[Any]:
    return (column for column in page.columns if path.startswith("/admin/") or not column.admin)


@EVERYWHERE
def test_every_column_has_an_order_and_a_filter(path: str, page: type[ListPage]) -> None:
    assert issubclass(page.filter, ListFilter)
    narrowing = page.filter.narrowed_by()
    columns = list(columns_of(path, page))
    assert [column.name for column in columns if not column.sort] == []
    assert [column.name for column in columns if column.filter_name not in narrowing] == []


def add_sample_data(owner: Actor, cloud: Cloud, subnet: Subnet, count: int) -> None:
    """Put `count` rows more into every list, by the shortest way."""
    tenant, project, region = subnet.tenant, subnet.project, cloud.region
    assert tenant is not None and project is not None and owner.user is not None
    common: dict[str, Any] = {"tenant": tenant, "project": project, "region": region, "state": State.READY}
    for number in range(count):
        other = factories.make_tenant()
        member = factories.make_member(tenant, Role.VIEWER)
        factories.make_admin(f"admin-{other.pk}")
        for user in User.objects.filter(username__in=["ada", "alice"]):
            issue_key(user, f"key-{other.pk}", ApiKey.Scope.READ, None)
        own = factories.make_project(tenant)
        snapshot_row(disk_row(tenant, cloud, f"disk-{own.pk}"))
        make_image(cloud.storage, f"image-{own.pk}")
        make_group(region, project)
        template = VmTemplate.objects.create(kind="vm_template", name=f"template-{own.pk}", **common)
        chosen = {"instance_type": "1C2G", "image": "Tiny"}
        VmTemplateVersion.objects.create(template=template, number=1, names=chosen)
        create_key_pair(owner, name=f"pair-{own.pk}", project=project.uid)
        vpc = Vpc.objects.create(kind="vpc", name="more", cidr="10.9.0.0/16", **common)
        third = 2 * (own.pk % 100)
        within = Subnet.objects.create(
            kind="subnet",
            name="more",
            vpc=vpc,
            cidr=f"10.9.{third}.0/24",
            gateway=f"10.9.{third}.1",
            last_given=f"10.9.{third}.1",
            **common,
        )
        factories.grant_resource(member, Role.OPERATOR, vpc)
        Resource.objects.filter(pk=vpc.pk).update(error={"code": "x.y", "message": "It did not answer."})
        Finding.objects.create(
            rule="stale", kind="vpc", target_id=vpc.pk, name="more", resource=vpc, region=region, state="open"
        )
        further = factories.make_region()
        cluster = factories.make_cluster(further)
        factories.make_host(cluster)
        factories.make_storage(further)
        segment = segment_row(further, f"segment-{own.pk}")
        eip = Eip.objects.create(kind="eip", name="more", segment=segment, mbit=10, carrier=vpc, **common)
        SegmentAddress.objects.create(segment=segment, ip="203.0.113.10", use="eip", holder=eip)
        outside = Eni.objects.create(kind="eni", name="outside", segment=segment, **common)
        Nic.objects.create(owner=outside, role=NicRole.ELASTIC)
        SegmentAddress.objects.create(segment=segment, ip="203.0.113.11", use="eni", holder=outside)
        inside = Eni.objects.create(kind="eni", name="inside", vm=vpc, slot=2, **common)
        Nic.objects.create(owner=inside, role=NicRole.ELASTIC, subnet=within, ip=f"10.9.{third}.9")
        InstanceType.objects.create(cluster=cluster, name="one", vcpu=1, memory_gib=2 * (number + 1))
    # Hosts report every few seconds, however long the rows above take.
    Host.objects.filter(last_report_at__isnull=False).update(last_report_at=timezone.now())
    for first in range(0, count, MOST_AT_ONCE):
        ask_for_vms(owner, cloud, subnet, name=f"vm-{count}-{first}", count=min(MOST_AT_ONCE, count - first))


def client_for(path: str, clients: dict[str, Client]) -> Client:
    return clients["/admin/" if path.startswith("/admin/") else "/"]


def fetch(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.content[-2000:])
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode())


def examples(name: str, page: type[ListPage]) -> list[str]:
    """Return a query for each parameter of a filter."""
    by = page.filter.narrowed_by()[name]  # type: ignore[attr-defined]
    given = {"text": "10.", "number": "1", "moment": "2026-01-01T00:00", "flag": "true"}
    if by.control == "choices":
        choices = getattr(by, "choices", ())
        each = {"UUIDField": "5f0c0b1e-0000-4000-8000-000000000000", "IntegerField": "1"}
        value = choices[0][0] if choices else each.get(by.each.__name__, "x")
        return [f"{name}={value}", f"{name}={value}&not={name}"]
    queries = [f"{parameter}={given[by.control]}" for parameter in by.parameters(name)]
    return queries + ([f"{name}=10.&not={name}"] if by.negatable else [])


@sampled
@EVERYWHERE
def test_every_column_sorts_narrows_and_is_exported(
    path: str, page: type[ListPage], sample_site: Cloud, clients: dict[str, Client]
) -> None:
    client = client_for(path, clients)
    columns = list(columns_of(path, page))
    whole = fetch(client, path)
    assert whole.count("<tr data-kind") >= 1, "the list has rows to sort"
    count = whole.count("<tr data-kind")
    for column in columns:
        for direction, word in (("", "ascending"), ("-", "descending")):
            html = fetch(client, f"{path}?sort={direction}{column.name}")
            assert html.count("<tr data-kind") == count, "an order hides nothing"
            if not column.hidden:
                assert f'aria-sort="{word}"' in html
        for query in examples(column.filter_name, page):
            html = fetch(client, f"{path}?{query}")
            assert 'class="chip"' in html, f"{query} is said above the list"
    rows = list(csv.reader(io.StringIO(fetch(client, f"{path}?format=csv").removeprefix("\ufeff"))))
    shown = [column for column in columns if not column.hidden]
    assert rows[0] == [str(column.label) for column in shown]
    assert len(rows) == count + 1
    assert not any("<" in cell for row in rows for cell in row)


@pytest.mark.parametrize("paths", [TENANT, ADMIN], ids=["tenant", "admin"])
def test_a_list_costs_the_same_number_of_queries_with_thirty_rows_more(
    paths: list[tuple[str, type[ListPage]]],
    sample_site: Cloud,
    clients: dict[str, Client],
    owner: Actor,
    subnet: Subnet,
) -> None:
    def costs() -> dict[str, tuple[int, int]]:
        found = {}
        for path, _page in paths:
            with CaptureQueriesContext(connection) as queries:
                rows = fetch(client_for(path, clients), path).count("<tr data-kind")
            found[path] = (rows, len(queries))
        return found

    costs()
    few = costs()
    add_sample_data(owner, sample_site, subnet, 30)
    many = costs()
    assert [path for path in many if many[path][0] < few[path][0] + 25] == [], "too few rows to tell"
    # A second page wants the rows counted: one query more, however many there are.
    worse = [path for path in many if many[path][1] > few[path][1] + (many[path][0] >= PAGE_SIZE)]
    assert {path: (few[path], many[path]) for path in worse} == {}
