"""NICs."""

from __future__ import annotations

from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import PortSpec
from apps.network.models import Nic
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.security.words import api


def _stray(cloud: Cloud, vm: Vm) -> None:
    spec = PortSpec(
        str(uuid4()), str(vm.nics.get(role="internal").subnet_id), "02:00:00:00:99:99", "10.0.9.9"
    )
    MemoryFabric(cloud.world).ensure(spec)


CASE = KindCase(
    "nic",
    "nics",
    Nic,
    api=api("nics"),
    pages={},
    key=lambda world: Nic.objects.get(owner=world.vm.pk, role="internal").pk,
    stray=_stray,
)
