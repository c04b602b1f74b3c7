"""Every list whose rows have a status is narrowed by it, by the words that the rows show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import ApiKey, Tenant, User
from apps.api.declarations import KindApi
from apps.api.filter_fields import Choices
from apps.api.filters import ListFilter
from apps.infrastructure.models import Host
from tests import factories
from tests.api.test_sorting import VIEWS

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-13")]


@pytest.mark.parametrize("path", VIEWS)
def test_a_list_of_rows_with_a_status_has_its_filter(path: str) -> None:
    view: Any = VIEWS[path]
    if "status" in view.out._declared_fields:
        assert issubclass(view, KindApi)
        filterset: Any = view.filterset_class
        assert issubclass(filterset, ListFilter)
        assert isinstance(filterset.narrowed_by().get("status"), Choices)


def rows_of_each_status(tenant: Tenant, user: User) -> None:
    """Make tenants, members, administrators, keys, regions and hosts in two statuses each."""
    factories.make_tenant("closed")
    Tenant.objects.filter(name="closed").update(enabled=False)
    factories.make_member_of_nothing(tenant, "left")
    factories.make_admin("former")
    User.objects.filter(username__in=["left", "former"]).update(is_active=False)
    factories.api_token(user)
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(days=1))
    factories.api_token(user)
    cluster = factories.make_cluster(factories.make_region(open_to_tenants=False))
    factories.make_region()
    factories.make_host(cluster)
    factories.make_host(cluster, last_report_at=None)
    assert Host.objects.count() == 2


@pytest.mark.parametrize(
    ("plural", "words"),
    [
        ("tenants", {"enabled": "Enabled", "disabled": "Disabled"}),
        ("members", {"active": "Active", "inactive": "Inactive"}),
        ("administrators", {"active": "Active", "inactive": "Inactive"}),
        ("api-keys", {"active": "Active", "expired": "Expired"}),
        ("hosts", {"available": "Available", "unreachable": "Unreachable"}),
        ("regions", {"open": "Open to tenants", "closed": "Closed to tenants"}),
    ],
)
def test_the_api_and_the_page_are_narrowed_alike(
    tenant_a: Tenant, alice: User, ada: User, plural: str, words: dict[str, str]
) -> None:
    rows_of_each_status(tenant_a, ada)
    api, page = factories.api_client(ada), factories.page_client(ada)
    for status, word in words.items():
        found = api.get(f"/api/v1/{plural}?status={status}").json()["results"]
        assert found
        assert {row["status"] for row in found} == {status}
        shown = page.get(f"/admin/{plural}/?status={status}")
        assert shown.context["page"].matching().count() == len(found)
        assert f"State: {word}" in shown.content.decode()
    everything = api.get(f"/api/v1/{plural}").json()["results"]
    assert {row["status"] for row in everything} == set(words)
    assert api.get(f"/api/v1/{plural}?status=nonsense").status_code == 400
