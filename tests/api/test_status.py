"""The machine-readable status: the words people see, with the time and the reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.utils import translation

from apps.accounts.models import User
from apps.compute.models import Power, Vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Resource, State
from apps.lifecycle.models.status import Status
from apps.lifecycle.verbs import all_verbs
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_group

pytestmark = pytest.mark.requirement("IN-2")


def shown(user: User, pk: object) -> dict[str, Any]:
    body: dict[str, Any] = factories.api_client(user).get(f"/api/v1/vms/{pk}").json()
    return body


@pytest.mark.requirement("VM-9")
def test_a_vm_says_its_status_since_when_and_why(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet)
    vm, client = operation.target_id, factories.api_client(alice)
    creating = shown(alice, vm)
    assert creating["status"] == "creating"
    assert datetime.fromisoformat(creating["status_since"]).replace(microsecond=0) == (
        operation.created_at.replace(microsecond=0)
    )
    execute(operation.pk)
    operation.refresh_from_db()
    running = shown(alice, vm)
    assert running["status"] == "running"
    assert operation.finished_at is not None
    assert datetime.fromisoformat(running["status_since"]) >= operation.finished_at.replace(microsecond=0)
    for action, status in {"shut-down": "shutting_down", "power-off": "powering_off"}.items():
        assert client.post(f"/api/v1/vms/{vm}/{action}").status_code == 202
        assert shown(alice, vm)["status"] == status
    Resource.objects.filter(pk=vm).update(
        state=State.ERROR, error={"code": "x", "message": "The host broke."}
    )
    client.delete(f"/api/v1/vms/{vm}")
    assert shown(alice, vm)["status"] == "deleting"


def test_a_failure_has_its_cause_as_the_reason(owner: Actor, alice: User, ada: User, cloud: Cloud) -> None:
    assert alice.tenant is not None
    group = make_group(cloud.region, factories.default_project(alice.tenant))
    client, url = factories.api_client(alice), f"/api/v1/security-groups/{group.pk}"
    assert client.get(url).json()["status"] == "available"
    Resource.objects.filter(pk=group.pk).update(
        state=State.ERROR, error={"code": "x", "message": "The network did not answer."}
    )
    failed = factories.api_client(ada).get(url).json()  # tenants read a text of their own
    assert (failed["status"], failed["status_reason"]) == ("failed", "The network did not answer.")


def test_the_status_while_a_verb_runs_is_the_word_people_see() -> None:
    with translation.override("en"):
        differing = {
            verb.name: str(verb.doing)
            for verb in all_verbs()
            if verb.status is not Status.UPDATING and verb.status != str(verb.doing).lower().replace(" ", "_")
        }
    assert differing == {}


def test_verbs_whose_status_is_updating_are_named_here() -> None:
    """A new verb gets a status of its own, or a line here."""
    updating = {
        verb.action
        for verb in all_verbs()
        if verb.exclusive and verb.on_resource and verb.status is Status.UPDATING and verb.kind != "host"
    }
    # Hosts' verbs are done at once; these change a resource that goes on as it was.
    assert updating == {
        "add_ipv6",
        "change",
        "clone",
        "create_image",
        "discard_resize",
        "save_version",
        "finish_first_boot",
        "follow_hosts",
        "pick_egress",
        "reset_password",
        "resync",
        "roll_back",
        "set_bandwidth",
        "set_limits",
        "set_nic_bandwidth",
        "set_rules",
        "set_security_group",
        "snapshot",
        "snapshot_disks",
    }


def test_lists_are_narrowed_by_the_status_that_their_rows_show(
    owner: Actor, ada: User, cloud: Cloud, subnet: Subnet
) -> None:
    first, second, third = ask_for_vms(owner, cloud, subnet, count=3)
    execute(first.pk)
    execute(second.pk)
    Vm.objects.filter(pk=second.target_id).update(power_seen=Power.OFF)
    Host.objects.filter(pk=cloud.hosts[0].pk).update(last_report_at=None)
    Host.objects.filter(pk=cloud.hosts[1].pk).update(accepts_vms=False)
    client, seen = factories.api_client(ada), set()
    for plural in ("vms", "disks", "hosts", "images", "vpcs", "subnets"):
        everything = client.get(f"/api/v1/{plural}").json()["results"]
        seen |= {row["status"] for row in everything}
        for status in Status.values:
            found = client.get(f"/api/v1/{plural}?status={status}").json()["results"]
            expected = {row["id"] for row in everything if row["status"] == status}
            assert {row["id"] for row in found} == expected, (plural, status)
    assert seen >= {
        "creating", "running", "stopped", "attached", "available", "unreachable", "scheduling_disabled"
    }  # fmt: skip
    assert third.is_open
