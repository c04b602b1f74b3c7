"""kill -9 of whole control processes with much under way, on pretend hosts: everything settles and nothing leaks.

Single operations are broken at every point in test_crash_points.py.
"""

from __future__ import annotations

from http.client import HTTPException

import pytest
from django.conf import settings
from onebox.processes import Process
from onebox.shell import wait_until
from redis import Redis

from apps.compute.models import Power, Vm
from apps.lifecycle.models import Operation, OperationStatus, State
from tests.platform_fixtures import Platform
from tests.recovery.audit import audit
from tests.recovery.conftest import SETTLE_SECONDS, WHAT_SETTLES, Site

# They need no real hosts, but minutes: a dead worker keeps its operations until their leases run out.
pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("nothing_left_over"),
    pytest.mark.campaign("kills", (*WHAT_SETTLES, "tests/recovery/conftest.py"), share=3),
]


def doomed_worker(platform: Platform, point: str, *, number: int = 1, threads: int = 1) -> Process:
    """Describe a worker that dies at its `number`-th call at that point, at most `threads` operations under way."""
    worker = platform.process("worker")
    celery = worker.args[worker.args.index("worker") :]
    how = ("--concurrency", str(threads), "--hostname", f"{point.replace(':', '-')}@%h")
    entry = ("-m", "tests.recovery.worker_entry", point, str(number))
    return Process(f"worker dying {point}", (*entry, *celery, *how))


@pytest.mark.campaign_core
@pytest.mark.requirement("OP-2")
def test_sixty_vms_asked_for_all_run_although_the_worker_is_killed_meanwhile(site: Site) -> None:
    site.platform.kill("worker")
    for number in range(60):
        site.ask_for_vm(f"vm-{number}")
    dying = doomed_worker(site.platform, "hypervisor.ensure_power:after", number=20, threads=16)
    site.platform.start(dying)
    wait_until(lambda: site.platform.pid(dying.name) is None, "death of the worker", seconds=60)
    assert 1 < Operation.objects.filter(status=OperationStatus.RUNNING).count() <= 16
    site.platform.start("worker")
    site.settle()
    assert Vm.objects.filter(state=State.READY, power_seen=Power.ON).count() == 60
    assert audit() == []


@pytest.mark.requirement("OP-2")
@pytest.mark.requirement("OP-5")
def test_what_was_accepted_survives_the_web_process(site: Site) -> None:
    vm = site.ask_for_vm("kept", key="the-same-request")
    site.platform.kill("web")
    with pytest.raises((OSError, HTTPException)):
        site.api.get(f"/vms/{vm}")
    site.settle()
    site.platform.start("web")
    assert site.api.get(f"/vms/{vm}")["word"] == "Running"
    assert site.ask_for_vm("kept", key="the-same-request") == vm, "asked again, it is the same VM"
    assert Vm.objects.count() == 1
    assert audit() == []


@pytest.mark.requirement("OP-1")
@pytest.mark.requirement("OP-2")
def test_operations_survive_the_loss_of_all_messages(site: Site) -> None:
    site.platform.stop("worker", "beat")
    vms = [site.ask_for_vm(f"vm-{number}") for number in range(10)]
    lose_messages()
    site.platform.start("worker", "beat")
    site.settle()
    assert Vm.objects.filter(pk__in=vms, state=State.READY, power_seen=Power.ON).count() == len(vms)
    assert audit() == []


@pytest.mark.requirement("OP-2")
def test_the_platform_settles_after_every_process_was_killed_at_once(site: Site) -> None:
    kept = [site.ask_for_vm(f"kept-{number}") for number in range(5)]
    site.settle()
    deleted = [site.ask_for_vm(f"deleted-{number}") for number in range(5)]
    for vm in deleted:
        site.ask_to_delete(vm)
    for vm in kept:
        site.api.change("POST", f"/vms/{vm}/power-off")
    for name in ("web", "worker", "beat"):
        site.platform.kill(name)
    site.platform.start("web", "worker", "beat")
    site.settle(SETTLE_SECONDS)
    assert set(map(str, Vm.objects.filter(power_seen=Power.OFF).values_list("pk", flat=True))) == set(kept)
    assert Vm.objects.count() == len(kept)
    assert audit() == []


def lose_messages() -> None:
    """Empty Redis of all but the pretend region, which stands for machines and is not the broker's to lose."""
    client = Redis.from_url(settings.REDIS_URL)
    lost = [key for key in client.scan_iter(count=1000) if not key.startswith(b"scloud-memory:")]
    assert lost, "there were no messages to lose"
    client.delete(*lost)
