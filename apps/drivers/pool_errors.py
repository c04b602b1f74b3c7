"""What keeps a pool from being used, each with its cause and the next step."""

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import PoolSpec


def ceph_unreachable(pool: PoolSpec) -> DriverError:
    """Return the error of a Ceph cluster whose monitors do not answer."""
    return DriverError(
        _("The Ceph cluster does not answer at %(monitors)s."),
        values={"monitors": ", ".join(pool.monitors)},
        code="volumes.ceph_unreachable",
        hint=_("Check the addresses and ports of the monitors, and the network and firewalls in between."),
    )


def ceph_refused(pool: PoolSpec) -> DriverError:
    """Return the error of a user or key that the cluster does not know."""
    return DriverError(
        _("The Ceph cluster refused user %(user)s or its key."),
        values={"user": pool.user},
        code="volumes.ceph_refused",
        permanent=True,
        hint=_("Compare user and key with “ceph auth get”, then replace the key here."),
    )


def pool_missing(pool: PoolSpec) -> DriverError:
    """Return the error of a pool that the cluster does not have."""
    return DriverError(
        _("The Ceph cluster has no pool %(pool)s."),
        values={"pool": pool.path},
        code="volumes.pool_missing",
        permanent=True,
        hint=_("Correct the pool’s name, or create the pool in Ceph."),
    )


def pool_forbidden(pool: PoolSpec) -> DriverError:
    """Return the error of a user without rights on the pool."""
    return DriverError(
        _("User %(user)s has no rights on pool %(pool)s."),
        values={"user": pool.user, "pool": pool.path},
        code="volumes.pool_forbidden",
        permanent=True,
        hint=_("Give the user the capabilities “profile rbd” for mon, mgr and the pool’s osd."),
    )


def pool_full(pool: PoolSpec) -> DriverError:
    """Return the error of a pool that takes no more data: full, or at its quota."""
    return DriverError(
        _("Pool %(pool)s is full or has reached its quota."),
        values={"pool": pool.path},
        code="volumes.pool_full",
        hint=_("Add capacity, raise the pool’s quota or delete data."),
    )
