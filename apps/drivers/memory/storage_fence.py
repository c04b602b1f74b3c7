"""Shutting pretend hosts out of a pretend pool. A host's address is its name."""

from collections.abc import Callable, Collection, Sequence

from apps.drivers.memory.records import DISK_USERS, SHUT_OUT
from apps.drivers.memory.world import World
from apps.drivers.specs import VolumeSpec
from apps.drivers.storage_fence import unknown_client


class MemoryStorageFence:
    """`StorageFence` over a `World`."""

    def __init__(self, world: World, guard: Callable[[], None] | None = None) -> None:
        self._world = world
        self._guard = guard or (lambda: None)

    def ensure_shut_out(self, address: str, volumes: Sequence[VolumeSpec], known: Collection[str]) -> None:
        with self._world.call("storage_fence.ensure_shut_out") as state:
            users = {user: user.partition("/")[0] for user in state.all(DISK_USERS).values()}
            for volume in volumes:
                client = users.get(state.get(DISK_USERS, volume.id) or "", address)
                if client not in {address, *known}:
                    raise unknown_client(client)
            self._guard()
            state.put(SHUT_OUT, address, "")
            for volume_id, user in state.all(DISK_USERS).items():
                if users[user] == address:
                    state.delete(DISK_USERS, volume_id)

    def ensure_readmitted(self, address: str) -> None:
        with self._world.call("storage_fence.ensure_readmitted") as state:
            self._guard()
            state.delete(SHUT_OUT, address)

    def is_shut_out(self, address: str) -> bool:
        with self._world.call("storage_fence.is_shut_out") as state:
            return state.get(SHUT_OUT, address) is not None
