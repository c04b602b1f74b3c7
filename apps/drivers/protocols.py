"""What each kind of driver can do.

Every verb is idempotent: `ensure_*` makes the backend match the spec and succeeds at once when it already does, so an
operation may be run again from its start at any time. Every verb raises `DriverError` and nothing else.
Each protocol has one contract suite in `tests/drivers/` which every implementation passes, the in-memory one too.

Hypervisor and Volumes are served by the agents of hosts: each method is a verb that both ends build from its signature
(`host_verbs.py`). It changes something unless it says otherwise.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from apps.drivers.host_verbs import host_verb
from apps.drivers.specs import (
    ConsoleAddress,
    FabricInventory,
    FabricSpec,
    HostObservation,
    ImageInfo,
    ImageSpec,
    PoolInventory,
    PoolKind,
    PoolObservation,
    PoolSpec,
    Power,
    Screenshot,
    SeedSpec,
    VmSpec,
    VmStatus,
    VolumeSpec,
)

#: Called right before a change is made; raises when it must not be made any more.
Guard = Callable[[], None]


class Hypervisor(Protocol):
    """The virtual machines of one host."""

    def ensure_vm(self, spec: VmSpec) -> None:
        """Define the VM, or bring its definition up to `spec` (a running VM takes it at its next start)."""

    def ensure_vm_absent(self, vm_id: str) -> None:
        """Stop the VM by force if it runs and remove its definition and seed. Volumes are not touched."""

    def ensure_power(self, vm_id: str, power: Power, *, boot: int = 0, graceful: bool = False) -> VmStatus:
        """Switch the VM on or off and return what it is now.

        ON records `boot` in the definition. A graceful OFF only asks the guest and returns at once, still ON perhaps:
        the caller asks again until the answer is OFF. A forced OFF returns OFF.
        """

    def ensure_resumed(self, vm_id: str) -> VmStatus:
        """Let a VM run on that its host paused for want of space or after an I/O error; return what it is now.

        A VM that is paused for any other reason, runs, is off or unknown is left as it is.
        """

    def ensure_seed(self, vm_id: str, seed: SeedSpec) -> None:
        """Bring the first-boot data of a defined VM to `seed`, also what a running guest sees of it.

        What is gone from it is overwritten. A VM this host does not know is left alone.
        """

    @host_verb(changes=False)
    def status(self, vm_id: str) -> VmStatus:
        """Return the VM as it is; `exists` is False for one this host does not know."""

    @host_verb(changes=False)
    def open_console(self, vm_id: str, *, password: str, valid_until: datetime) -> ConsoleAddress:
        """Let `password` (8 characters at most, a limit of VNC) in until `valid_until` (aware, UTC)."""

    @host_verb(changes=False)
    def close_console(self, vm_id: str) -> None:
        """Let nobody in until the next `open_console`."""

    @host_verb(changes=False)
    def screenshot(self, vm_id: str) -> Screenshot:
        """Return a small picture of a running VM's screen."""

    @host_verb(changes=False)
    def observe(self) -> HostObservation:
        """Return the host's capacity, load and VMs."""


class Volumes(Protocol):
    """Disks and images of the pools a host can reach."""

    @host_verb(long=True)
    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        """Copy the disk image file `source` into the pool; permanent error when it is not a clean image."""

    def ensure_image_absent(self, spec: ImageSpec) -> None:
        """Remove the image."""

    def ensure_volume(self, spec: VolumeSpec) -> None:
        """Make the volume, blank or thin from its image, and at least `size_gib` large. Never shrinks."""

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        """Remove the volume."""

    @host_verb(changes=False)
    def observe(self, pool: PoolSpec) -> PoolObservation:
        """Return the pool's capacity and contents."""

    @host_verb(changes=False)
    def inventory(self, pool: PoolSpec) -> PoolInventory:
        """Return everything of ours in the pool; it opens each file, so ask for it seldom."""

    @host_verb(subject="id")
    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        """Remove unfinished files of a volume or image that nobody has written to for so long."""


class Fabric(Protocol):
    """The software-defined network of one region."""

    def ensure(self, spec: FabricSpec) -> None:
        """Make the object as `spec` says, or bring it up to it; what it stands in must exist.

        What a spec means is said at its class, how each driver does it in `apps.drivers.fabric`.
        """

    def ensure_absent(self, kind: type[FabricSpec], id: str) -> None:
        """Remove the object whose specs are of this class."""

    def inventory(self) -> FabricInventory:
        """Return everything of ours in the fabric."""
