"""What a Ceph cluster's refusals mean."""

import errno

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import PoolSpec

UNREACHABLE = "volumes.cluster_unreachable"
BUSY = "volumes.cluster_busy"
FULL_CHECKS = frozenset({"POOL_FULL", "OSD_FULL", "POOL_NEAR_FULL_QUOTA", "POOL_QUOTA_FULL"})


def translated(error: Exception, pool: PoolSpec) -> DriverError:
    """Return what librados or librbd raised (`error.errno`) as a `DriverError`."""
    number = abs(getattr(error, "errno", 0) or 0)
    make = _MEANINGS.get(number)
    if make is not None:
        return make(pool)
    return DriverError(
        _("Ceph: %(error)s"),
        values={"error": error},
        code="volumes.failed",
        hint=_("See the Ceph cluster’s logs."),
    )


def unreachable(pool: PoolSpec) -> DriverError:
    """The cluster does not answer in time."""
    return DriverError(
        _("The Ceph cluster at %(monitors)s did not respond in time."),
        values={"monitors": ", ".join(pool.monitors)},
        code=UNREACHABLE,
        hint=_(
            "Check the network to the monitors and the cluster’s health. The platform retries automatically."
        ),
    )


def busy(pool: PoolSpec) -> DriverError:
    """Earlier calls still wait for the cluster."""
    return DriverError(
        _("The Ceph cluster at %(monitors)s has not answered earlier requests."),
        values={"monitors": ", ".join(pool.monitors)},
        code=BUSY,
        hint=_("The platform retries automatically. If this continues, check the Ceph cluster’s health."),
    )


def key_refused(pool: PoolSpec) -> DriverError:
    """The key is wrong, or its user may not do this."""
    return DriverError(
        _("Ceph denied access to client.%(user)s."),
        values={"user": pool.user},
        code="volumes.key_refused",
        hint=_(
            "Check the key, and that the user has “profile rbd” for mon and for this pool’s osd capability."
        ),
    )


def pool_missing(pool: PoolSpec) -> DriverError:
    """There is no such pool in the cluster."""
    return DriverError(
        _("The Ceph cluster has no pool “%(path)s”."),
        values={"path": pool.path},
        code="volumes.pool_unavailable",
        hint=_("Create the pool and run “rbd pool init”, or correct the pool’s name."),
    )


def pool_full(pool: PoolSpec) -> DriverError:
    """The pool takes no more data."""
    return DriverError(
        _("Ceph pool “%(path)s” is full."),
        values={"path": pool.path},
        code="volumes.no_space",
        hint=_("Add capacity to the storage cluster."),
    )


def image_busy(pool: PoolSpec) -> DriverError:
    """Another client has the RBD image open, or changes it."""
    return DriverError(
        _("Another client uses this volume in Ceph pool “%(path)s”."),
        values={"path": pool.path},
        code="volumes.volume_in_use",
        hint=_("Power off the VM that uses it, or wait 30 s after its host lost power."),
    )


def has_children(pool: PoolSpec) -> DriverError:
    """Copies still read from it."""
    return DriverError(
        _("Copies in Ceph pool “%(path)s” still depend on it."),
        values={"path": pool.path},
        code="volumes.has_children",
        hint=_("Wait until the copies are complete."),
    )


def missing_volume(volume_id: str) -> DriverError:
    """The volume is not in its pool."""
    return DriverError(
        _("Volume %(volume)s is missing in its pool."),
        values={"volume": volume_id},
        code="volumes.volume_missing",
        permanent=True,
        hint=_("Restore it, or delete the disk."),
    )


def missing_snapshot(snapshot_id: str) -> DriverError:
    """The snapshot is not in its pool."""
    return DriverError(
        _("Snapshot %(snapshot)s is missing in its pool."),
        values={"snapshot": snapshot_id},
        code="volumes.snapshot_missing",
        permanent=True,
        hint=_("Choose another snapshot."),
    )


_MEANINGS = {
    errno.ETIMEDOUT: unreachable,
    errno.ESHUTDOWN: unreachable,
    errno.ENOTCONN: unreachable,
    errno.EPERM: key_refused,
    errno.EACCES: key_refused,
    errno.ENOSPC: pool_full,
    errno.EDQUOT: pool_full,
    errno.EBUSY: image_busy,
    errno.EROFS: image_busy,
    errno.ENOTEMPTY: has_children,
}
