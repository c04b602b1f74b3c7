"""The power actions in the console's bar are those of the VM's page: the same rights, reasons and questions."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from apps.accounts.models import Project, User
from apps.compute.models import Power, Vm
from apps.console.pages import POWER
from apps.lifecycle.models import Operation
from tests import factories
from tests.console.factories import make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VN-1")]


def bar_of(client: Client, vm: Vm, area: str = "") -> str:
    """Return the power actions of the console's page."""
    answer = client.get(f"{area}/vms/{vm.pk}/console/")
    assert answer.status_code == 200, answer.content
    found = re.search(r'<div class="screen-power".*?</div>', answer.content.decode(), re.DOTALL)
    assert found is not None
    return found[0]


def offered(bar: str) -> list[str]:
    """Return the actions that can be pressed now."""
    return [action for action in POWER if f'/{action.replace("_", "-")}/"' in bar]


@pytest.mark.parametrize(
    ("power", "possible"), [(Power.ON, ["shut_down", "restart", "power_off"]), (Power.OFF, ["start"])]
)
def test_what_can_be_pressed_follows_the_vm_and_the_others_say_why_not(
    otto: User, project_a: Project, power: str, possible: list[str]
) -> None:
    vm = make_vm(project_a, power=power)
    bar = bar_of(factories.page_client(otto), vm)
    assert offered(bar) == possible
    assert bar.count('aria-disabled="true"') == len(POWER) - len(possible)
    assert ("The VM is already running." if power == Power.ON else "The VM is already stopped.") in bar


def test_powering_off_asks_first_and_shutting_down_does_not(otto: User, project_a: Project) -> None:
    vm = make_vm(project_a)
    bar = bar_of(factories.page_client(otto), vm)
    assert f'hx-get="/vms/{vm.pk}/power-off/"' in bar
    assert f'hx-post="/vms/{vm.pk}/shut-down/"' in bar


def test_while_an_operation_runs_the_bar_offers_what_the_vms_page_offers(
    otto: User, project_a: Project
) -> None:
    vm = make_vm(project_a)
    client = factories.page_client(otto)
    assert client.post(f"/vms/{vm.pk}/restart/").status_code == 302
    assert Operation.objects.open().get().verb == "vm.restart"
    bar = bar_of(client, vm)
    assert offered(bar) == ["power_off"], "which pushes it aside"
    assert "Restarting is still running." in bar


@pytest.mark.requirement("AC-3")
def test_who_may_not_operate_the_vm_has_neither_console_nor_bar(vera: User, project_a: Project) -> None:
    vm = make_vm(project_a)
    answer = factories.page_client(vera).get(f"/vms/{vm.pk}/console/")
    assert (answer.status_code, b"screen-power" in answer.content) == (403, False)
