"""The administrator's pages of findings and of resources in trouble, and what other pages show of them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.compute.services.power import shut_down_vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.reconciliation.models import Finding, FindingState
from tests import factories
from tests.compute.factories import Cloud
from tests.drivers.samples import new_id
from tests.reconciliation.drift import look_twice, the_finding
from tests.reconciliation.planting import stray_domain

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-11"), pytest.mark.requirement("OP-3")]


def html(user: User, path: str) -> str:
    answer = factories.page_client(user).get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.fixture
def orphan(cloud: Cloud, vm: Vm) -> Finding:
    """A domain without a row, confirmed."""
    stray_domain(cloud, vm)
    look_twice()
    return the_finding(rule="orphan", kind="vm")


@pytest.fixture
def switched_off(cloud: Cloud, vm: Vm) -> Finding:
    """A VM wanted on that is off and whose row says so: power is unsynced."""
    return Finding.objects.create(
        rule="unsynced",
        aspect="power",
        kind="vm",
        target_id=vm.pk,
        name=vm.name,
        resource=vm,
        host=vm.host,
        tenant=vm.tenant,
        kept={
            "text": "It is wanted on and is off on host x.",
            "template": "It is wanted %(wanted)s and is %(found)s on host %(place)s.",
            "values": {"wanted": "on", "found": "off", "place": "x"},
        },
        seen={"wanted": "on", "found": "off"},
        state=FindingState.OPEN,
        looks=2,
    )


def test_nothing_differs_says_so_and_when_it_was_last_looked(vm: Vm, ada: User) -> None:
    look_twice()
    shown = html(ada, "/admin/findings/")
    assert ("No inconsistencies" in shown, "Last checked" in shown) == (True, True)


def test_a_finding_is_listed_counted_narrowed_and_exported(
    orphan: Finding, switched_off: Finding, ada: User
) -> None:
    shown = html(ada, "/admin/findings/")
    assert orphan.name in shown
    assert '<span class="nav-badge">2</span>' in shown
    assert "It is wanted on and is off on host x." in shown
    only = html(ada, f"/admin/findings/?rule=orphan&host={orphan.host_id}&state=open")
    assert (orphan.name in only, "It is wanted on" in only) == (True, False)
    csv = factories.page_client(ada).get("/admin/findings/?format=csv&sort=name")
    assert "It is wanted on and is off on host x." in b"".join(csv).decode()


def test_the_list_costs_the_same_however_long_it_is(switched_off: Finding, ada: User) -> None:
    client = factories.page_client(ada)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert client.get("/admin/findings/").status_code == 200
        return len(caught)

    queries()
    one = queries()
    for number in range(5):
        switched_off.pk, switched_off.aspect = new_id(), f"power{number}"
        switched_off.save(force_insert=True)
    assert queries() == one


def test_a_finding_shows_both_sides_and_what_each_action_would_do(orphan: Finding, ada: User) -> None:
    shown = html(ada, f"/admin/findings/{orphan.pk}/")
    for text in (
        "Database",
        "Actual state",
        "An administrator must act",
        "No database record defines the expected state.",
        "is powered off on host",
        "Permanently lost",
    ):
        assert text in shown, text


def test_force_clean_wants_the_name_typed_and_can_be_followed(orphan: Finding, ada: User) -> None:
    client = factories.page_client(ada)
    url = f"/admin/findings/{orphan.pk}/force-clean/"
    asked = client.get(url).content.decode()
    assert "Permanently lost" in asked
    assert client.post(url).status_code == 422
    assert not Operation.objects.filter(verb="finding.force_clean").exists()
    assert client.post(url, {"typed_name": orphan.name}).status_code == 302
    operation = Operation.objects.get(verb="finding.force_clean")
    shown = html(ada, f"/admin/findings/{orphan.pk}/")
    assert f"/admin/operations/{operation.pk}/" in shown
    assert "An operation is running." in shown


def test_resync_and_roll_back_are_asked_for_and_many_at_once(
    switched_off: Finding, vm: Vm, ada: User
) -> None:
    client = factories.page_client(ada)
    question = client.post("/admin/findings/bulk/", {"action": "resync", "key": str(switched_off.pk)})
    assert question.status_code == 200
    assert "The VM is started if it is stopped." in question.content.decode()
    assert client.post(f"/admin/findings/{switched_off.pk}/resync/").status_code == 302
    assert Operation.objects.open().get().verb == "vm.resync"
    switched_off.refresh_from_db()
    assert switched_off.state == FindingState.REPAIRING


def test_dismissed_it_is_listed_again_when_wanted(switched_off: Finding, ada: User) -> None:
    client = factories.page_client(ada)
    for action, state in (("dismiss", FindingState.DISMISSED), ("reopen", FindingState.OPEN)):
        assert client.post(f"/admin/findings/{switched_off.pk}/{action}/").status_code == 302
        switched_off.refresh_from_db()
        assert switched_off.state == state


def test_the_overview_the_host_and_the_resource_itself_say_so(
    switched_off: Finding, vm: Vm, ada: User, alice: User
) -> None:
    assert "1 inconsistency" in html(ada, "/admin/")
    line = "It is wanted on and is off on host x."
    for path in (f"/admin/vms/{vm.pk}/", f"/admin/hosts/{vm.host_id}/"):
        assert line in html(ada, path)
    # The tenant hears that it is known, and nothing of hosts.
    shown = html(alice, f"/vms/{vm.pk}/")
    assert (line in shown, "administrators are notified" in shown) == (False, True)
    Finding.objects.update(state=FindingState.GONE)
    assert "administrators are notified" not in html(alice, f"/vms/{vm.pk}/")


def test_what_is_in_trouble_is_listed_and_tried_again(owner: Actor, vm: Vm, ada: User) -> None:
    operation = shut_down_vm(owner, vm)
    error = {
        "code": "x.y",
        "message": "The host is deaf.",
        "verb": "vm.shut_down",
        "operation": str(operation.pk),
    }
    Operation.objects.filter(pk=operation.pk).update(status=OperationStatus.FAILED, error=error)
    Resource.objects.filter(pk=vm.pk).update(error=error)
    shown = html(ada, "/admin/in-trouble/")
    assert ("The host is deaf." in shown, f'href="/admin/vms/{vm.pk}/"' in shown) == (True, True)
    client = factories.page_client(ada)
    assert client.post(f"/admin/in-trouble/{vm.pk}/retry/").status_code == 302
    assert Operation.objects.open().get().verb == "vm.shut_down"


def test_force_clean_of_what_is_in_error_names_what_is_lost(vm: Vm, ada: User) -> None:
    Resource.objects.filter(pk=vm.pk).update(state=State.ERROR, error={"code": "a.b", "message": "No."})
    client = factories.page_client(ada)
    url = f"/admin/in-trouble/{vm.pk}/force-clean/"
    asked = client.get(url).content.decode()
    assert "Addresses released" in asked
    assert f'Type <strong class="mono">{vm.name}</strong>' in asked
    client.post(url, {"typed_name": vm.name})
    assert Operation.objects.open().get().verb == "vm.force_clean"


def test_tenants_and_admins_acting_as_one_see_none_of_it(switched_off: Finding, alice: User) -> None:
    client = factories.page_client(alice)
    for path in ("/admin/findings/", f"/admin/findings/{switched_off.pk}/", "/admin/in-trouble/"):
        assert client.get(path).status_code == 404
    assert client.get("/findings/").status_code == 404


def test_the_api_says_the_same_and_does_the_same(
    switched_off: Finding, vm: Vm, ada: User, alice: User
) -> None:
    client = factories.api_client(ada)
    (row,) = client.get("/api/v1/findings?state=open").json()["results"]
    assert (row["about"]["id"], row["place"]["kind"], row["tenant"]["name"]) == (str(vm.pk), "host", "acme")
    allowed = {each["action"]: each["allowed"] for each in row["allowed_actions"]}
    assert (allowed["resync"], allowed["roll-back"], allowed["force-clean"]) == (True, True, False)
    preview = client.get(f"/api/v1/findings/{row['id']}/preview?action=roll-back").json()
    assert (preview["allowed"], preview["lost"]) == (True, [])
    assert "Nothing changes on the host." in preview["done"]
    assert client.get(f"/api/v1/findings/{row['id']}/preview").status_code == 422
    answer = client.post(f"/api/v1/findings/{row['id']}/roll-back")
    assert (answer.status_code, answer.json()["operation"]["verb"]) == (202, "vm.roll_back")
    assert client.get("/api/v1/in-trouble").json()["results"] == []
    assert factories.api_client(alice).get("/api/v1/findings").json()["results"] == []
