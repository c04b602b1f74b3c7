"""The simulator itself: a VM asked for through the API runs on a simulated host, and is gone when deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from onebox.shell import wait_until

from apps.compute.models import Power, Vm
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.models import Operation, OperationStatus, State
from tests.bench.simulator.site import Site, simulated_site
from tests.platform_fixtures import pretend_platform

pytestmark = pytest.mark.real

HOSTS, STANDING, CREATES = 30, 150, 10


@pytest.fixture(scope="module")
def site(lasting_rows: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("simulator")
    with (
        pretend_platform(directory, "process") as platform,
        simulated_site(platform, directory, hosts=HOSTS, vms=STANDING, processes=2) as made,
    ):
        yield made


def test_vms_settle_through_simulated_hosts(site: Site) -> None:
    assert Host.objects.filter(state=State.READY).count() == HOSTS
    assert site.load(rate=CREATES, seconds=1, linger=0, reads={})["refused"] == []
    site.settle(30)
    made = Vm.objects.filter(name__startswith="load-")
    assert made.filter(state=State.READY, power_seen=Power.ON).count() == CREATES
    for vm in made:
        token = next(
            c["token"]
            for c in site.clients
            if c["body"]["subnet"] == str(vm.nics.get(role="internal").subnet_id)
        )
        site.platform.client(token).change("DELETE", f"/vms/{vm.pk}")
    site.settle(30)
    assert Vm.objects.count() == STANDING
    assert not Operation.objects.exclude(status=OperationStatus.DONE).exists()


def test_what_happens_on_a_simulated_host_comes_with_its_report(site: Site) -> None:
    vm = Vm.objects.select_related("host").earliest("created_at")
    assert vm.host is not None
    backends.hypervisor(vm.host, None).ensure_power(str(vm.pk), DriverPower.OFF)
    off = Vm.objects.filter(power_seen=Power.OFF)
    wait_until(lambda: list(off.all()) == [vm], "the VM to be seen off, and no other", seconds=15)
