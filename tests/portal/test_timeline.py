"""One timeline: what people did, what became of it, what was observed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Event
from apps.network.models import Subnet
from apps.portal.timeline import CHANGES, EVENTS, LENGTH, timeline
from tests import factories
from tests.compute.factories import Cloud, make_vm


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.mark.requirement("UX-6")
def test_changes_and_observations_stand_in_one_line_newest_first(vm: Vm, owner: Actor) -> None:
    Event.objects.create(resource=vm, code="vm.seen_off", message="It powered itself off.")
    moments = timeline(owner, vm, "portal").moments
    assert [str(moment.text) for moment in moments] == ["It powered itself off.", "Create VM"]
    created = moments[1]
    assert (created.who, created.tone, created.url) == (
        "alice",
        "ok",
        f"/operations/{vm.operations.get().pk}/",
    )
    assert "192.0.2.7" in created.origin
    assert created.took is not None
    assert [step.text for step in created.steps] == [step["text"] for step in vm.operations.get().steps]


@pytest.mark.requirement("UX-6")
def test_it_can_be_narrowed_to_either(vm: Vm, owner: Actor) -> None:
    Event.objects.create(resource=vm, code="vm.seen_off", message="It powered itself off.")
    assert [str(m.text) for m in timeline(owner, vm, "portal", show=CHANGES).moments] == ["Create VM"]
    assert [str(m.text) for m in timeline(owner, vm, "portal", show=EVENTS).moments] == [
        "It powered itself off."
    ]


@pytest.mark.requirement("UX-6")
def test_nothing_is_lost_or_shown_twice_beyond_a_hundred(vm: Vm, owner: Actor, alice: User) -> None:
    at = timezone.now()
    # Many at the same moment, which no cursor by time could part.
    Event.objects.bulk_create(
        Event(resource=vm, code="test", message=f"event {n}", at=at + timedelta(seconds=n // 60))
        for n in range(120)
    )
    pages = [timeline(owner, vm, "portal", number=number) for number in (1, 2, 3)]
    texts = [str(moment.text) for each in pages for moment in each.moments]
    assert [len(each.moments) for each in pages] == [LENGTH, LENGTH, 21]
    assert len(set(texts)) == 121
    assert [each.more for each in pages] == [True, True, False]
    client = factories.page_client(alice)
    assert "event 0<" not in client.get(f"/vms/{vm.pk}/activity/?page=2").content.decode()
    assert "event 0<" in client.get(f"/vms/{vm.pk}/activity/?page=3").content.decode()


@pytest.mark.requirement("UX-6")
def test_a_refused_attempt_says_so_and_by_which_code(vm: Vm, alice: User, owner: Actor) -> None:
    factories.api_client(alice).post(f"/api/v1/vms/{vm.pk}/start")
    refused = timeline(owner, vm, "portal").moments[0]
    assert (refused.tone, refused.code) == ("warn", "state.not_allowed")
    assert "API key" in refused.origin


@pytest.mark.requirement("UX-6")
def test_what_strangers_tried_is_not_told(vm: Vm, bob: User, owner: Actor) -> None:
    factories.page_client(bob).post(f"/vms/{vm.pk}/delete/")
    assert AuditEntry.objects.filter(target_id=vm.pk, user=bob).exists()
    assert {moment.who for moment in timeline(owner, vm, "portal").moments} == {"alice"}


@pytest.mark.requirement("OP-4")
def test_steps_can_be_opened_in_place_with_time_and_duration(vm: Vm, alice: User) -> None:
    html = factories.page_client(alice).get(f"/vms/{vm.pk}/activity/").content.decode()
    assert "<details" in html
    assert 'class="step-took"' in html
