"""What importing, copying and exporting images share: waiting for a host, and what is believed of its answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.utils.translation import gettext_noop as _

from apps.compute.verbs import LARGEST_IMAGE_BYTES, import_takes
from apps.drivers.errors import DriverError
from apps.drivers.orders import STILL_WORKING
from apps.drivers.specs import ImageInfo
from apps.drivers.specs.storage import IMAGE_FORMATS
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.operation_context import OperationContext

T = TypeVar("T")
#: How long the copying waits for the first host to report.
PATIENCE = timedelta(minutes=10)
#: Percent of the whole between which the copying is.
COPY_BEGINS, COPY_ENDS = 5, 95
#: What a file system may set aside beyond what is written.
SLACK_BYTES = 64 << 20


def wait_for_a_host(run: OperationContext, cluster: StorageCluster) -> None:
    """A platform that has just come up has no host yet; asking again and again is cheaper than failing and waiting."""
    region = cluster.region_id
    if host_in_reach(region) is None:
        run.step(_("Waiting for a host to copy the image"))
        run.wait_until(
            lambda: host_in_reach(region) is not None,
            within=PATIENCE,
            error=DriverError(
                _("No host in region %(region)s is reachable."),
                values={"region": cluster.region},
                code="host.unreachable",
                permanent=True,
                hint=_("Check that the hosts are up and their agents are running."),
            ),
        )


def copied(run: OperationContext, ask: Callable[[], ImageInfo], *, begins: int = COPY_BEGINS) -> ImageInfo:
    """Ask a host that copies until it has finished, show how far it is, and return what it says of the image."""
    late = DriverError(_("The import timed out."), code="operation.deadline", permanent=True)
    return _checked(answered(run, ask, late, between=(begins, COPY_ENDS)))


def answered(
    run: OperationContext, ask: Callable[[], T], late: DriverError, *, between: tuple[int, int]
) -> T:
    """Ask a host for what takes long until it has finished, show how far it is, and return its answer.

    An agent that is still at it says so; the order is then given again.
    """
    done: list[T] = []

    def finished() -> bool:
        try:
            done.append(ask())
        except DriverError as error:
            if error.code != STILL_WORKING:
                raise
            _report_progress(run, error, *between)
        return bool(done)

    run.wait_until(
        finished,
        within=import_takes(LARGEST_IMAGE_BYTES),
        error=late,
        every=1,
    )
    return done[0]


def _checked(info: ImageInfo) -> ImageInfo:
    """Return what the host says of the image, if an image can be so."""
    most_stored = 2 * info.virtual_bytes + SLACK_BYTES
    if (
        info.source_format in IMAGE_FORMATS
        and 0 < info.virtual_bytes <= LARGEST_IMAGE_BYTES
        and info.stored_bytes <= most_stored
    ):
        return info
    raise DriverError(
        _(
            "The host reported invalid figures for the image: %(format)s, %(virtual)s bytes, "
            "%(stored)s stored."
        ),
        values={"format": info.source_format, "virtual": info.virtual_bytes, "stored": info.stored_bytes},
        code="image.implausible",
        permanent=True,
        hint=_("Check the host that imported the image. Then delete the image and import it again."),
    )


def _report_progress(run: OperationContext, said: DriverError, begins: int, ends: int) -> None:
    """Show how much has been copied, and give the time that so large a file takes."""
    done, total = (said.values.get(name, 0) for name in ("done_bytes", "total_bytes"))
    if not (isinstance(done, int) and isinstance(total, int)):
        return
    if 0 <= done <= total <= LARGEST_IMAGE_BYTES and total:
        run.progressed(begins + (ends - begins) * done // total)
        run.extend(run.operation.created_at + import_takes(total))
