"""What a Ceph cluster's refusals mean."""

import errno
from collections.abc import Callable

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.pool_errors import ceph_unreachable, pool_forbidden, pool_full
from apps.drivers.specs import PoolSpec

UNREACHABLE = "volumes.ceph_unreachable"
IN_USE = "volumes.volume_in_use"
FULL_CHECKS = frozenset({"POOL_FULL", "OSD_FULL"})


def translated(error: Exception, pool: PoolSpec) -> DriverError:
    """Return what librados or librbd raised (`error.errno`) as a `DriverError`."""
    make = _MEANINGS.get(abs(getattr(error, "errno", 0) or 0))
    if make is not None:
        return make(pool)
    return DriverError(
        _("Ceph: %(error)s"),
        values={"error": error},
        code="volumes.failed",
        hint=_("See the Ceph cluster’s logs."),
    )


def busy(pool: PoolSpec) -> DriverError:
    """Earlier calls still wait for the cluster."""
    return DriverError(
        _("The Ceph cluster at %(monitors)s has not answered earlier requests."),
        values={"monitors": ", ".join(pool.monitors)},
        code="volumes.ceph_busy",
        hint=_("The platform retries automatically. If this continues, check the Ceph cluster’s health."),
    )


def image_busy(pool: PoolSpec) -> DriverError:
    """Another client has the RBD image open, or changes it."""
    return DriverError(
        _("Another client uses this volume in Ceph pool %(pool)s."),
        values={"pool": pool.path},
        code=IN_USE,
        hint=_("Power off the VM that uses it. After a host lost power, wait 30 s."),
    )


def has_children(pool: PoolSpec) -> DriverError:
    """Copies still read from it."""
    return DriverError(
        _("Copies in Ceph pool %(pool)s still depend on it."),
        values={"pool": pool.path},
        code="volumes.has_children",
        hint=_("Wait until the copies are complete."),
    )


def not_connected() -> DriverError:
    """The row of the cluster lacks what a connection needs."""
    return DriverError(
        _("The storage cluster has no monitor addresses or no key."),
        code="volumes.not_connected",
        permanent=True,
        hint=_("Enter both on the storage cluster’s page."),
    )


_MEANINGS: dict[int, Callable[[PoolSpec], DriverError]] = {
    errno.ETIMEDOUT: ceph_unreachable,
    errno.ESHUTDOWN: ceph_unreachable,
    errno.ENOTCONN: ceph_unreachable,
    errno.EPERM: pool_forbidden,
    errno.EACCES: pool_forbidden,
    errno.ENOSPC: pool_full,
    errno.EDQUOT: pool_full,
    errno.EBUSY: image_busy,
    errno.EROFS: image_busy,
    errno.ENOTEMPTY: has_children,
}
