"""The management controller of a pretend host."""

from apps.drivers.memory.records import HOSTS, MemoryHost
from apps.drivers.memory.world import World


class MemoryController:
    """`Controller` over a `World`: switching off is a power cut."""

    def __init__(self, world: World, host: str) -> None:
        self._world, self._host = world, host

    def power_state(self) -> str:
        with self._world.call("controller.power_state") as state:
            known = state.get(HOSTS, self._host) or MemoryHost()
        return "On" if known.powered else "Off"

    def ensure_off(self) -> None:
        with self._world.call("controller.ensure_off"):
            pass
        if self.power_state() != "Off":
            self._world.power_cut(self._host)
