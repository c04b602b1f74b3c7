"""The block suggested for the next subnet of a VPC."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Project, User
from apps.infrastructure.models import Region
from apps.network.free_blocks import next_free
from tests.factories import page_client
from tests.network.factories import make_subnet, make_vpc

pytestmark = pytest.mark.requirement("UX-13")


@pytest.mark.parametrize(
    ("block", "taken", "free"),
    [
        ("10.0.0.0/16", [], "10.0.0.0/24"),
        ("10.0.0.0/16", ["10.0.0.0/20"], "10.0.16.0/24"),
        ("10.0.0.0/16", ["10.0.1.0/24", "10.0.0.0/24"], "10.0.2.0/24"),
        ("10.0.0.0/16", ["10.0.1.0/24"], "10.0.0.0/24"),
        ("10.0.0.0/16", ["10.0.0.0/28"], "10.0.1.0/24"),
        ("10.0.0.0/24", ["10.0.0.0/26"], "10.0.0.128/25"),
        ("10.0.0.0/26", [], "10.0.0.0/26"),
        ("10.0.0.0/28", ["10.0.0.0/29"], "10.0.0.8/29"),
        ("255.255.255.0/24", ["255.255.255.0/25"], "255.255.255.128/25"),
        ("10.0.0.0/24", ["10.0.0.0/24"], None),
    ],
)
def test_the_first_free_block_is_suggested(block: str, taken: list[str], free: str | None) -> None:
    found = next_free(IPv4Network(block), [IPv4Network(each) for each in taken])
    assert found == (IPv4Network(free) if free else None)


@pytest.mark.django_db
def test_each_vpc_of_the_form_has_its_suggestion_at_a_constant_number_of_queries(
    alice: User, project_a: Project, region: Region
) -> None:
    client = page_client(alice)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/subnets/create/")
        return len(captured)

    first = make_vpc(project_a, region)
    make_subnet(first, "10.0.0.0/24")
    queries()
    one = queries()
    other = make_vpc(project_a, region, "172.16.0.0/16")
    make_subnet(other, "172.16.0.0/20")
    assert queries() == one
    html = client.get("/subnets/create/").content.decode()
    assert f'<option value="{first.pk}" data-suggest="10.0.1.0/24"' in html.replace(" selected", "")
    page = client.get("/subnets/create/", {"vpc": str(other.pk)})
    assert 'data-suggest="172.16.16.0/24"' in page.content.decode()
    assert page.context["form"]["cidr"].value() == "172.16.16.0/24"
