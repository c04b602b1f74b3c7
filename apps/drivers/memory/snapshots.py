"""What pretend volumes hold, and their snapshots. Contents are a word, which a test writes and reads."""

from dataclasses import dataclass

from apps.drivers.memory.records import DISK_USERS, VOLUMES, State, Table
from apps.drivers.specs import CopyProgress, SnapshotSpec, VolumeSpec
from apps.drivers.volume_errors import missing_snapshot, missing_volume, volume_in_use

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class MemorySnapshot:
    """What a volume held."""

    volume_id: str
    pool_id: str
    size_gib: int
    content: str


@dataclass(frozen=True, slots=True)
class MemoryCopy:
    """A volume that still reads from the snapshot it was made of; so many of `steps` are copied."""

    steps: int
    done: int = 0


SNAPSHOTS = Table("snapshots", MemorySnapshot)
CONTENTS = Table("contents", str)
"""Volume → what is in it: its image, "", or what a test has written."""
COPIES = Table("copies", MemoryCopy)


def make_copy(state: State, spec: VolumeSpec, steps: int) -> VolumeSpec:
    """Write the contents of a new volume made of a snapshot, and return it as large as it becomes."""
    source = spec.source
    assert source is not None
    held = kept(state, source.volume_id, source.snapshot_id)
    state.put(CONTENTS, spec.id, held.content)
    if steps:
        state.put(COPIES, spec.id, MemoryCopy(steps))
    return spec if spec.size_gib >= held.size_gib else _resized(spec, held.size_gib)


def kept(state: State, volume_id: str, snapshot_id: str) -> MemorySnapshot:
    """Return what a snapshot holds; raise `DriverError` when the volume has no such snapshot."""
    found = state.get(SNAPSHOTS, snapshot_id)
    if found is None or found.volume_id != volume_id:
        raise missing_snapshot(volume_id, snapshot_id)
    return found


def copy_on(state: State, spec: VolumeSpec) -> CopyProgress:
    """Copy a step further, and return how far it has come."""
    volume = state.get(VOLUMES, spec.id)
    if volume is None:
        raise missing_volume(spec)
    total = volume.size_gib * GIB
    copy = state.get(COPIES, spec.id)
    if copy is None:
        return CopyProgress(True, total, total)
    done = copy.done + 1
    if done > copy.steps:
        state.delete(COPIES, spec.id)
        return CopyProgress(True, total, total)
    state.put(COPIES, spec.id, MemoryCopy(copy.steps, done))
    return CopyProgress(False, total * done // (copy.steps + 1), total)


def take(state: State, spec: SnapshotSpec) -> None:
    """Keep what the volume holds."""
    volume = state.get(VOLUMES, spec.volume.id)
    if volume is None:
        raise missing_volume(spec.volume)
    if state.get(SNAPSHOTS, spec.id) is None:
        content = state.get(CONTENTS, volume.id) or ""
        taken = MemorySnapshot(volume.id, volume.pool.id, volume.size_gib, content)
        state.put(SNAPSHOTS, spec.id, taken)


def roll_back(state: State, spec: SnapshotSpec) -> None:
    """Put the volume back, at the size it has."""
    if state.get(VOLUMES, spec.volume.id) is None:
        raise missing_volume(spec.volume)
    held = kept(state, spec.volume.id, spec.id)
    if state.get(DISK_USERS, spec.volume.id) is not None:
        raise volume_in_use(spec.volume.id)
    state.put(CONTENTS, spec.volume.id, held.content)


def forget(state: State, volume_id: str) -> None:
    """Remove all that is kept of a volume."""
    for id, each in state.all(SNAPSHOTS).items():
        if each.volume_id == volume_id:
            state.delete(SNAPSHOTS, id)
    state.delete(CONTENTS, volume_id)
    state.delete(COPIES, volume_id)


def snapshots_in(state: State, pool_id: str) -> dict[str, MemorySnapshot]:
    """Return the snapshots in a pool."""
    return {id: each for id, each in state.all(SNAPSHOTS).items() if each.pool_id == pool_id}


def _resized(spec: VolumeSpec, size_gib: int) -> VolumeSpec:
    return VolumeSpec(spec.id, spec.pool, size_gib, spec.image_id, spec.generation, spec.source)
