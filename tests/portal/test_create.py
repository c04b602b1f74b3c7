"""Create pages: refusals at their fields, nothing typed lost."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet, Vpc
from apps.portal import urls
from apps.portal.prefill import shown_values
from apps.quotas.models import Quota
from tests import factories
from tests.compute.factories import Cloud
from tests.portal.test_pages_open import plain_paths
from tests.security.routes import all_routes


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
    answer = client.post("/vms/create/", {**chosen(page), "security_group": "", "name": "web", "count": "1"})
    html = answer.content.decode()
    assert answer.status_code == 409, answer.context["form"].errors
    assert "Quota exceeded" in html
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


@pytest.mark.requirement("UX-5")
@pytest.mark.parametrize("portal", ["portal", "admin"])
def test_every_create_page_has_the_summary_and_the_call(
    portal: str, alice: User, ada: User, cloud: Cloud, subnet: Subnet
) -> None:
    client = factories.page_client(alice if portal == "portal" else ada)
    names = sorted(r.name for r in all_routes() if r.area == portal and r.name.endswith(".create"))
    assert len(names) >= (6 if portal == "portal" else 7)
    for name in names:
        url = reverse(name)
        page = client.get(url)
        if page.status_code == 302:
            continue  # asks for the password first
        assert "data-api-template" in page.content.decode(), name
        shown = dict(shown_values(page.context["form"]).lists())
        renewed = client.post(f"{url}?preview=1", shown, headers={"HX-Request": "true"})
        assert renewed.status_code == 200, name
        assert f"/api/v1/{page.context['page'].of.plural}" in renewed.content.decode(), name


@pytest.mark.requirement("UX-5")
def test_a_vpcs_summary_shows_its_quota_and_its_call_makes_it(alice: User, cloud: Cloud) -> None:
    client = factories.page_client(alice)
    page = client.get("/vpcs/create/")
    assert "0 → 1 of 10" in page.content.decode()
    typed = {**dict(shown_values(page.context["form"]).lists()), "name": "shop", "touched": "name"}
    html = client.post("/vpcs/create/?preview=1", typed, headers={"HX-Request": "true"}).content.decode()
    assert "Ready to create" in html
    assert "0 → 1 of 10" in html and "0 → 1 of 50" in html, "the VPC and its first subnet"
    found = re.search(r"data-api-body>(.*?)</pre>", html, re.DOTALL)
    assert found is not None
    assert not Vpc.objects.exists()
    answer = factories.api_client(alice).post(
        "/api/v1/vpcs", json.loads(unescape(found.group(1))), format="json"
    )
    assert answer.status_code == 202
    assert Vpc.objects.get().name == "shop"


@pytest.mark.requirement("UX-5")
def test_rules_typed_in_the_editor_are_in_the_summary_and_the_call(alice: User, cloud: Cloud) -> None:
    client = factories.page_client(alice)
    page = client.get("/security-groups/create/")
    typed: dict[str, object] = {**dict(shown_values(page.context["form"]).lists()), "name": "web"}
    rule = {"direction": "in", "protocol": "tcp", "port": "443", "address": "0.0.0.0/0", "action": "accept"}
    rows = {
        f"rule_{name}": [value] for name, value in {**rule, "priority": "medium", "description": ""}.items()
    }
    html = client.post("/security-groups/create/?preview=1", {**typed, **rows}).content.decode()
    assert "&quot;port&quot;: &quot;443&quot;" in html
    wrong = {**rows, "rule_port": ["99999"]}
    html = client.post("/security-groups/create/?preview=1", {**typed, **wrong}).content.decode()
    assert "1 problem" in html


@pytest.mark.requirement("UX-5")
@pytest.mark.parametrize("area", ["/", "/admin/"])
def test_no_create_page_reports_a_problem_before_anything_is_typed(
    clients: dict[str, Client], sample_site: Cloud, area: str
) -> None:
    patterns = urls.admin if area == "/admin/" else urls.tenant
    paths = [area + path for path in plain_paths(patterns) if path.endswith("/create/")]
    pages = {path: clients[area].get(path) for path in paths}
    summaries = {path: page.context.get("summary") for path, page in pages.items() if page.status_code == 200}
    said = {
        path: [*map(str, seen.wrong), *map(str, seen.refusals)] for path, seen in summaries.items() if seen
    }
    assert said
    assert {path: problems for path, problems in said.items() if problems} == {}
