"""Real operations broken at driver calls on real hosts: worker, agent, libvirtd, qemu-img killed; answers lost.

A sample of the points by default, all of them in `make campaign`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.compute.models import Image, Power, Vm
from apps.compute.services.image import delete_image
from apps.compute.services.instance_type import create_instance_type
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import SecurityGroup
from tests.real_site import RealSite
from tests.recovery.audit import audit, strangers
from tests.recovery.real import table
from tests.recovery.real.points import Point, batches
from tests.recovery.real.storm import Broken, Storm, breakable_agents
from tests.recovery.traces import traces

pytestmark = [pytest.mark.real, pytest.mark.timeout(400), pytest.mark.campaign_itself]

SETTLE_SECONDS = 60


@pytest.fixture(scope="module")
def storm(real_site: RealSite) -> Iterator[Storm]:
    """A tenant, and agents that break where they are told to."""
    customer = real_site.tenant("storm")
    smallest = create_instance_type(SYSTEM, cluster=real_site.small.cluster, vcpu=1, memory_gib=1)
    body = {
        "image": str(real_site.idle.pk),
        "instance_type": smallest.pk,
        "subnet": customer.subnet,
        "security_group": customer.security_group,
    }
    with breakable_agents(real_site.box) as points:
        yield Storm(real_site, customer, body, points)


@pytest.fixture(autouse=True)
def nothing_left_over(storm: Storm) -> Iterator[None]:
    """Let one batch that went wrong not spoil the next."""
    yield
    storm.site.platform.start("worker")
    for vm in Vm.objects.all():
        storm.customer.api.ask("DELETE", f"/vms/{vm.pk}")  # refused where that is under way
    storm.settle(SETTLE_SECONDS, "the VMs' removal")


@pytest.mark.requirement("OP-1")
@pytest.mark.requirement("OP-2")
@pytest.mark.requirement("OP-4")
@pytest.mark.parametrize("points", batches(), ids=lambda points: f"{len(points)}-points")
def test_operations_broken_at_driver_calls_settle_within_a_minute(storm: Storm, points: list[Point]) -> None:
    strange, before = strangers(), traces(storm.site.box)
    broken = storm.break_at(points, storm.prepare(points))
    storm.settle(SETTLE_SECONDS, "what was broken")
    for one in broken:
        one.operation.refresh_from_db()
    table.show([(one.point, one.operation, seconds_after(one, storm)) for one in broken])
    assert [str(one.point) for one in broken if one.operation.status != OperationStatus.DONE] == []
    assert wrong_results(broken) == []
    assert audit(strange) == []

    remove_all(storm, broken)
    assert audit(strange) == []
    assert traces(storm.site.box) == before


def seconds_after(one: Broken, storm: Storm) -> float:
    """Return how long it took once the new worker was there and, for breaks in agents, it was broken."""
    assert one.operation.finished_at is not None
    back = max(storm.back_at, one.broken_at or storm.back_at)
    return (one.operation.finished_at - back).total_seconds()


def wrong_results(broken: list[Broken]) -> list[str]:
    """Return the points after which there is not what was requested; `audit` compares rows with hosts."""
    wanted = {
        "vm.create": Vm.objects.filter(state=State.READY, power_seen=Power.ON),
        "vm.start": Vm.objects.filter(power_seen=Power.ON),
        "vm.power_off": Vm.objects.filter(power_seen=Power.OFF),
        "security_group.set_rules": SecurityGroup.objects.filter(rules__port_min=22),
        "image.import": Image.objects.filter(state=State.READY, virtual_bytes__gt=0),
    }
    return [
        str(one.point)
        for one in broken
        if one.operation.verb in wanted
        and not wanted[one.operation.verb].filter(pk=one.operation.target_id).exists()
    ] + [
        f"{one.point} left its VM"
        for one in broken
        if one.operation.verb == "vm.delete" and Vm.objects.filter(pk=one.operation.target_id).exists()
    ]


def remove_all(storm: Storm, broken: list[Broken]) -> None:
    for vm in Vm.objects.all():
        storm.customer.api.change("DELETE", f"/vms/{vm.pk}")
    storm.settle(SETTLE_SECONDS, "the VMs' removal")
    targets = [one.operation.target_id for one in broken]
    for image in Image.objects.filter(pk__in=targets):
        delete_image(SYSTEM, image)
    for group in SecurityGroup.objects.filter(pk__in=targets):
        storm.customer.api.change("DELETE", f"/security-groups/{group.pk}")
    storm.settle(SETTLE_SECONDS, "the rest's removal")
    assert not Operation.objects.filter(status=OperationStatus.FAILED).exists()
