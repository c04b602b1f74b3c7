"""What admins do to the physical side. But for a dead host's fencing and return, these changes are rows only."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.infrastructure.maintenance import open_as_before
from apps.lifecycle.models import State
from apps.lifecycle.models.status import Status
from apps.lifecycle.verbs import ANY_STATE, Cancel, Proof, Text, Verb, declare


def _must_be_closed(host: Any) -> Text | None:
    return None if host.accepts_vms else _("Scheduling is already disabled.")


def _must_be_drainable(host: Any) -> Text | None:
    if host.failure:
        return _("The host has failed. Its VMs are recovered on other hosts.")
    if not host.in_reach:
        return _("The host is unreachable. VMs cannot be moved off it.")
    return None


def _rolls(cluster: Any) -> bool:
    return bool(cluster.rolling_maintenances.filter(ended_at=None).exists())


def _must_roll(cluster: Any) -> Text | None:
    return None if _rolls(cluster) else _("No rolling maintenance is under way.")


def _must_not_roll(cluster: Any) -> Text | None:
    return _("A rolling maintenance is under way already.") if _rolls(cluster) else None


def _must_be_in_maintenance(host: Any) -> Text | None:
    if not host.in_maintenance:
        return _("The host is not in maintenance.")
    if not host.in_reach:
        return _("The host is unreachable. Start it and wait for its agent to report.")
    return None


def _must_be_open(host: Any) -> Text | None:
    if host.in_maintenance:
        return _("The host is in maintenance. Put it back instead.")
    return _("Scheduling is already enabled.") if host.accepts_vms else None


def _region_must_be_closed(region: Any) -> Text | None:
    return _("The region is already open to tenants.") if region.open_to_tenants else None


def _region_must_be_open(region: Any) -> Text | None:
    return None if region.open_to_tenants else _("The region is not open to tenants.")


def _must_be_ceph(cluster: Any) -> Text | None:
    return None if cluster.is_ceph else _("A directory needs no key.")


def _speed_must_not_be_due(cluster: Any) -> Text | None:
    return None if cluster.speed_due_at is None else _("The rule is being applied to existing disks already.")


def _disks_must_be_refused(cluster: Any) -> Text | None:
    return _("The cluster is already open to new disks.") if cluster.accepts_disks else None


def _disks_must_be_accepted(cluster: Any) -> Text | None:
    return None if cluster.accepts_disks else _("The cluster is already closed to new disks.")


def _must_be_silent(host: Any) -> Text | None:
    if host.failure == "off":
        return _("The host is already marked as off.")
    if host.liveness == "alive":
        return _("The host’s agent is reporting.")
    if host.liveness == "network_fault":
        return _("The host is running: other hosts read its storage heartbeat. Repair its network.")
    return None


def _must_be_fenceable(host: Any) -> Text | None:
    # Whether its storage can fence a host that is silent takes queries: the service asks.
    if not hasattr(host, "controller") and host.liveness == "alive":
        return _("Set a management controller first.")
    return _must_be_silent(host)


def _must_be_off(host: Any) -> Text | None:
    return None if host.failure or host.shut_out else _("The host is not marked as off.")


REGION_CREATE = declare(
    Verb("region.create", _("Create region"), _("Creating"), permission="admin", on_resource=False)
)
REGION_CHANGE = declare(
    Verb(
        "region.change",
        _("Change region"),
        _("Changing"),
        permission="admin",
        on_resource=False,
        icon="pencil",
    )
)
REGION_OPEN = declare(
    Verb(
        "region.open",
        _("Open to tenants"),
        _("Opening to tenants"),
        permission="admin",
        on_resource=False,
        obstacle=_region_must_be_closed,
        icon="users-plus",
    )
)
REGION_CLOSE = declare(
    Verb(
        "region.close",
        _("Close to tenants"),
        _("Closing to tenants"),
        permission="admin",
        on_resource=False,
        obstacle=_region_must_be_open,
        icon="users-minus",
    )
)
REGION_DELETE = declare(
    Verb(
        "region.delete",
        _("Delete region"),
        _("Deleting"),
        permission="admin",
        on_resource=False,
        destructive=True,
        icon="trash",
    )
)
CLUSTER_CREATE = declare(
    Verb("cluster.create", _("Create cluster"), _("Creating"), permission="admin", on_resource=False)
)
CLUSTER_CHANGE = declare(
    Verb(
        "cluster.change",
        _("Change cluster"),
        _("Changing"),
        permission="admin",
        on_resource=False,
        icon="pencil",
    )
)
CLUSTER_PERMIT = declare(
    Verb(
        "cluster.permit",
        _("Set access"),
        _("Setting access"),
        permission="admin",
        on_resource=False,
        icon="users-group",
    )
)
STORAGE_TEST = declare(
    Verb(
        "storage_cluster.test",
        _("Test connection"),
        _("Testing connection"),
        permission="admin",
        on_resource=False,
        icon="heart-rate-monitor",
    )
)
STORAGE_SET_KEY = declare(
    Verb(
        "storage_cluster.set_key",
        _("Replace key"),
        _("Replacing key"),
        permission="admin",
        on_resource=False,
        obstacle=_must_be_ceph,
        icon="circle-key",
    )
)
STORAGE_SET_SPEED = declare(
    Verb(
        "storage_cluster.set_speed",
        _("Set disk performance"),
        _("Setting disk performance"),
        permission="admin",
        on_resource=False,
        icon="dashboard",
    )
)
STORAGE_APPLY_SPEED = declare(
    Verb(
        "storage_cluster.apply_speed",
        _("Apply performance to existing disks"),
        _("Applying performance"),
        permission="admin",
        on_resource=False,
        obstacle=_speed_must_not_be_due,
        icon="checks",
    )
)
STORAGE_OPEN = declare(
    Verb(
        "storage_cluster.open",
        _("Open to new disks"),
        _("Opening to new disks"),
        permission="admin",
        on_resource=False,
        obstacle=_disks_must_be_refused,
        icon="toggle-right",
    )
)
STORAGE_CLOSE = declare(
    Verb(
        "storage_cluster.close",
        _("Close to new disks"),
        _("Closing to new disks"),
        permission="admin",
        on_resource=False,
        obstacle=_disks_must_be_accepted,
        icon="toggle-left",
    )
)
CLUSTER_DELETE = declare(
    Verb(
        "cluster.delete",
        _("Delete cluster"),
        _("Deleting"),
        permission="admin",
        on_resource=False,
        destructive=True,
        icon="trash",
    )
)
CLUSTER_START_ROLLING = declare(
    Verb(
        "cluster.start_rolling",
        _("Start rolling maintenance"),
        _("Starting rolling maintenance"),
        permission="admin",
        on_resource=False,
        obstacle=_must_not_roll,
        icon="server-2",
    )
)
CLUSTER_ROLL_ON = declare(
    Verb(
        "cluster.roll_on",
        _("Continue with next host"),
        _("Continuing with next host"),
        permission="admin",
        on_resource=False,
        obstacle=_must_roll,
        icon="arrow-right",
    )
)
CLUSTER_END_ROLLING = declare(
    Verb(
        "cluster.end_rolling",
        _("End rolling maintenance"),
        _("Ending rolling maintenance"),
        permission="admin",
        on_resource=False,
        obstacle=_must_roll,
        icon="square",
    )
)
HOST_ENROLL = declare(
    Verb(
        "host.enroll",
        _("Enrol host"),
        _("Enrolling"),
        permission="admin",
        on_resource=False,
        icon="plus",
        # The answer holds the host's login and seal key.
        proof=Proof.FRESH,
    )
)
HOST_OPEN = declare(
    Verb(
        "host.open",
        _("Enable scheduling"),
        _("Opening"),
        permission="admin",
        obstacle=_must_be_open,
        states=frozenset({State.READY}),
        icon="toggle-right",
    )
)
HOST_CLOSE = declare(
    Verb(
        "host.close",
        _("Disable scheduling"),
        _("Disabling scheduling"),
        permission="admin",
        obstacle=_must_be_closed,
        states=frozenset({State.READY}),
        icon="toggle-left",
    )
)
# VMs stand above hosts: what empties one is in `apps/compute`.
HOST_DRAIN = declare(
    Verb(
        "host.drain",
        _("Drain"),
        _("Draining"),
        permission="admin",
        obstacle=_must_be_drainable,
        taken_back=open_as_before,
        # Each VM has its own deadline; a host full of large ones takes long.
        deadline=timedelta(hours=24),
        icon="tools",
        status=Status.DRAINING,
    )
)
HOST_PUT_BACK = declare(
    Verb(
        "host.put_back",
        _("Put back"),
        _("Putting back"),
        permission="admin",
        obstacle=_must_be_in_maintenance,
        states=frozenset({State.READY}),
        icon="login",
    )
)
HOST_RENEW = declare(
    Verb(
        "host.renew",
        _("Renew agent key"),
        _("Renewing"),
        permission="admin",
        states=ANY_STATE,
        exclusive=False,
        destructive=True,
        icon="certificate",
        proof=Proof.FRESH,
    )
)
HOST_REMOVE = declare(
    Verb(
        "host.remove",
        _("Remove"),
        _("Removing"),
        permission="admin",
        states=ANY_STATE,
        destructive=True,
        removes=True,
        icon="trash",
    )
)
HOST_SET_CONTROLLER = declare(
    Verb(
        "host.set_controller",
        _("Set management controller"),
        _("Setting management controller"),
        permission="admin",
        states=ANY_STATE,
        exclusive=False,
        icon="device-heart-monitor",
        proof=Proof.FRESH,
    )
)
# Requested by the platform when a host is suspected dead, or by an administrator.
HOST_FENCE = declare(
    Verb(
        "host.fence",
        _("Fence and recover VMs"),
        _("Fencing"),
        permission="admin",
        states=frozenset({State.READY}),
        obstacle=_must_be_fenceable,
        destructive=True,
        cancel=Cancel.BEFORE,
        deadline=timedelta(minutes=2),
        icon="wall",
        status=Status.FENCING,
    )
)
HOST_CONFIRM_OFF = declare(
    Verb(
        "host.confirm_off",
        _("Confirm host is off"),
        _("Confirming"),
        permission="admin",
        states=frozenset({State.READY}),
        obstacle=_must_be_silent,
        destructive=True,
        icon="report",
    )
)
# Requested by the platform when a host that was off reports again.
HOST_READMIT = declare(
    Verb(
        "host.readmit",
        _("Take back"),
        _("Returning"),
        permission="admin",
        states=frozenset({State.READY}),
        obstacle=_must_be_off,
        cancel=Cancel.NEVER,
        icon="tool",
        status=Status.RETURNING,
    )
)
