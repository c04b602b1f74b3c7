"""Create pages: refusals at their fields, nothing typed lost."""

from __future__ import annotations

import pytest

from apps.lifecycle.actor import Actor
from apps.network.models import Subnet, Vpc
from apps.quotas.models import Quota
from apps.tenancy.models import User
from tests import factories
from tests.compute.factories import Cloud


@pytest.mark.requirement("UX-5")
def test_a_refused_form_keeps_what_was_typed_and_says_where(alice: User, cloud: Cloud) -> None:
    client = factories.page_client(alice)
    answer = client.post(
        "/vpcs/create/", {"name": "shop <net>", "cidr": "8.8.8.0/24", "region": cloud.region.name}
    )
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="shop &lt;net&gt;"' in html
    assert 'value="8.8.8.0/24"' in html
    assert "field-wrong" in html
    assert not Vpc.objects.exists()


@pytest.mark.requirement("UX-5")
def test_a_refusal_that_belongs_to_no_field_stands_above_the_form(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    Quota.objects.filter(tenant=alice.tenant, metric="vm").update(limit=0)
    client = factories.page_client(alice)
    page = client.get("/vms/create/")
    answer = client.post("/vms/create/", {**chosen(page), "name": "web", "count": "1"})
    html = answer.content.decode()
    assert answer.status_code == 409, answer.context["form"].errors
    assert "Over quota" in html
    assert "quota.exceeded" in html
    assert answer["X-Request-Id"] in html
    assert 'value="web"' in html


def chosen(page: object) -> dict[str, str]:
    """Return the first choice of every required select, as a browser would send it."""
    fields = page.context["form"].fields  # type: ignore[attr-defined]
    found = {}
    for name, field in fields.items():
        choices = list(getattr(field, "choices", []))
        if choices and field.required:
            flat = [c for c in choices if str(c[0])]
            found[name] = str(flat[0][0])
    return found


def test_values_in_the_query_fill_the_form(alice: User) -> None:
    html = factories.page_client(alice).get("/vpcs/create/?name=from-a-link").content.decode()
    assert 'value="from-a-link"' in html
