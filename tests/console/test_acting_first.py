"""SE-1, UX-11: administrators see the inside of a tenant's machines only while they act as the tenant."""

from __future__ import annotations

import pytest

from apps.accounts.access import may
from apps.accounts.models import Project, Tenant, User
from apps.accounts.rights import Rights
from apps.compute.models import Vm
from apps.console.models import TicketKind
from apps.console.proxy.admission import end_of
from apps.console.selectors import may_look
from apps.console.services import open_console
from apps.lifecycle.errors import Forbidden
from apps.lifecycle.verbs import all_verbs
from apps.tenancy.services.factors import add_app, make_recovery_codes
from tests import factories
from tests.console.factories import make_vm
from tests.factories import actor_for_user

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("SE-1"),
    pytest.mark.requirement("UX-11"),
]


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


@pytest.mark.parametrize("kind", TicketKind.values)
def test_an_administrator_as_such_opens_no_console(ada: User, vm: Vm, kind: str) -> None:
    with pytest.raises(Forbidden) as refused:
        open_console(actor_for_user(ada), vm, kind=kind)
    assert refused.value.code == "tenant.not_acting"
    assert factories.page_client(ada).get(f"/admin/vms/{vm.pk}/console/").status_code == 403
    for client in (factories.session_client(ada), factories.api_client(ada)):
        answer = client.post(f"/api/v1/vms/{vm.pk}/console", {"kind": kind}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "tenant.not_acting")


def test_no_verb_about_the_inside_is_an_administrators(
    ada: User, tenant_a: Tenant, project_a: Project
) -> None:
    inside = [verb for verb in all_verbs() if verb.inside]
    assert {verb.name for verb in inside} >= {"vm.console", "vm.create", "key_pair.create"}
    for verb in inside:
        assert not may(actor_for_user(ada), verb, project_a.pk, tenant_a.pk), verb.name
        acting = actor_for_user(ada, tenant_a)
        assert may(acting, verb, project_a.pk, tenant_a.pk) == verb.allowed_while_acting, verb.name


def test_the_button_says_to_act_as_the_tenant_first(ada: User, vm: Vm) -> None:
    row = Vm.objects.get(pk=vm.pk)
    judged = {p.verb.name: p for p in Rights(actor_for_user(ada)).actions(row)}
    assert "Act as the tenant first" in judged["vm.console"].reason


def test_a_console_opened_while_acting_ends_with_it(ada: User, tenant_a: Tenant, vm: Vm) -> None:
    browser = factories.acting_client(ada, tenant_a)
    key = browser.cookies["sessionid"].value
    ticket = open_console(actor_for_user(ada, tenant_a), vm, kind="browser", session_key=key)
    assert may_look(ticket, key) and end_of(ticket.pk, key) is None
    browser.post("/stop-acting/")
    assert not may_look(ticket, key)
    assert end_of(ticket.pk, key) is not None


def test_acting_as_one_tenant_opens_no_console_of_another(
    ada: User, tenant_b: Tenant, tenant_a: Tenant, vm: Vm
) -> None:
    ours = factories.acting_client(ada, tenant_a).cookies["sessionid"].value
    ticket = open_console(actor_for_user(ada, tenant_a), vm, kind="browser", session_key=ours)
    theirs = factories.acting_client(ada, tenant_b).cookies["sessionid"].value
    assert not may_look(ticket, theirs)


def test_acting_changes_no_account_no_role_no_key_and_no_factor(
    ada: User, alice: User, vera: User, tenant_a: Tenant, project_a: Project
) -> None:
    client = factories.session_client(ada)
    client.cookies["sessionid"] = factories.acting_client(ada, tenant_a).cookies["sessionid"].value
    member = f"/api/v1/members/{vera.uid}"
    for path, body in (
        (f"{member}/set-owner", {"owner": True}),
        (f"{member}/set-role", {"project": str(project_a.uid), "role": "manager"}),
        (f"{member}/deactivate", {}),
        (f"{member}/reset-two-factor", {}),
        (f"{member}/end-sessions", {}),
        ("/api/v1/api-keys", {"name": "x", "scope": "read"}),
        ("/api/v1/account/password", {"current": factories.PASSWORD, "new": "another-horse-battery"}),
    ):
        assert client.post(path, body, format="json").status_code == 403, path
    assert client.delete(member).status_code == 403
    assert client.patch("/api/v1/me", {"email": "x@example.com"}, format="json").status_code == 403
    with pytest.raises(Forbidden, match="acting as a tenant"):
        make_recovery_codes(actor_for_user(ada, tenant_a))
    with pytest.raises(Forbidden, match="acting as a tenant"):
        add_app(actor_for_user(ada, tenant_a), "secret", "000000")
