"""Whatever treats fabric objects by kind knows every kind."""

from apps.drivers.memory import fabric as memory
from apps.drivers.ovn import fabric as ovn
from apps.drivers.specs import FabricKind


def test_every_driver_lists_and_removes_every_kind() -> None:
    assert memory._KINDS.keys() == ovn._KINDS.keys() == set(FabricKind)
