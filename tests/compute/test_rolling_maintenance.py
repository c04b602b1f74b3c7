"""A whole cluster is maintained, host by host."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.compute.services.rolling_maintenance import end_rolling, roll_on, start_rolling
from apps.drivers.memory import World
from apps.infrastructure.models import Host, RollingMaintenance
from apps.infrastructure.services.hosts import put_host_back
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NoCapacity, NotNow, Refused
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_cloud, make_vm
from tests.compute.test_draining import finish, now
from tests.factories import actor_for_user, api_client, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-9")]


@pytest.fixture
def cloud(world: World, db: None) -> Cloud:
    made = make_cloud(world, hosts=3)
    made.hosts.sort(key=lambda host: host.name)
    return made


@pytest.fixture
def admin(ada: User) -> Actor:
    return actor_for_user(ada)


@pytest.fixture
def vms(cloud: Cloud, subnet: Subnet, owner: Actor) -> list[Vm]:
    return [make_vm(owner, cloud, subnet, name=name) for name in ("a", "b", "c")]


def current(cloud: Cloud) -> Host | None:
    rolling = RollingMaintenance.objects.filter(cluster=cloud.cluster, ended_at=None).first()
    return rolling.host if rolling else None


def drained() -> str:
    return finish(Operation.objects.open().get(verb="host.drain"))


def shown(ada: User, cloud: Cloud) -> str:
    return page_client(ada).get(f"/admin/compute-clusters/{cloud.cluster.pk}/maintenance/").content.decode()


def test_each_host_is_emptied_and_put_back_in_turn(
    cloud: Cloud, admin: Actor, ada: User, vms: list[Vm]
) -> None:
    assert "room for any one host" in shown(ada, cloud)
    start_rolling(admin, cloud.cluster)
    for host in cloud.hosts:
        assert current(cloud) == host
        with pytest.raises(NotNow, match="still being drained"):
            roll_on(admin, cloud.cluster)
        assert f"{host.name} is being drained" in shown(ada, cloud)
        assert drained() == "done"
        assert not Vm.objects.filter(host=host).exists()
        assert [each.in_maintenance for each in map(now, cloud.hosts)].count(True) == 1
        assert f"{host.name} is empty. Update or reboot it" in shown(ada, cloud)
        roll_on(admin, cloud.cluster)
        assert (now(host).accepts_vms, now(host).in_maintenance) == (True, False)
    assert current(cloud) is None
    assert Vm.objects.filter(power_seen="on").count() == 3


def test_it_does_not_begin_where_the_others_have_no_room(cloud: Cloud, admin: Actor, vms: list[Vm]) -> None:
    for host in cloud.hosts:
        Host.objects.filter(pk=host.pk).update(memory_reserved_mib=host.memory_capacity_mib)
    with pytest.raises(NoCapacity):
        start_rolling(admin, cloud.cluster)
    assert current(cloud) is None
    assert not Operation.objects.filter(verb="host.drain").exists()


def test_it_does_not_begin_with_a_host_that_cannot_be_emptied(
    cloud: Cloud, admin: Actor, vms: list[Vm]
) -> None:
    Vm.objects.filter(pk=vms[0].pk).update(host=cloud.hosts[0], pause_reason="io_error")
    with pytest.raises(Refused, match=r"cannot be emptied\. a: The VM is paused"):
        start_rolling(admin, cloud.cluster)
    assert not Operation.objects.filter(verb="host.drain").exists()
    assert current(cloud) is None


def test_it_stops_at_the_first_host_that_cannot_be_emptied_and_says_why(
    cloud: Cloud, admin: Actor, ada: User, vms: list[Vm]
) -> None:
    second = cloud.hosts[1]
    start_rolling(admin, cloud.cluster)
    assert drained() == "done"
    stuck = Vm.objects.filter(host=second).first()
    assert stuck is not None
    Vm.objects.filter(pk=stuck.pk).update(pause_reason="io_error")
    roll_on(admin, cloud.cluster)
    assert drained() == "failed"
    with pytest.raises(NotNow, match=f"VMs are still on host {second.name}"):
        roll_on(admin, cloud.cluster)
    assert current(cloud) == second
    assert f"Stopped: host {second.name} cannot be emptied" in shown(ada, cloud)


def test_it_goes_on_only_once_the_rebooted_host_reports(cloud: Cloud, admin: Actor, ada: User) -> None:
    start_rolling(admin, cloud.cluster)
    assert drained() == "done"
    first = cloud.hosts[0]
    Host.objects.filter(pk=first.pk).update(last_report_at=timezone.now() - timedelta(minutes=1))
    assert "Continue when it reports again" in shown(ada, cloud)
    with pytest.raises(NotNow, match="unreachable"):
        roll_on(admin, cloud.cluster)
    assert (now(first).in_maintenance, current(cloud)) == (True, first)


def test_ended_it_stops_draining_and_asks_for_nothing_more(cloud: Cloud, admin: Actor) -> None:
    start_rolling(admin, cloud.cluster)
    with pytest.raises(NotNow, match="under way already"):
        start_rolling(admin, cloud.cluster)
    end_rolling(admin, cloud.cluster)
    assert current(cloud) is None
    assert not Operation.objects.open().exists()
    first = now(cloud.hosts[0])
    assert (first.accepts_vms, first.in_maintenance) == (True, False)
    with pytest.raises(NotNow, match="No rolling maintenance"):
        roll_on(admin, cloud.cluster)


def test_a_host_put_back_by_hand_is_passed_over(cloud: Cloud, admin: Actor) -> None:
    start_rolling(admin, cloud.cluster)
    assert drained() == "done"
    put_host_back(admin, now(cloud.hosts[0]))
    roll_on(admin, cloud.cluster)
    assert current(cloud) == cloud.hosts[1]


def test_by_the_api_and_no_tenant_learns_of_it(cloud: Cloud, ada: User, alice: User) -> None:
    url = f"/api/v1/compute-clusters/{cloud.cluster.pk}"
    answer = api_client(ada).post(f"{url}/start-rolling")
    assert answer.status_code == 200, answer.json()
    assert answer.json()["rolling_host"]["name"] == cloud.hosts[0].name
    assert api_client(ada).get(url).json()["rolling_host"]["name"] == cloud.hosts[0].name
    assert api_client(alice).get(url).json()["rolling_host"] is None
    assert api_client(ada).post(f"{url}/end-rolling").json()["rolling_host"] is None
