"""Edges: no kind of resource, but reconciled as one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import EdgeSpec
from apps.network.models import Edge
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.kinds.external_segment import own_segment

if TYPE_CHECKING:
    from tests.security.world import World


def _stray(cloud: Cloud, vm: Vm) -> None:
    MemoryFabric(cloud.world).ensure(EdgeSpec(str(uuid4()), "02:00:00:00:98:03", ()))


def _key(world: World) -> object:
    return own_segment(world).edge_id


CASE = KindCase("edge", "edges", Edge, api={}, pages={}, key=_key, stray=_stray)
