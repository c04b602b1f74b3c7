"""A list is narrowed by the words that its columns show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.compute.models import PauseReason, Power, Vm
from apps.compute.services.power import shut_down_vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.models.status import Status
from apps.lifecycle.shown_states import shown_states
from apps.lifecycle.state_labels import state_label
from apps.network.models import Subnet, Vpc
from apps.portal.column import Column
from apps.portal.lists import ListPage
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_vm
from tests.portal.test_lists import names, shown
from tests.portal.test_lists_everywhere import EVERYWHERE, client_for, columns_of, sampled

pytestmark = pytest.mark.requirement("UX-13")


def rows_of(client: Client, path: str) -> Iterator[tuple[ListPage, Any]]:
    """Return the list page and its rows."""
    page = client.get(path).context["page"]
    for row in page.matching():
        yield page, row


def words(column: Column, row: Any, page: ListPage) -> list[str]:
    """Return what a cell says, value by value."""
    said = str(column.export(row, page) or "")
    return [word for word in said.split(", ") if word]


@sampled
@EVERYWHERE
def test_the_choices_of_a_filter_are_the_words_of_its_column(
    path: str, page: type[ListPage], sample_site: Cloud, clients: dict[str, Client]
) -> None:
    found = list(rows_of(client_for(path, clients), path))
    assert found, "the list has rows"
    wrong = []
    for column in columns_of(path, page):
        for listing, row in found:
            control = listing.controls.one(column.filter_name)
            assert control is not None
            if control.kind not in {"choices", "flag"} or not control.options:
                continue
            labels = [str(option.label) for option in control.options]
            # What is not unique by its name has more beside it: "default (10.0.0.0/20)", "acme / default".
            parts = {
                part
                for label in labels
                for part in (label, label.partition(" (")[0], label.rpartition(" / ")[2])
            }
            wrong += [f"{column.name}: {word}" for word in words(column, row, listing) if word not in parts]
    assert sorted(set(wrong)) == []


@sampled
@EVERYWHERE
def test_a_column_and_its_filter_have_one_name(
    path: str, page: type[ListPage], sample_site: Cloud, clients: dict[str, Client]
) -> None:
    listing = client_for(path, clients).get(path).context["page"]
    for column in columns_of(path, page):
        control = listing.controls.one(column.filter_name)
        assert control is not None
        assert control.label == column.label or control.kind in {"text", "number"}, column.name


@sampled
@EVERYWHERE
def test_no_two_filters_of_a_list_are_called_the_same(
    path: str, page: type[ListPage], sample_site: Cloud, clients: dict[str, Client]
) -> None:
    listing = client_for(path, clients).get(path).context["page"]
    offered = [str(control.label) for control in listing.controls.shown()]
    offered += [str(label) for _name, label in listing.controls.addable()]
    assert sorted(offered) == sorted(set(offered))


@pytest.fixture
def vms(owner: Actor, cloud: Cloud, subnet: Subnet) -> dict[str, Vm]:
    """VMs in every state, by their names."""
    found = {
        name: make_vm(owner, cloud, subnet, name=name) for name in ("on", "off", "stuck", "stopping", "lost")
    }
    Vm.objects.filter(name="off").update(power=Power.OFF, power_seen=Power.OFF)
    Vm.objects.filter(name="stuck").update(pause_reason=PauseReason.NO_SPACE)
    Vm.objects.filter(name="lost").update(state=State.ERROR)
    shut_down_vm(owner, found["stopping"])
    ask_for_vms(owner, cloud, subnet, name="new")
    ask_for_vms(owner, cloud, subnet, name="early")
    Operation.objects.filter(target_name="early").update(status="cancelled")
    return found


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("running", ["on"]),
        ("stopped", ["off"]),
        ("paused", ["stuck"]),
        ("shutting_down", ["stopping"]),
        ("creating", ["early", "new"]),
        ("failed", ["lost"]),
        ("running,failed", ["lost", "on"]),
        ("nonsense", []),
    ],
)
def test_vms_are_narrowed_by_the_word_they_show(
    vms: dict[str, Vm], alice: User, status: str, found: list[str]
) -> None:
    html = shown(factories.page_client(alice), f"/vms/?status={status}&sort=name")
    assert names(html) == found


def test_a_state_turned_round_finds_all_others(vms: dict[str, Vm], alice: User) -> None:
    html = shown(factories.page_client(alice), "/vms/?status=running,creating&not=status&sort=name")
    assert names(html) == ["lost", "off", "stopping", "stuck"]
    assert "State is not Running, Creating" in html


@pytest.mark.parametrize(("model", "kind"), [(Vm, "vm"), (Disk, "disk"), (Host, ""), (Vpc, "vpc")])
def test_every_row_is_found_by_its_own_word_and_by_no_other(
    vms: dict[str, Vm], cloud: Cloud, model: Any, kind: str
) -> None:
    Host.objects.filter(pk=cloud.hosts[-1].pk).update(accepts_vms=False)
    factories.make_host(cloud.cluster, last_report_at=None)
    factories.make_host(cloud.cluster, state=State.PENDING, last_report_at=None)
    Disk.objects.filter(vm__name="off").update(vm=None, slot=None, role=Disk.Role.DATA)
    rows = list(model.objects.all())
    assert rows
    for row in rows:
        word = state_label(row).word
        found = [
            state.word
            for state in shown_states(model, kind)
            if model.objects.filter(state.condition, pk=row.pk)
        ]
        assert [str(each) for each in found] == [str(word)], row


def test_links_that_name_the_stored_state_still_work(vms: dict[str, Vm], alice: User) -> None:
    html = shown(factories.page_client(alice), "/vms/?state=error")
    assert names(html) == ["lost"]
    assert "State: Failed" in html


def test_a_status_of_the_api_narrows_the_page_alike(
    vms: dict[str, Vm], alice: User, owner: Actor, cloud: Cloud
) -> None:
    Operation.objects.filter(target_name="stopping").update(
        verb="vm.resync"
    )  # one of several words of a status
    page, client = factories.page_client(alice), factories.api_client(alice)
    seen = set()
    for status in Status.values:
        rows = client.get(f"/api/v1/vms?status={status}&sort=name").json()["results"]
        seen |= {row["status"] for row in rows}
        html = shown(page, f"/vms/?status={status}&sort=name")
        assert names(html) == [row["name"] for row in rows], status
    assert seen == {"creating", "failed", "paused", "running", "stopped", "updating"}
    assert "State: Updating" in shown(page, "/vms/?status=updating")


@pytest.mark.parametrize(
    ("model", "kind"), [(Vm, "vm"), (Disk, "disk"), (Host, ""), (Vpc, "vpc"), (Resource, "*")]
)
def test_words_offered_by_a_filter_are_statuses_of_the_api_but_for_those_of_updates(
    model: Any, kind: str
) -> None:
    states = shown_states(model, kind)
    own = {state.code for state in states} - set(Status.values)
    assert own == {
        state.code for state in states if state.status == Status.UPDATING and state.code != "updating"
    }
