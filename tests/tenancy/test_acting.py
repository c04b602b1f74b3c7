"""UX-11: an administrator acts as a tenant: with a banner, log lines, a time limit, and not everything."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.access import may, visible, visible_projects
from apps.accounts.acting import SINCE
from apps.accounts.models import ApiKey, Tenant, User
from apps.audit.models import AuditEntry
from apps.lifecycle.errors import Forbidden
from apps.network.models import Vpc
from apps.network.verbs import VPC_CREATE
from apps.settings_pages.services import change_settings
from apps.tenancy.services.keys import issue_own_key
from apps.tenancy.services.members import create_member, reset_member_password
from apps.tenancy.services.tenants import delete_tenant, disable_tenant
from tests import factories
from tests.network.factories import make_vpc

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-11")]
REASON = "Ticket 4711: the owner asked for help"


@pytest.fixture
def acting(ada: User, tenant_a: Tenant) -> Client:
    """Ada's browser, acting as tenant A."""
    client = factories.page_client(ada)
    answer = client.post(f"/admin/tenants/{tenant_a.uid}/act-as/", {"reason": REASON})
    assert answer["Location"] == "/"
    return client


def lines(verb: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(verb=verb))


def test_the_tenant_page_offers_it_and_asks_why(ada: User, tenant_a: Tenant) -> None:
    client = factories.page_client(ada)
    path = f"/admin/tenants/{tenant_a.uid}/act-as/"
    assert path in client.get(f"/admin/tenants/{tenant_a.uid}/").content.decode()
    assert client.post(path, {"reason": " "}).status_code == 422
    assert client.get("/")["Location"].startswith("/admin/")
    assert lines("tenant.act_as") == []


def test_every_page_says_for_whom_one_acts_until_when_and_why(acting: Client) -> None:
    for path in ("/", "/vms/", "/account/"):
        page = acting.get(path).content.decode()
        assert "You are acting as <strong>acme</strong>." in page
        assert REASON in page
        assert 'action="/stop-acting/"' in page


def test_the_administration_is_closed_meanwhile(acting: Client) -> None:
    assert acting.get("/admin/").status_code == 403
    assert acting.get("/admin/settings/").status_code == 403


def test_beginning_and_end_stand_in_the_tenants_own_log(acting: Client, alice: User) -> None:
    answer = acting.post("/stop-acting/")
    assert answer["Location"].startswith("/admin/tenants/")
    assert acting.get("/admin/").status_code == 200
    (began,), (ended,) = lines("tenant.act_as"), lines("tenant.stop_acting")
    assert began.args == {"reason": REASON, "minutes": 60}
    assert ended.args == {"ended": "stopped"}
    log = factories.page_client(alice).get("/audit/").content.decode()
    assert REASON in log
    assert "Stop acting" in log


def test_what_is_done_meanwhile_is_logged_as_the_admins_for_the_tenant(
    acting: Client, tenant_a: Tenant, alice: User
) -> None:
    region = factories.make_region()
    project = factories.default_project(tenant_a)
    form = {"name": "lab", "project": str(project.uid), "region": region.name, "cidr": "192.168.0.0/16"}
    acting.post("/vpcs/create/", form)
    assert Vpc.objects.get(name="lab").tenant == tenant_a
    (line,) = lines("vpc.create")
    assert (line.actor_name, line.tenant) == ("ada as acme", tenant_a)
    assert "ada as acme" in factories.page_client(alice).get("/audit/").content.decode()


def test_it_ends_by_itself_with_a_line_and_a_word(acting: Client, ada: User) -> None:
    change_settings(factories.actor_for_user(ada), {"acting_minutes": 30})
    _let_pass(acting, minutes=29)
    assert acting.get("/vms/").status_code == 200
    _let_pass(acting, minutes=2)
    answer = acting.get("/vms/", follow=True)
    assert answer.redirect_chain[0][0] == "/admin/vms/"
    assert "Your time acting as acme has expired." in answer.content.decode()
    (ended,) = lines("tenant.stop_acting")
    assert ended.args == {"ended": "time"}


def test_a_change_sent_after_the_end_is_not_made(acting: Client, tenant_a: Tenant) -> None:
    _let_pass(acting, minutes=61)
    acting.post("/projects/create/", {"name": "late"})
    assert not tenant_a.projects.filter(name="late").exists()


DELETED = "The tenant was deleted. You no longer act as it."


@pytest.fixture
def left(acting: Client, tenant_a: Tenant) -> Client:
    """Ada's browser, acting as a tenant that another administrator has deleted."""
    factories.make_tenant("another")
    delete_tenant(factories.actor_for_user(factories.make_admin()), tenant_a)
    return acting


def _is_refused(answer: Any) -> bool:
    """Whether the API refuses it because acting has ended."""
    return (answer.status_code, answer.json()["code"]) == (403, "acting.ended")


@pytest.mark.parametrize("path", ["vms", "tenants", "me", "members", "operations"])
def test_once_the_tenant_is_deleted_the_api_does_not_list_everything(left: Client, path: str) -> None:
    answer = left.get(f"/api/v1/{path}")
    assert _is_refused(answer)
    assert answer.json()["title"] == DELETED
    assert left.get("/api/v1/me").json()["tenant"] is None
    (ended,) = lines("tenant.stop_acting")
    assert (ended.tenant, ended.args) == (None, {"ended": "deleted"})


@pytest.mark.parametrize("over", ["deleted", "time"])
def test_a_change_meant_for_the_tenant_is_not_made_as_the_administrators(
    acting: Client, tenant_a: Tenant, over: str
) -> None:
    other = factories.make_tenant("another")
    if over == "time":
        _let_pass(acting, minutes=61)
    else:
        delete_tenant(factories.actor_for_user(factories.make_admin()), tenant_a)
    url = f"/api/v1/tenants/{other.uid}"
    assert _is_refused(acting.patch(url, {"name": "mine"}, content_type="application/json"))
    other.refresh_from_db()
    assert other.name == "another"


def test_a_form_of_a_deleted_tenant_is_refused_and_the_next_page_is_the_administration(left: Client) -> None:
    answer = left.post("/projects/create/", {"name": "late"})
    assert answer.status_code == 403 and DELETED in answer.content.decode()
    assert left.get("/admin/").status_code == 200


def test_a_page_of_a_deleted_tenant_leads_to_the_administration_and_says_why(left: Client) -> None:
    answer = left.get("/vms/", follow=True)
    assert answer.redirect_chain[0][0] == "/admin/vms/"
    assert DELETED in answer.content.decode()


@pytest.mark.parametrize("path", ["/stop-acting/", "/logout/"])
def test_acting_as_a_deleted_tenant_can_be_stopped(left: Client, path: str) -> None:
    assert left.post(path).status_code == 302
    assert [line.args for line in lines("tenant.stop_acting")] == [{"ended": "deleted"}]


def test_a_request_that_began_as_a_tenant_stays_one_when_the_tenant_is_deleted_meanwhile(
    ada: User, tenant_a: Tenant
) -> None:
    region, other = factories.make_region(), factories.default_project(factories.make_tenant())
    make_vpc(other, region)
    actor = factories.actor_for_user(ada, Tenant.objects.get(pk=tenant_a.pk))
    delete_tenant(factories.actor_for_user(factories.make_admin()), tenant_a)
    assert not visible(actor, Vpc.objects.all()).exists()
    assert not visible_projects(actor).exists()
    assert not may(actor, VPC_CREATE, other.pk, other.tenant_id)


def test_a_disabled_tenant_is_acted_as_still_and_never_the_administration(
    acting: Client, ada: User, tenant_a: Tenant
) -> None:
    factories.make_tenant("another")
    disable_tenant(factories.actor_for_user(factories.make_admin()), tenant_a)
    assert "You are acting as <strong>acme</strong>." in acting.get("/").content.decode()
    assert acting.get("/api/v1/me").json()["tenant"]["name"] == "acme"
    assert [row["name"] for row in acting.get("/api/v1/tenants").json()["results"]] == ["acme"]


def test_logging_out_ends_it(acting: Client, ada: User) -> None:
    acting.post("/logout/")
    (ended,) = lines("tenant.stop_acting")
    assert ended.args == {"ended": "log-out"}
    acting.force_login(ada, backend="apps.accounts.auth_backend.AccountBackend")
    assert acting.get("/admin/").status_code == 200


def test_what_would_let_the_admin_in_as_somebody_else_is_refused_with_the_reason(
    ada: User, tenant_a: Tenant, otto: User
) -> None:
    actor = factories.actor_for_user(ada, tenant_a)
    for attempt in (
        lambda: reset_member_password(actor, otto),
        lambda: create_member(actor, tenant_a, "newcomer"),
        lambda: issue_own_key(actor, "key", ApiKey.Scope.READ),
    ):
        with pytest.raises(Forbidden, match="acting as a tenant"):
            attempt()


def test_the_buttons_for_it_stay_with_the_reason(acting: Client, otto: User) -> None:
    menu = acting.get(f"/members/{otto.uid}/menu/").content.decode()
    assert "Reset password" in menu
    assert "Administrators acting as a tenant cannot do this" in menu
    assert "Administrators acting as a tenant cannot do this" in acting.get("/api-keys/").content.decode()
    assert acting.post(f"/members/{otto.uid}/reset-password/", {}).status_code == 403


def test_log_in_data_of_consoles_is_not_for_them(ada: User, tenant_a: Tenant) -> None:
    from apps.console.services import open_console
    from tests.console.factories import make_vm

    vm = make_vm(factories.default_project(tenant_a))
    with pytest.raises(Forbidden, match="console credentials"):
        open_console(factories.actor_for_user(ada, tenant_a), vm, kind="native")


def test_a_key_of_an_admin_does_not_act(acting: Client, ada: User) -> None:
    assert factories.api_client(ada).get("/api/v1/me").json()["tenant"] is None


def _let_pass(client: Client, minutes: int) -> None:
    session = client.session
    session[SINCE] -= timedelta(minutes=minutes).total_seconds()
    session.save()
