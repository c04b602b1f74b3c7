"""Tenants as administrators see them: usage, limits, recount; and the recount that runs by itself."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Role, Tenant, User
from apps.accounts.selectors import held_roles
from apps.audit.models import AuditEntry
from apps.lifecycle.errors import Forbidden
from apps.quotas import metrics as counted
from apps.quotas.models import Quota
from apps.quotas.recount import recount_now, recount_some
from apps.quotas.services import reserve_quota
from tests import factories

pytestmark = pytest.mark.django_db
TABS = ("", "quotas/", "projects/", "members/", "resources/", "activity/")


@pytest.fixture
def one_vm_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one VM counted for every tenant, and nothing else."""
    monkeypatch.setattr(counted, "_counts", {"vm": [lambda tenant_id: 1]})


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


@pytest.mark.requirement("AC-2")
def test_the_list_of_tenants_shows_what_they_use_of_their_quotas(ada: User, tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 3, "vcpu": 12})
    client = factories.page_client(ada)
    html = shown(client, "/admin/tenants/")
    assert "3 / 50" in html
    assert "12 / 200" in html
    overview = shown(client, f"/admin/tenants/{tenant_a.uid}/")
    assert '<span class="figure-value">12</span>' in overview
    factories.make_tenant("busy", vm=10)
    reserve_quota(Tenant.objects.get(name="busy").pk, {"vm": 9})
    html = shown(client, "/admin/tenants/?sort=-used_vm")
    assert html.index(">busy<") < html.index(">acme<")
    html = shown(client, "/admin/tenants/?tight=true")
    assert ">busy<" in html
    assert ">acme<" not in html


def test_lists_and_tabs_cost_the_same_number_of_queries_however_much_there_is(
    ada: User, tenant_a: Tenant
) -> None:
    client = factories.page_client(ada)
    paths = ["/admin/tenants/", *(f"/admin/tenants/{tenant_a.uid}/{tab}" for tab in TABS)]
    factories.make_owner(tenant_a)
    factories.make_member(tenant_a, Role.VIEWER)
    few = {path: _queries(client, path) for path in paths}
    for _ in range(4):
        project = factories.make_project(tenant_a)
        factories.make_member(tenant_a, Role.OPERATOR, project=project)
        factories.make_tenant()
    assert {path: _queries(client, path) for path in paths} == few


def _queries(client: Client, path: str) -> int:
    shown(client, path)
    with CaptureQueriesContext(connection) as queries:
        shown(client, path)
    return len(queries)


@pytest.mark.requirement("AC-2")
def test_a_limit_below_what_is_used_is_taken_with_a_warning(ada: User, tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 5})
    client = factories.page_client(ada)
    limits = dict(Quota.objects.filter(tenant=tenant_a).values_list("metric", "limit"))
    answer = client.post(f"/admin/tenants/{tenant_a.uid}/set-quotas/", limits | {"vm": 2}, follow=True)
    html = answer.content.decode()
    assert "Usage exceeds the limit: Virtual machines." in html
    assert "over the limit" in html


@pytest.mark.requirement("AC-1")
def test_an_admin_sets_a_role_offered_are_the_projects_of_the_members_tenant(
    ada: User, tenant_a: Tenant, tenant_b: Tenant, otto: User
) -> None:
    lab, foreign = factories.make_project(tenant_a, "lab"), factories.make_project(tenant_b, "foreign")
    client = factories.page_client(ada)
    path = f"/admin/members/{otto.uid}/set-role/"
    assert path in shown(client, f"/admin/tenants/{tenant_a.uid}/members/")
    html = shown(client, path)
    assert "lab" in html
    assert "foreign" not in html
    client.post(path, {"project": str(lab.uid), "role": "manager"})
    assert held_roles(User.objects.get(pk=otto.pk))[lab] == Role.MANAGER
    assert client.post(path, {"project": str(foreign.uid), "role": "manager"}).status_code == 422


@pytest.mark.requirement("AC-2")
@pytest.mark.usefixtures("one_vm_exists")
def test_the_button_recounts_mends_and_says_what_was_wrong(ada: User, tenant_a: Tenant) -> None:
    reserve_quota(tenant_a.pk, {"vm": 4})
    client = factories.page_client(ada)
    answer = client.post(f"/admin/tenants/{tenant_a.uid}/recount/", follow=True)
    assert "Virtual machines: 4 → 1" in answer.content.decode()
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 1
    answer = client.post(f"/admin/tenants/{tenant_a.uid}/recount/", follow=True)
    assert "All usage values are correct." in answer.content.decode()


@pytest.mark.requirement("AC-2")
@pytest.mark.usefixtures("one_vm_exists")
def test_the_api_recounts_for_administrators_only(ada: User, alice: User, tenant_a: Tenant) -> None:
    path = f"/api/v1/tenants/{tenant_a.uid}/recount"
    assert factories.api_client(ada).post(path).json() == {
        "repaired": [{"metric": "vm", "used": 0, "exists": 1}]
    }
    assert factories.api_client(alice).post(path).status_code == 403
    with pytest.raises(Forbidden):
        recount_now(factories.actor_for_user(alice), tenant_a)


@pytest.mark.requirement("AC-2")
@pytest.mark.usefixtures("one_vm_exists")
def test_every_tenant_is_recounted_within_the_hour_and_drift_is_repaired_logged_and_shown(
    ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tenants = [factories.make_tenant() for _ in range(3)]
    for tenant in tenants:
        reserve_quota(tenant.pk, {"vm": 1})
    reserve_quota(tenants[0].pk, {"vm": 6})
    done = 0
    with caplog.at_level(logging.WARNING, logger="apps.quotas.recount"):
        for minute in range(60):
            now = datetime(2026, 11, 23, 10, minute, tzinfo=UTC)
            monkeypatch.setattr("apps.quotas.recount.timezone.now", lambda now=now: now)
            done += recount_some()
    monkeypatch.undo()
    assert done == 1
    assert set(Quota.objects.filter(metric="vm").values_list("used", flat=True)) == {1}
    (line,) = AuditEntry.objects.filter(verb="tenant.recount")
    assert (line.tenant, line.args) == (tenants[0], {"vm": {"used": 7, "exists": 1}})
    assert "7 counted as used, 1 exist; repaired" in caplog.text
    AuditEntry.objects.update(at=datetime.now(UTC))
    home = shown(factories.page_client(ada), "/admin/")
    assert f"{tenants[0].name}: wrong quota usage corrected" in home
