"""Quotas as rings, on the tenant's overview and the quotas' own page."""

from __future__ import annotations

import re

import pytest
from django.template import Context, Template

from apps.accounts.models import Tenant, User
from apps.quotas.metrics import metrics
from apps.quotas.models import Quota
from apps.quotas.selectors import UNLIMITED, Use
from apps.quotas.services import set_limits
from tests.factories import actor_for_user, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-9")]


def drawn(used: int, limit: int, metric: str = "memory_gib") -> str:
    template = Template("{% load quota_rings %}{% quota_ring use %}")
    return template.render(Context({"use": Use(metrics()[metric], limit, used)}))


@pytest.mark.parametrize(
    ("used", "limit", "tone", "percent", "left"),
    [
        (120, 400, "ok", 30, "280\N{NO-BREAK SPACE}GiB left"),
        (320, 400, "warn", 80, "80\N{NO-BREAK SPACE}GiB left"),
        (400, 400, "error", 100, "none left"),
        (450, 400, "error", 100, "50\N{NO-BREAK SPACE}GiB over the limit"),
    ],
)
def test_a_ring_shows_share_figures_and_what_is_left(
    used: int, limit: int, tone: str, percent: int, left: str
) -> None:
    html = drawn(used, limit)
    assert f"ring-{tone}" in html
    assert f'stroke-dasharray="{percent} 100"' in html
    assert f"{used} of {limit}\N{NO-BREAK SPACE}GiB" in html
    assert left in html


def test_a_ring_of_nothing_used_is_empty() -> None:
    assert "ring-fill" not in drawn(0, 10)


def test_no_limit_is_shown_as_such() -> None:
    html = drawn(1200, UNLIMITED)
    assert "1,200\N{NO-BREAK SPACE}GiB used" in html
    assert "no limit" in html
    assert "ring-fill" not in html


def test_a_ring_leads_to_what_uses_it() -> None:
    assert 'href="/disks/"' in drawn(1, 2, "disk_gib")


def test_overview_and_quotas_page_show_the_tenants_rings(alice: User, ada: User, tenant_a: Tenant) -> None:
    set_limits(actor_for_user(ada), tenant_a, {"vm": 8})
    Quota.objects.filter(tenant=tenant_a, metric="vm").update(used=6)
    for path in ("/", "/quotas/"):
        text = re.sub(r"\s+", " ", page_client(alice).get(path).content.decode())
        assert "6 of 8" in text
        assert "2 left" in text
