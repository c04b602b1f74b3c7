"""Forms while they are filled in: errors at their fields, nothing done, help tied to the field it is about."""

from __future__ import annotations

import re

import pytest

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm
from tests.factories import page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-13")]

HTMX = {"HX-Request": "true"}


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


def test_a_dialogs_form_is_checked_without_being_sent(vm: Vm, alice: User) -> None:
    client = page_client(alice)
    url = f"/vms/{vm.pk}/rename/"
    assert 'data-check="?check=1"' in client.get(url, headers=HTMX).content.decode()
    sent = {"name": "x" * 64, "description": "", "touched": "name"}
    html = client.post(f"{url}?check=1", sent, headers=HTMX).content.decode()
    assert 'data-part="id_name_errors"' in html and 'id="id_name_error"' in html
    html = client.post(f"{url}?check=1", {"name": "shop", "touched": "name"}, headers=HTMX).content.decode()
    assert "field-error" not in html
    vm.refresh_from_db()
    assert vm.name == "web"
    assert not Operation.objects.open().exists()


def test_a_check_by_who_may_not_see_the_row_says_nothing(vm: Vm, bob: User) -> None:
    assert page_client(bob).post(f"/vms/{vm.pk}/rename/?check=1", {"name": ""}).status_code == 404


def test_help_stands_beside_its_field_and_is_tied_to_it(alice: User, cloud: Cloud) -> None:
    html = page_client(alice).get("/vpcs/create/").content.decode()
    field = re.search(r'<div class="field" data-field="cidr">(.*?)\n</div>\n', html, re.DOTALL)
    assert field is not None
    main, beside = field.group(1).split('<div class="field-help">')
    assert "field-main" in main and 'aria-describedby="id_cidr_helptext"' in main
    assert 'id="id_cidr_helptext"' in beside


@pytest.mark.requirement("UX-5")
def test_what_is_typed_is_kept_for_the_same_user_over_a_log_in(alice: User, cloud: Cloud) -> None:
    client = page_client(alice)
    html = client.get("/vpcs/create/").content.decode()
    assert "data-keep" in html and f'data-user="{alice.uid}"' in html
    client.logout()
    away = client.post("/vpcs/create/", {"name": "shop"})
    assert away["Location"].startswith("/login/?next=/vpcs/create/")
    assert "data-keep-drafts" in client.get(away["Location"]).content.decode()


@pytest.mark.requirement("UX-3")
def test_buttons_of_a_page_keep_their_places_when_the_state_changes(vm: Vm, alice: User, vera: User) -> None:
    def buttons(user: User) -> list[tuple[str, bool]]:
        shown = page_client(user).get(f"/vms/{vm.pk}/").context["buttons"]
        return [(offer.do.verb.action, offer.judged.allowed) for offer in shown]

    assert buttons(alice) == [("console", True), ("start", False), ("shut_down", True)]
    Vm.objects.filter(pk=vm.pk).update(power="off", power_seen="off")
    assert buttons(alice) == [("console", False), ("start", True), ("shut_down", False)]
    assert len(buttons(vera)) == 1, "what the role forbids is said once"
