"""What each kind of driver can do.

Every verb is idempotent: `ensure_*` makes the backend match the spec and succeeds at once when it already does, so an
operation may be run again from its start at any time. Every verb raises `DriverError` and nothing else.
Each protocol has one contract suite in `tests/drivers/` which every implementation passes, the in-memory one too.

Hypervisor and Volumes are served by the agents of hosts: each method is a verb that both ends build from its signature
(`host_verbs.py`). It changes something unless it says otherwise. Fabric, Controller and Migrations are
called by control workers.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Protocol

from msgspec import Meta

from apps.drivers.bounds import Counter
from apps.drivers.host_verbs import host_verb
from apps.drivers.specs import (
    MOST_PROBED,
    Arrival,
    ConsoleAddress,
    CopyProgress,
    FabricInventory,
    FabricSpec,
    FoundAddress,
    GuestMounts,
    GuestNetwork,
    GuestNetworkState,
    GuestPassword,
    HeartbeatPlan,
    Held,
    HostObservation,
    ImageInfo,
    ImageSpec,
    MigrationLimits,
    MigrationProgress,
    PoolInventory,
    PoolKey,
    PoolKind,
    PoolObservation,
    PoolSpec,
    Power,
    Presence,
    Screenshot,
    SeedSpec,
    SnapshotSpec,
    VmDisks,
    VmNics,
    VmSize,
    VmSpec,
    VmStatus,
    VolumeSpec,
)
from apps.drivers.specs.storage import Part

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

    def ensure_disks(self, spec: VmSpec) -> VmDisks:
        """Bring the disks of a defined VM to `spec`, running or not, and return what it has now.

        What is missing is attached, limits are set, a size that has grown is told to the guest (never a smaller one).
        What is not in `spec` is asked of the guest and gone from the stored definition at once; a guest may take its
        time to let go: ask again until the answer does not hold it any more.
        """

    @host_verb(changes=False)
    def disks(self, vm_id: str) -> VmDisks:
        """Return which disks a VM has; none for a VM this host does not know."""

    @host_verb(changes=False)
    def mounts(self, vm_id: str) -> GuestMounts:
        """Ask the guest agent of a running VM which disks it has mounted, and where."""

    def ensure_nics(self, spec: VmSpec) -> VmNics:
        """Bring the NICs of a defined VM to `spec`, running or not, and return what it has now.

        A NIC carries nothing before the host guards it. What is not in `spec` is asked of the guest and gone from the
        stored definition at once; a guest may take its time to let go: ask again until the answer does not hold it. A
        place that is still taken refuses the next NIC (`hypervisor.nic_slot_taken`). A running NIC keeps its MTU.
        """

    @host_verb(changes=False)
    def nics(self, vm_id: str) -> VmNics:
        """Return which NICs a VM has; none for a VM this host does not know."""

    def ensure_size(self, spec: VmSpec) -> VmSize:
        """Bring the definition of a VM to `spec`, and a VM that runs up to its size; return what it has now.

        Never down: a running VM that has more keeps it until its next start. Memory comes before vCPUs. More than the
        VM was started to grow to is refused, and nothing changed (`hypervisor.no_head_room`).
        """

    @host_verb(changes=False)
    def size(self, vm_id: str) -> VmSize:
        """Return how large a VM is that runs, and how large it can become; nothing of one that does not."""

    def ensure_guest_network(self, vm_id: str, network: GuestNetwork) -> GuestNetworkState:
        """Keep what the guest agent of a defined VM shall configure, configure it if the VM runs, and return how it is.

        The host does it again by itself whenever the guest (or its agent) has started; `VmStatus` says how it is then.
        """

    def ensure_password(self, wanted: GuestPassword) -> None:
        """Set a user's password in a running guest, by its agent.

        An agent that is not there (`hypervisor.no_guest_agent`) or is silent (`hypervisor.guest_agent_silent`) may be
        there in a moment: ask again. One that refuses (`hypervisor.password_refused`) is asked no more.
        """

    def ensure_held(self, vm_id: str, seconds: int, *, pause: bool) -> Held:
        """Bring a running VM to rest, so that all its disks can be copied at one instant; off, it is at rest already.

        Its file systems are frozen if a guest agent answers; with `pause` its processors stop, too, if it does not.
        After so many seconds the host lets it go on by itself, also when the agent has been restarted meanwhile.
        """

    def ensure_released(self, vm_id: str) -> Held:
        """Let a VM that was held go on, and return how it had been held until now (neither: it went on by itself)."""

    def ensure_arrival(self, spec: VmSpec) -> Arrival:
        """Make ready for a VM that comes running from another host, and return what its definition must say here.

        Its disks must be readable and its first-boot data are written; nothing is defined, and nothing listens yet.
        """

    def ensure_stays(self, vm_id: str) -> VmStatus:
        """End what a migration from here has left: the copying is aborted, a VM that waits for its end goes on.

        Call it only once it is certain that the VM does not run on the other host, and cannot be made to any more.
        """

    def ensure_pool_key(self, key: PoolKey) -> None:
        """Keep the key of a pool, so that VMs on this host can use its volumes. Guests and logs never see it."""

    def ensure_pool_key_absent(self, pool_id: str) -> None:
        """Forget the key of a pool."""

    @host_verb(changes=False)
    def follow_heartbeats(self, plan: HeartbeatPlan) -> None:
        """From now on renew the host's heartbeat in the plan's pools and read its peers', also after a restart.

        No operation orders it, so it carries no fence: who asks last is right.
        """

    @host_verb(changes=False)
    def probe_addresses(
        self, physical_network: str, vlan: int, addresses: tuple[str, ...]
    ) -> Annotated[tuple[FoundAddress, ...], Meta(max_length=MOST_PROBED)]:
        """Return which of the addresses (at most `MOST_PROBED`) answer on a VLAN (0: untagged), and from which MAC.

        It takes two seconds at most. A host without that physical network refuses for good.
        """

    @host_verb(changes=False)
    def status(self, vm_id: str) -> VmStatus:
        """Return the VM as it is; `exists` is False for one this host does not know."""

    @host_verb(changes=False)
    def presence(self, vm_id: str) -> Presence:
        """Return what this host has of a VM that may be on another as well: while it migrates, or after that broke."""

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
        """Copy the disk image file `source` into the pool; permanent error when it is not a clean image.

        `DELIVERED` is what `ensure_delivered` brought: it is gone afterwards, and when it is refused for good.
        """

    def ensure_delivered(self, spec: ImageSpec, at: int, data: Part) -> Counter:
        """Write a part of the file that the image will be made of, and return how long that is now.

        A part that begins behind its end is not written: go on from the answer. `at` 0 with data begins anew; no data
        only asks.
        """

    def ensure_image_absent(self, spec: ImageSpec) -> None:
        """Remove the image."""

    @host_verb(long=True)
    def ensure_image_copy(self, spec: ImageSpec, source: ImageSpec) -> ImageInfo:
        """Copy an image of another pool into the pool of `spec`, where it has its own identifier or the same."""

    @host_verb(long=True)
    def ensure_exported(self, spec: ImageSpec) -> Counter:
        """Have the image as one qcow2 file that refers to no other, to be read by this host; return how long that is.

        Only the host that was asked has it. It stays the same until `ensure_export_absent`.
        """

    @host_verb(changes=False)
    def read_exported(self, spec: ImageSpec, at: int) -> Part:
        """Return what that file holds from an offset on: `MOST_PART_BYTES`, or what is left of it."""

    def ensure_export_absent(self, spec: ImageSpec) -> None:
        """Remove what `ensure_exported` has made beside the image, which stays."""

    @host_verb(long=True)
    def ensure_image_from_snapshot(self, spec: ImageSpec, source: SnapshotSpec) -> ImageInfo:
        """Make an image of all that a volume of the same pool held at its snapshot; it needs neither afterwards.

        The volume's spec names the image that it is thin over, as always. The volume may be in use meanwhile.
        """

    @host_verb(long=True)
    def ensure_volume(self, spec: VolumeSpec) -> None:
        """Make the volume, blank, thin from its image or with a snapshot's data, and at least `size_gib` large.

        Never shrinks. Where copies on write are possible it is usable at once: see `ensure_independent`.
        A volume that a running VM has open is not grown here but by `Hypervisor.ensure_disks`, where only QEMU may.
        """

    @host_verb(changes=False)
    def ensure_independent(self, spec: VolumeSpec) -> CopyProgress:
        """Copy what a volume still reads from the snapshot it was made of; call again until it is done.

        It answers at once and changes nothing that anybody sees, so it carries no fence: it goes on beside whatever
        else is done with the volume. The image that a system disk is thin over stays its parent.
        """

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        """Remove the volume and its snapshots. Volumes made of those stay good. Its room may be free only later."""

    def ensure_snapshot(self, spec: SnapshotSpec) -> None:
        """Keep what the volume holds now, unless it has been kept under this id before; while a VM writes, too."""

    def ensure_snapshot_absent(self, spec: SnapshotSpec) -> None:
        """Remove the snapshot; while a VM writes to the volume, too. Volumes made of it stay good."""

    def ensure_rolled_back(self, spec: SnapshotSpec) -> None:
        """Put the volume back to what the snapshot holds, keeping its size. Refused while a VM has it open."""

    @host_verb(changes=False)
    def observe(self, pool: PoolSpec) -> PoolObservation:
        """Return the pool's capacity and contents."""

    @host_verb(changes=False)
    def inventory(self, pool: PoolSpec) -> PoolInventory:
        """Return everything of ours in the pool; it opens each file, so ask for it seldom."""

    @host_verb(subject="id")
    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        """Remove unfinished files of a volume or image that nobody has written to for so long."""


class Migration(Protocol):
    """A running VM on its way from one host to another."""

    def wait(self, seconds: float) -> bool:
        """Wait for its end, at most so long; return whether it has ended, moved or not."""

    def progress(self) -> MigrationProgress:
        """Return how far it is. Never raises: where nobody answers it is what was known before."""

    def cancel(self) -> None:
        """Have it given up; fine when it has ended. Then `wait`: it may have been too late."""

    def result(self) -> None:
        """Once it has ended: return if the VM has moved, raise `DriverError` if it has not, as far as is known."""


class Migrations(Protocol):
    """What moves running VMs from one host to another. The control plane connects both: hosts do not admit each other.

    Whoever started one and dies ends it: the VM stays where it is, unless it had moved already.
    """

    def start(self, vm_id: str, arrival: Arrival, limits: MigrationLimits) -> Migration:
        """Start moving a running VM to the host whose `ensure_arrival` gave `arrival`.

        Refused for good before anything moves where the other host's processors lack what the guest uses
        (`hypervisor.cpu_lacks`).
        """


class Fabric(Protocol):
    """The software-defined network of one region."""

    def ensure(self, spec: FabricSpec) -> None:
        """Make the object as `spec` says, or bring it up to it; what it stands in must exist.

        What a spec means is said at its class, how each driver does it in `apps.drivers.fabric`.
        """

    def ensure_absent(self, kind: type[FabricSpec], id: str) -> None:
        """Remove the object whose specs are of this class."""

    def ensure_hosts(self, ports: Sequence[str], hosts: Sequence[str]) -> None:
        """Bind these ports to hosts: to one, to any that has the NIC (none named), or to two while a VM moves.

        Of two, the second one's is silent until the guest there announces itself. Ports that do not exist are left out.
        """

    def inventory(self) -> FabricInventory:
        """Return everything of ours in the fabric."""


class Controller(Protocol):
    """The management controller of one host's machine."""

    def power_state(self) -> str:
        """Return what the controller says of the machine's power: "On", "Off" or another word of its own."""

    def ensure_off(self) -> None:
        """Switch the machine off at once and return when it is off; raise when that is not certain."""
