"""Forms while they are filled in: errors at their fields, nothing done, help tied to the field it is about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from apps.accounts.models import Tenant, User
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


#: Forms with fields that are judged only when they are sent.
NOT_CHECKED = {
    "portal/login.html": "a password is tried when it is sent, and each try counts",
    "portal/second_step.html": "a code is tried when it is sent, and each try counts",
    "tenancy/confirm.html": "a password or code is tried when it is sent, and each try counts",
    "tenancy/app_add.html": "a code is tried when it is sent, and each try counts",
    "tenancy/passkey_add.html": "the browser adds the passkey to the name",
    "portal/list_view_form.html": "a name, in a menu; its refusal is a toast",
    "portal/list_tools.html": "columns, density and page size: nothing can be typed",
}
FIELDS = re.compile(
    r"form-control|\{% field |\{\{ form\.|\{\{ bound \}\}|<input type=\"text\"|form_errors|_body\.html"
)


def test_every_form_with_fields_is_checked_while_it_is_filled_in() -> None:
    templates = Path(settings.BASE_DIR) / "templates"
    unchecked = set()
    for path in templates.rglob("*.html"):
        name = str(path.relative_to(templates))
        for form in re.findall(r"<form\b.*?</form>|<form\b.*", path.read_text(), re.DOTALL):
            head = form.partition("\n")[0]
            if 'method="post"' in head and FIELDS.search(form) and "data-check" not in head:
                unchecked.add(name)
    assert unchecked - {"portal/bulk_on.html", "portal/bulk_on_dialog.html"} == {
        name for name in NOT_CHECKED if name in unchecked
    }
    assert unchecked >= NOT_CHECKED.keys() - {"portal/list_tools.html"}


@pytest.mark.parametrize(
    ("path", "sent", "wrong", "right"),
    [
        ("/admin/account/", {"email": "nobody"}, "email", {"email": "ada@example.org"}),
        ("/admin/account/", {"email": "ä@example.org"}, "email", {"email": ""}),
        ("/admin/account/security/", {"new": "short"}, "new", {"new": "A-long-pass-phrase-7!"}),
        ("/admin/account/security/", {"new": "Xy-1", "again": "Xy-2"}, "again", {"again": ""}),
        ("/admin/account/preferences/", {"theme": "pink"}, "theme", {"theme": "dark"}),
        ("/admin/tenants/{tenant}/set-quotas/", {"vm": "-1"}, "vm", {"vm": "7"}),
        ("/admin/tenants/{tenant}/act-as/", {"reason": "x" * 500}, "reason", {"reason": "Ticket 4"}),
    ],
)
def test_forms_outside_the_kit_are_checked_too(
    ada: User, tenant_a: Tenant, path: str, sent: dict[str, str], wrong: str, right: dict[str, str]
) -> None:
    client, before = page_client(ada), User.objects.values().get(pk=ada.pk)
    url = f"{path.format(tenant=tenant_a.uid)}?check=1"
    html = client.post(url, {**sent, "touched": wrong}, headers=HTMX).content.decode()
    assert f'id="id_{wrong}_error"' in html
    answer = client.post(url, {**right, "touched": wrong}, headers=HTMX)
    assert answer.status_code == 200
    assert f'id="id_{wrong}_error"' not in answer.content.decode() or right[wrong] == ""
    assert User.objects.values().get(pk=ada.pk) == before


def test_a_form_for_many_rows_is_checked_without_being_sent(vm: Vm, alice: User) -> None:
    sent = {"action": "set-security-group", "key": str(vm.pk), "token": "t", "security_group": "nonsense"}
    html = (
        page_client(alice)
        .post("/vms/bulk/?check=1", {**sent, "touched": "security_group"}, headers=HTMX)
        .content.decode()
    )
    assert 'id="id_security_group_error"' in html
    assert not Operation.objects.open().exists()
