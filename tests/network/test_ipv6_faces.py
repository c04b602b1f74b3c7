"""IPv6 of subnets and NICs in the API, the pages and the searches."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.lifecycle.models import Operation
from apps.network.models import Eni, Nic, Subnet, Vpc
from apps.network.services.addresses import allocate_nic
from tests.factories import api_client, page_client
from tests.network.external import INTERNET6, make_eip, make_segment
from tests.network.factories import make_machine, make_subnet, make_vpc, settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VP-2")]

PREFIX = "fd12:3456:789a:1::/64"


@pytest.fixture
def api(alice: User) -> APIClient:
    return api_client(alice)


@pytest.fixture
def page(alice: User) -> Client:
    return page_client(alice)


@pytest.fixture
def dual(vpc: Vpc) -> Subnet:
    return make_subnet(vpc, cidr6=PREFIX)


@pytest.fixture
def nic(dual: Subnet, project_a: Project, region: Region) -> Nic:
    return allocate_nic(dual, make_machine(project_a, region, "web-1"))


def accepted(response: Any) -> dict[str, Any]:
    """Carry out what was accepted; return the resource as it is then answered."""
    assert response.status_code == 202, response.json()
    settle(Operation.objects.get(pk=response.json()["operation"]["id"]))
    resource: dict[str, Any] = response.json()["resource"]
    return resource


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


@pytest.mark.requirement("AC-4")
def test_a_subnet_has_its_prefix_from_the_start_or_later_or_never(api: APIClient, vpc: Vpc) -> None:
    body = {"vpc": str(vpc.pk), "name": "db", "cidr": "10.0.7.0/24"}
    made = accepted(api.post("/api/v1/subnets", {**body, "cidr6": PREFIX}, format="json"))
    assert (made["cidr6"], made["gateway6"]) == (PREFIX, "fd12:3456:789a:1::1")
    plain = accepted(api.post("/api/v1/subnets", {**body, "cidr": "10.0.8.0/24"}, format="json"))
    assert (plain["cidr6"], plain["gateway6"]) == (None, None)
    taken = api.post(f"/api/v1/subnets/{plain['id']}/add-ipv6", {"cidr6": PREFIX}, format="json")
    assert taken.json()["errors"] == [{"field": "cidr6", "message": f"Overlaps subnet db ({PREFIX})."}]
    later = accepted(api.post(f"/api/v1/subnets/{plain['id']}/add-ipv6", {"cidr6": "auto"}, format="json"))
    assert later["cidr6"].startswith("fd") and later["cidr6"].endswith("::/64")
    again = api.post(f"/api/v1/subnets/{plain['id']}/add-ipv6", {"cidr6": "auto"}, format="json")
    assert again.status_code == 409


@pytest.mark.requirement("AC-4")
def test_nics_and_elastic_nics_show_their_ipv6_address(api: APIClient, dual: Subnet, nic: Nic) -> None:
    assert api.get(f"/api/v1/nics/{nic.pk}").json()["ip6"] == "fd12:3456:789a:1::2"
    body = {"name": "nic", "subnet": str(dual.pk), "address6": "fd12:3456:789a:1::cafe"}
    made = accepted(api.post("/api/v1/enis", body, format="json"))
    assert (made["address"], made["address6"]) == ("10.0.1.3", "fd12:3456:789a:1::cafe")


@pytest.mark.parametrize("text", ["fd12:3456:789a:1::2", "FD12:3456:789A:0001:0:0:0:2"])
def test_what_has_an_ipv6_address_is_found_by_it(api: APIClient, dual: Subnet, nic: Nic, text: str) -> None:
    assert ids(api.get("/api/v1/nics", {"q": text})) == [str(nic.pk)]
    assert ids(api.get("/api/v1/subnets", {"q": text})) == [str(dual.pk)]
    assert ids(api.get("/api/v1/nics", {"q": "fd12:3456:789a:1::3"})) == []


def test_lists_are_narrowed_by_the_start_of_an_ipv6_address(
    api: APIClient, dual: Subnet, nic: Nic, project_a: Project, region: Region
) -> None:
    make_subnet(make_vpc(project_a, region))
    assert ids(api.get("/api/v1/nics", {"ip": "fd12:3456"})) == [str(nic.pk)]
    assert ids(api.get("/api/v1/subnets", {"cidr6": "FD12:"})) == [str(dual.pk)]
    assert ids(api.get("/api/v1/subnets", {"q": "fd12:3456:789a"})) == [str(dual.pk)]
    body = {"name": "nic", "subnet": str(dual.pk)}
    eni = accepted(api.post("/api/v1/enis", body, format="json"))
    for query in ({"q": "fd12:3456:789a:1::3"}, {"address": "fd12:3456:789a:1::3"}):
        assert ids(api.get("/api/v1/enis", query)) == [eni["id"]]


def test_a_subnet_with_ipv6_is_made_by_its_form(page: Client, vpc: Vpc) -> None:
    form = {"vpc": vpc.pk, "name": "db", "cidr": "10.0.8.0/24", "cidr6": "auto"}
    wrong = page.post("/subnets/create/", {**form, "cidr6": "fe80::/64"})
    assert wrong.status_code == 422 and "fe80::/10 cannot be used in a VPC." in wrong.content.decode()
    assert page.post("/subnets/create/", form).status_code == 302
    subnet = Subnet.objects.get()
    shown = page.get(f"/subnets/{subnet.pk}/").content.decode()
    assert str(subnet.cidr6) in shown and str(subnet.gateway6) in shown


def test_ipv6_is_added_by_a_form_that_says_what_becomes_of_nics(page: Client, subnet: Subnet) -> None:
    assert "none: IPv4 only" in page.get(f"/subnets/{subnet.pk}/").content.decode()
    asked = page.get(f"/subnets/{subnet.pk}/add-ipv6/").content.decode()
    assert "Existing NICs keep IPv4 only until" in asked and 'value="auto"' in asked
    page.post(f"/subnets/{subnet.pk}/add-ipv6/", {"cidr6": "auto"})
    assert Subnet.objects.get().cidr6 is not None


def test_pages_show_prefixes_and_ipv6_addresses(page: Client, dual: Subnet, nic: Nic) -> None:
    for path, shown in (
        (f"/subnets/{dual.pk}/addresses/", "fd12:3456:789a:1::2"),
        (f"/vpcs/{dual.vpc_id}/subnets/", PREFIX),
        (f"/vpcs/{dual.vpc_id}/topology/", PREFIX),
        ("/vms/create/", PREFIX),
        ("/enis/create/", PREFIX),
    ):
        assert shown in page.get(path).content.decode(), path


def test_an_elastic_nic_is_made_by_its_form_and_shows_both_addresses(
    page: Client, dual: Subnet, project_a: Project
) -> None:
    form = {
        "name": "nic",
        "role": "internal",
        "subnet": dual.pk,
        "address6": "fd12:3456:789a:1::cafe",
        "project": project_a.uid,
    }
    assert page.post("/enis/create/", form).status_code == 302
    eni = Eni.objects.get()
    for path in ("/enis/", f"/enis/{eni.pk}/"):
        shown = page.get(path).content.decode()
        assert "10.0.1.2" in shown and "fd12:3456:789a:1::cafe" in shown
    assert "fd12:3456:789a:1::cafe" in page.get(f"/enis/{eni.pk}/delete/").content.decode()


@pytest.mark.requirement("EI-6")
@pytest.mark.usefixtures("host")
def test_segments_and_eips_are_found_by_the_start_of_an_ipv6_address(
    api: APIClient, project_a: Project, region: Region
) -> None:
    segment = make_segment(region, INTERNET6)
    eip = make_eip(segment, project_a)
    assert ids(api.get("/api/v1/eips", {"address": "2001:db8"})) == [str(eip.pk)]
    assert ids(api.get("/api/v1/external-segments", {"cidr": "2001:DB8:101"})) == [str(segment.pk)]
