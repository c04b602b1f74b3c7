"""What the handlers of disks share: which host a volume is reached by, waiting for copies, guests brought to rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from django.db.models import Prefetch
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.orders import STILL_WORKING
from apps.drivers.protocols import Volumes
from apps.drivers.specs import Power
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.reachability import is_silent
from apps.lifecycle.operation_context import OperationContext
from apps.storage.models import Consistency, Disk
from apps.storage.verbs import copy_takes

T = TypeVar("T")
#: So long a guest is held at most: its host lets it go on by itself after that.
HOLD_SECONDS = 30
#: Percent of the whole between which the copying is.
COPY_BEGINS, COPY_ENDS = 10, 95


def load_disk(pk: UUID) -> Disk | None:
    """Return a disk with what its drivers need; None when it is gone."""
    rows = Disk.objects.select_related("cluster__region", "vm__host")
    # By itself, and only for a copy: joined, PostgreSQL takes longer to plan the statement than to carry it out.
    return rows.prefetch_related(Prefetch("copied_from", rows)).filter(pk=pk).first()


def host_of(disk: Disk) -> Host | None:
    """Return the host that has to do what concerns the volume, since its VM may run there; None for any."""
    if disk.vm is None or disk.vm.host is None:
        return None
    return disk.vm.host if disk.vm.is_on or not is_silent(disk.vm.host) else None


def volumes_of(disk: Disk, run: OperationContext | None) -> Volumes:
    """Return the volumes of the disk's storage cluster, by the host that has to be asked."""
    return backends.volumes(disk.cluster, run, host=host_of(disk))


def wait_for_copy(run: OperationContext, disk: Disk, ask: Callable[[], T]) -> T:
    """Ask a host that copies until it has finished, and return what it answers; show how far it is."""
    answers: list[T] = []

    def finished() -> bool:
        try:
            answers.append(ask())
        except DriverError as error:
            if error.code != STILL_WORKING:
                raise
            _show(run, error.values.get("done_bytes", 0), error.values.get("total_bytes", 0))
        return bool(answers)

    run.extend(run.operation.created_at + copy_takes(disk.size_gib))
    run.wait_until(finished, within=copy_takes(disk.size_gib), error=too_long(), every=1)
    return answers[0]


def _show(run: OperationContext, done: object, total: object) -> None:
    if isinstance(done, int) and isinstance(total, int) and 0 <= done <= total and total:
        run.progressed(COPY_BEGINS + (COPY_ENDS - COPY_BEGINS) * done // total)


def too_long() -> DriverError:
    """Return the failure of a copy that did not come to its end."""
    return DriverError(_("Copying the data timed out."), code="operation.deadline", permanent=True)


def taken_at_rest(
    run: OperationContext, disk: Disk, take: Callable[[], None], *, several: bool = False
) -> Consistency:
    """Call `take` while the guest that uses the disk is at rest, as far as it can be; return what that makes of it.

    several: snapshots of several disks are taken, which are of one instant only if the guest stood still all the while.
    """
    vm = disk.vm
    if vm is None or vm.host is None:
        take()
        return Consistency.OFFLINE
    hypervisor, id = backends.hypervisor(vm.host, run), str(vm.pk)
    if hypervisor.status(id).power is Power.OFF:
        take()
        return Consistency.OFFLINE
    held = hypervisor.ensure_held(id, HOLD_SECONDS, pause=several)
    try:
        take()
    except BaseException:
        with suppress(DriverError):
            hypervisor.ensure_released(id)
        raise
    until_now = hypervisor.ensure_released(id)
    if several and (held.frozen or held.paused) and not (until_now.frozen or until_now.paused):
        raise DriverError(
            _("The guest went on before all disks had a snapshot."),
            code="snapshot.not_one_instant",
            hint=_("The platform retries automatically."),
        )
    return Consistency.FILESYSTEM if held.frozen and until_now.frozen else Consistency.CRASH


def percent_of(done: int, total: int) -> int:
    """Return a share in percent, 0 where nothing is known."""
    return min(100 * done // total, 100) if total > 0 else 0


#: A copy in the background is looked at again after this.
LOOK_AGAIN_SECONDS = 2.0
