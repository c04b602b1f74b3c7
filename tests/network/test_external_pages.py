"""External segments and EIPs in the portals, as people use them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Project, Tenant, User
from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import Operation, Resource
from apps.network.carriers import CARRIERS, Carrier
from apps.network.models import Eip, ExternalSegment, SegmentAddress
from tests.factories import page_client
from tests.network.external import DATA_CENTRE, INTERNET, INTERNET6, make_carrier, make_eip, make_segment
from tests.network.factories import settle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier_kind")]


@pytest.fixture
def page(alice: User) -> Client:
    return page_client(alice)


@pytest.fixture
def admin(ada: User) -> Client:
    return page_client(ada)


@pytest.fixture
def carrier(project_a: Project, region: Region) -> Resource:
    return make_carrier(project_a, region)


def text(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return str(response.content.decode())


def settle_all() -> None:
    for operation in Operation.objects.open().order_by("sequence"):
        settle(operation)


@pytest.mark.requirement("EI-1")
def test_an_administrator_makes_a_segment_from_a_form(
    admin: Client, region: Region, host: Host, tenant_a: Tenant
) -> None:
    assert "Physical network" in text(admin.get("/admin/external-segments/create/"))
    form = {
        **INTERNET,
        "name": "internet",
        "region": region.pk,
        "ranges": "203.0.113.10 - 203.0.113.99\n203.0.113.120",
        "reserved": "203.0.113.20-203.0.113.29",
        "routes": "0.0.0.0/0",
        "ceiling_mbit": 500,
        "tenants": [tenant_a.pk],
    }
    wrong = admin.post("/admin/external-segments/create/", {**form, "gateway": "198.51.100.1"})
    assert wrong.status_code == 422
    assert "Not inside the CIDR block 203.0.113.0/24." in wrong.content.decode()
    answer = admin.post("/admin/external-segments/create/", form)
    segment = ExternalSegment.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/external-segments/{segment.pk}/")
    assert (segment.open_to_all, [each.name for each in segment.tenants.all()]) == (False, [tenant_a.name])
    assert segment.ranges.count() == 3
    settle_all()
    shown = text(admin.get(f"/admin/external-segments/{segment.pk}/"))
    assert "203.0.113.10 - 203.0.113.99" in shown and "default route" in shown and "81" in shown
    assert "internet" in text(admin.get("/admin/external-segments/"))
    dialog = text(admin.get(f"/admin/external-segments/{segment.pk}/change/"))
    assert "203.0.113.10 - 203.0.113.99" in dialog
    done = admin.post(
        f"/admin/external-segments/{segment.pk}/change/",
        {"ranges": "203.0.113.10-203.0.113.19", "reserved": "", "routes": "", "ceiling_mbit": 100},
    )
    assert done.status_code in (200, 302)
    settle_all()
    segment.refresh_from_db()
    assert (segment.ceiling_mbit, segment.routes, segment.ranges.count()) == (100, [], 1)


@pytest.mark.requirement("EI-1")
def test_the_address_map_says_of_each_address_what_it_is(
    admin: Client, segment: ExternalSegment, project_a: Project
) -> None:
    eip = make_eip(segment, project_a)
    SegmentAddress.objects.create(segment=segment, ip="203.0.113.9", use="conflict", mac="52:54:00:00:00:09")
    SegmentAddress.objects.create(segment=segment, ip="203.0.113.10", use="quarantine")
    url = f"/admin/external-segments/{segment.pk}/addresses/"
    shown = text(admin.get(url))
    for says in (
        "203.0.113.0: Reserved",
        "203.0.113.1: Reserved, Gateway",
        f"203.0.113.2: In use, {eip.name}",
        "203.0.113.3: Free",
        "203.0.113.9: Conflict, 52:54:00:00:00:09",
        "203.0.113.10: Quarantine",
        "203.0.113.254: Reserved, Platform router",
        "203.0.113.255: Reserved",
    ):
        assert f'title="{says}"' in shown, says
    assert eip.name in shown and "acme" in shown
    only = text(admin.get(url, {"use": "conflict"}))
    assert "free-address/?address=203.0.113.9" in only and "?address=203.0.113.10" not in only
    dialog = f"/admin/external-segments/{segment.pk}/free-address/"
    assert 'value="203.0.113.9"' in text(admin.get(dialog, {"address": "203.0.113.9"}))
    admin.post(dialog, {"address": "203.0.113.9"})
    assert not SegmentAddress.objects.filter(use="conflict").exists()
    for odd in ({"from": "x"}, {"from": "::1"}, {"page": "99"}, {"use": "odd"}, {"from": "203.0.114.99"}):
        text(admin.get(url, odd))


@pytest.mark.requirement("EI-1", "EI-6")
def test_the_map_of_a_large_segment_is_shown_in_parts(admin: Client, region: Region, host: Host) -> None:
    six = make_segment(region, INTERNET6)
    url = f"/admin/external-segments/{six.pk}/addresses/"
    shown = text(admin.get(url))
    assert "2001:db8:101:: – 2001:db8:101::ff" in shown and "?from=2001:db8:101::100" in shown
    shown = text(admin.get(url, {"from": "2001:db8:101::100"}))
    assert "2001:db8:101::100 – 2001:db8:101::1ff" in shown and "?from=2001:db8:101::&amp;" in shown


@pytest.mark.requirement("EI-2")
def test_a_tenant_gets_binds_and_releases_an_eip(
    page: Client, segment: ExternalSegment, project_a: Project, carrier: Resource
) -> None:
    assert "No EIPs yet" in text(page.get("/eips/"))
    assert "203.0.113.0/24" in text(page.get("/eips/create/"))
    form = {"name": "web", "count": 1, "segment": segment.pk, "mbit": 20, "project": project_a.uid}
    seen = text(page.post("/eips/create/?preview=1", form))
    assert "20 Mbit/s in each direction" in seen and "252" in seen
    assert not Eip.objects.exists()
    answer = page.post("/eips/create/", form)
    eip = Eip.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/eips/{eip.pk}/")
    settle_all()
    assert "203.0.113.2" in text(page.get("/eips/"))
    assert "203.0.113.2" in text(page.get("/eips/", {"q": "203.0.113.2"}))
    assert carrier.name in text(page.get(f"/eips/{eip.pk}/bind/"))
    page.post(f"/eips/{eip.pk}/bind/", {"carrier": carrier.pk})
    settle_all()
    shown = text(page.get(f"/eips/{eip.pk}/"))
    assert carrier.name in shown and "Yes: bound first" in shown and "20 Mbit/s in each direction" in shown
    assert "has this EIP" in text(page.get(f"/eips/{eip.pk}/bind/"))
    assert "Connections through 203.0.113.2 end" in text(page.get(f"/eips/{eip.pk}/unbind/"))
    page.post(f"/eips/{eip.pk}/pick-egress/")
    settle_all()
    assert "Yes, picked" in text(page.get(f"/eips/{eip.pk}/"))
    page.post(f"/eips/{eip.pk}/set-bandwidth/", {"mbit": 30})
    settle_all()
    page.post(f"/eips/{eip.pk}/unbind/", {"carrier": carrier.pk})
    settle_all()
    page.post(f"/eips/{eip.pk}/delete/", {"typed_name": "web"})
    settle_all()
    assert not Eip.objects.exists()


@pytest.mark.requirement("EI-2")
def test_a_refused_address_is_said_at_its_field(
    page: Client, segment: ExternalSegment, project_a: Project
) -> None:
    make_eip(segment, project_a, "203.0.113.50")
    form = {"name": "web", "count": 1, "segment": segment.pk, "project": project_a.uid}
    answer = page.post("/eips/create/", {**form, "address": "203.0.113.50"})
    assert answer.status_code == 409
    assert "203.0.113.50 is in use." in answer.content.decode()


@pytest.mark.requirement("EI-2")
def test_the_bind_dialog_says_why_a_full_carrier_cannot_have_the_eip(
    page: Client, segment: ExternalSegment, project_a: Project, carrier: Resource
) -> None:
    for _ in range(3):
        Eip.objects.filter(pk=make_eip(segment, project_a).pk).update(carrier=carrier)
    eip = make_eip(segment, project_a)
    assert "already has 3 IPv4 addresses" in text(page.get(f"/eips/{eip.pk}/bind/"))


@pytest.mark.requirement("EI-2")
@pytest.mark.parametrize(("chosen", "offered"), [(False, ""), (True, "guest")])
def test_the_bind_dialog_of_a_bound_eip_offers_the_delivery_that_its_owner_chose(
    page: Client,
    segment: ExternalSegment,
    project_a: Project,
    carrier: Resource,
    carrier_kind: Carrier,
    monkeypatch: pytest.MonkeyPatch,
    *,
    chosen: bool,
    offered: str,
) -> None:
    both = replace(carrier_kind, deliveries=tuple(Eip.Delivery))
    monkeypatch.setattr(CARRIERS, "_fillings", [both])
    eip = make_eip(segment, project_a)
    Eip.objects.filter(pk=eip.pk).update(carrier=carrier, delivery="guest", delivery_chosen=chosen)
    shown = text(page.get(f"/eips/{eip.pk}/bind/"))
    delivery = shown.split('name="delivery"')[1].split("</select>")[0]
    assert re.findall(r'<option value="([a-z]*)"\s+selected', delivery) == [offered]


def test_lists_are_shown_with_a_constant_number_of_queries(
    page: Client,
    admin: Client,
    segment: ExternalSegment,
    project_a: Project,
    region: Region,
    carrier: Resource,
) -> None:
    def cost(client: Client, url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as seen:
            assert client.get(url).status_code == 200
        return len(seen)

    addresses = f"/admin/external-segments/{segment.pk}/addresses/"
    pages = [
        (page, "/eips/"),
        (admin, "/admin/eips/"),
        (admin, "/admin/external-segments/"),
        (admin, addresses),
    ]
    Eip.objects.filter(pk=make_eip(segment, project_a).pk).update(carrier=carrier)
    before = [cost(*each) for each in pages]
    for number in range(4):
        Eip.objects.filter(pk=make_eip(segment, project_a).pk).update(carrier=carrier)
        network = {"cidr": f"198.51.{number}.0/24", "gateway": f"198.51.{number}.1", "vlan": number}
        make_segment(region, {**INTERNET, **network})
    assert [cost(*each) for each in pages] == before


@pytest.mark.requirement("EI-1")
def test_conflicts_and_the_end_of_the_addresses_are_named_on_the_administrators_overview(
    admin: Client, region: Region, host: Host, project_a: Project
) -> None:
    segment = make_segment(region, ranges=[{"first": "203.0.113.10", "last": "203.0.113.19"}])
    assert segment.name not in text(admin.get("/admin/"))
    for last in range(10, 19):
        SegmentAddress.objects.create(segment=segment, ip=f"203.0.113.{last}", use="quarantine")
    assert f"{segment.name} has 1 free address left" in text(admin.get("/admin/"))
    SegmentAddress.objects.update(use="conflict", mac="52:54:00:00:00:09")
    assert f"{segment.name}: other machines answer at 9 addresses" in text(admin.get("/admin/"))


@pytest.mark.requirement("EI-1")
def test_a_segment_of_ipv6_addresses_is_not_called_nearly_used_up(
    admin: Client, region: Region, host: Host
) -> None:
    segment = make_segment(region, INTERNET6)
    shown = text(admin.get(f"/admin/external-segments/{segment.pk}/"))
    assert "100,000+" in shown and "1,000,000,000" not in shown
    assert "free addresses left" not in text(admin.get("/admin/"))
    cells = text(admin.get(f"/admin/external-segments/{segment.pk}/addresses/"))
    assert '<span aria-hidden="true">0</span>' in cells


@pytest.mark.requirement("EI-1")
def test_the_question_before_a_segment_is_deleted_names_who_has_addresses(
    admin: Client, segment: ExternalSegment, project_a: Project
) -> None:
    path = f"/admin/external-segments/{segment.pk}/delete/"
    assert "Cannot be deleted now" not in text(admin.get(path))
    eip = make_eip(segment, project_a)
    assert f"Cannot be deleted now: 1 address is in use ({eip.name}). Release it first." in text(
        admin.get(path)
    )


@pytest.mark.requirement("EI-2", "UX-13")
def test_a_segment_with_a_default_route_is_chosen_first(page: Client, region: Region, host: Host) -> None:
    make_segment(region, DATA_CENTRE, name="aaa")
    outward = make_segment(region, name="zzz")
    for path in ("/eips/create/", "/enis/create/?role=external"):
        assert re.search(rf'value="{outward.pk}"[^>]* checked', text(page.get(path)))
