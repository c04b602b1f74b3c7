"""Verbs on pages: only POST acts, what is impossible says why, destructive ones ask, refusals are explained."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.compute.models.vm import Power
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

HTMX = {"HX-Request": "true"}


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


def open_verbs() -> list[str]:
    return list(Operation.objects.open().values_list("verb", flat=True))


@pytest.mark.requirement("SE-5")
def test_get_changes_nothing(vm: Vm, alice: User) -> None:
    client = factories.page_client(alice)
    for action in ("shut-down", "power-off", "restart", "delete"):
        assert client.get(f"/vms/{vm.pk}/{action}/").status_code == 200
    assert open_verbs() == []


@pytest.mark.requirement("SE-5")
def test_a_post_without_a_token_is_turned_away(vm: Vm, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(f"/vms/{vm.pk}/shut-down/")
    assert answer.status_code == 403
    assert "The browser sent no cookie." in answer.content.decode()
    assert open_verbs() == []


@pytest.mark.requirement("UX-3")
def test_a_click_asks_for_the_operation_and_leads_back(vm: Vm, alice: User) -> None:
    answer = factories.page_client(alice).post(f"/vms/{vm.pk}/shut-down/", follow=True)
    assert open_verbs() == ["vm.shut_down"]
    assert answer.redirect_chain == [(f"/vms/{vm.pk}/", 302)]
    assert "Shutting down: web" in answer.content.decode()


@pytest.mark.requirement("UX-3")
def test_by_htmx_the_same_click_brings_a_toast_with_the_operation(vm: Vm, alice: User) -> None:
    answer = factories.page_client(alice).post(f"/vms/{vm.pk}/shut-down/", headers=HTMX)
    operation = Operation.objects.open().get()
    assert answer["HX-Retarget"] == "#toasts"
    assert f'data-operation="{operation.pk}"' in answer.content.decode()


@pytest.mark.requirement("UX-3")
def test_what_is_impossible_stays_visible_with_its_reason(vm: Vm, alice: User, vera: User) -> None:
    menu = factories.page_client(alice).get(f"/vms/{vm.pk}/menu/").content.decode()
    assert "The VM is already running." in menu
    assert f'action="/vms/{vm.pk}/start/"' not in menu
    assert f'action="/vms/{vm.pk}/shut-down/"' in menu
    hers = factories.page_client(vera).get(f"/vms/{vm.pk}/menu/").content.decode()
    assert "<form" not in hers
    assert "Your role does not allow this." in hers


@pytest.mark.requirement("OP-4")
def test_a_refusal_is_a_page_with_cause_code_and_request(vm: Vm, alice: User) -> None:
    client = factories.page_client(alice)
    answer = client.post(f"/vms/{vm.pk}/start/")
    html = answer.content.decode()
    assert answer.status_code == 409
    assert (
        "The VM is already running." in html,
        "state.not_allowed" in html,
        answer["X-Request-Id"] in html,
    ) == (True,) * 3
    toast = client.post(f"/vms/{vm.pk}/start/", headers=HTMX)
    assert (toast.status_code, toast["HX-Retarget"]) == (409, "#toasts")
    assert "toast-error" in toast.content.decode()


@pytest.mark.requirement("UX-4")
def test_deleting_says_what_goes_and_wants_the_name(vm: Vm, alice: User) -> None:
    client = factories.page_client(alice)
    question = client.get(f"/vms/{vm.pk}/delete/").content.decode()
    assert "disk" in question
    wrong = client.post(f"/vms/{vm.pk}/delete/", {"typed_name": "wab"}, headers=HTMX)
    assert (wrong.status_code, wrong["HX-Retarget"]) == (422, "#dialog-content")
    assert open_verbs() == []
    client.post(f"/vms/{vm.pk}/delete/", {"typed_name": "web"})
    assert open_verbs() == ["vm.delete"]


def test_renaming_is_done_at_once_and_a_bad_name_stays_in_the_field(vm: Vm, alice: User) -> None:
    client = factories.page_client(alice)
    client.post(f"/vms/{vm.pk}/rename/", {"name": "shop", "description": "new"})
    vm.refresh_from_db()
    assert (vm.name, vm.description) == ("shop", "new")
    answer = client.post(f"/vms/{vm.pk}/rename/", {"name": "", "description": "typed"}, headers=HTMX)
    assert answer.status_code == 422
    assert 'value="typed"' in answer.content.decode()


@pytest.mark.requirement("AC-1")
def test_strangers_get_404_for_every_page_of_a_vm(vm: Vm, bob: User) -> None:
    client = factories.page_client(bob)
    for part in ("", "activity/", "menu/", "delete/", "shut-down/"):
        assert client.get(f"/vms/{vm.pk}/{part}").status_code == 404
        assert client.post(f"/vms/{vm.pk}/{part}").status_code in {404, 405}
    vm.refresh_from_db()
    assert vm.power == Power.ON


@pytest.mark.requirement("AC-1")
def test_the_administration_is_not_there_for_tenants(vm: Vm, alice: User, ada: User) -> None:
    client = factories.page_client(alice)
    for path in ("/admin/", "/admin/vms/", f"/admin/vms/{vm.pk}/", "/admin/hosts/"):
        assert client.get(path).status_code == 404
    # An admin who follows a tenant's link lands on the same page in the administration.
    assert factories.page_client(ada).get(f"/vms/{vm.pk}/")["Location"] == f"/admin/vms/{vm.pk}/"


def test_without_a_log_in_a_page_leads_to_it_and_back(db: None) -> None:
    answer = Client().get("/vms/?q=web")
    assert answer["Location"] == "/login/?next=/vms/%3Fq%3Dweb"
    assert Client().get("/vms/", headers=HTMX)["HX-Refresh"] == "true"
