"""Orders that somebody on the broker has recorded and sends again, to the real agent in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from apps.agent import fences
from apps.agent.fences import Fences
from apps.drivers import orders
from apps.drivers.orders import Fence, Order
from apps.drivers.remote import RemoteHost
from apps.drivers.sealing import Seal
from apps.drivers.specs import Power, VmSpec
from tests.agent.conftest import PretendHost
from tests.drivers.samples import a_pool, a_vm, a_volume

pytestmark = pytest.mark.requirement("SE-6")


@dataclass
class Recorder:
    """A host whose orders are recorded on their way."""

    host: PretendHost
    sealed: list[str] = field(default_factory=list)

    def remote(self) -> RemoteHost:
        def post(name: str, sealed: str, seconds: float) -> None:
            self.sealed.append(sealed)
            self.host.post(name, sealed, seconds)

        return RemoteHost(self.host.name, self.host.client, self.host.key, post, timeout=60)

    def send_again(self, sealed: str) -> bool:
        """Send a recorded order; return whether the agent carries it out, which it would answer at once."""
        order = Seal(self.host.key).open(orders.ORDER, sealed, Order)
        assert order.expires > time.time() + 5, "it is still good"
        self.host.post(self.host.name, sealed, 10)
        return self.host.client.blpop([orders.answer_key(self.host.name, order.id)], timeout=2) is not None


@pytest.fixture
def recorder(mortal_host: PretendHost) -> Recorder:
    return Recorder(mortal_host)


@pytest.fixture
def vm(recorder: Recorder) -> VmSpec:
    volume = a_volume(a_pool())
    recorder.remote().volumes().ensure_volume(volume)
    spec = a_vm(volume)
    recorder.remote().hypervisor(Fence(7, 1)).ensure_vm(spec)
    recorder.sealed.clear()
    return spec


def restarted(host: PretendHost) -> None:
    host.kill()
    host.start()


@pytest.mark.parametrize("meanwhile", [lambda host: None, restarted], ids=["at once", "after a restart"])
def test_a_recorded_order_is_not_carried_out_again(
    recorder: Recorder, vm: VmSpec, meanwhile: Callable[[PretendHost], None]
) -> None:
    """A restart's "off" and "on" have one fence: "off", sent again, would leave the VM off."""
    hypervisor = recorder.remote().hypervisor(Fence(8, 1))
    hypervisor.ensure_power(vm.id, Power.OFF)
    off = recorder.sealed[-1]
    assert hypervisor.ensure_power(vm.id, Power.ON, boot=1).power is Power.ON
    meanwhile(recorder.host)
    assert not recorder.send_again(off)
    assert hypervisor.status(vm.id).power is Power.ON


def test_an_order_without_a_fence_is_not_carried_out_again_either(recorder: Recorder, vm: VmSpec) -> None:
    recorder.remote().hypervisor().status(vm.id)
    assert not recorder.send_again(recorder.sealed[-1])


def test_what_was_taken_is_remembered_until_it_can_never_be_good_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Fences(tmp_path / "fences.sqlite")
    now = time.time()
    assert kept.take_once("old", now - fences.ORDER_KEPT_SECONDS - 1)
    assert kept.take_once("new", now + 30)
    monkeypatch.setattr(fences, "FORGET_EVERY", 3)
    assert kept.take_once("third", now + 30)
    assert not kept.take_once("new", now + 30)
    assert kept.take_once("old", now), "so long expired that it is forgotten"
