"""What can be done to VMs, images and key pairs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from apps.compute.models import Vm
from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import State
from apps.lifecycle.verbs import ANY_STATE, Cancel, Text, Verb, declare
from apps.reconciliation.verbs import force_clean, resync

#: Importing copies and checks a whole disk image. Until a host has said how large it is: enough to wait for a host and
#: for a small one. From then on so much more for its size, by the slowest pool that is still of use.
IMPORT_DEADLINE = timedelta(minutes=30)
SLOWEST_IMPORT_BYTES_PER_SECOND = 10 << 20
#: No image is larger (the agents' own limit).
LARGEST_IMAGE_BYTES = 2 << 40
#: A guest is asked to shut down for this long.
SHUTDOWN_PATIENCE = timedelta(seconds=90)


def import_takes(size_bytes: int) -> timedelta:
    """Return the time that importing a file of this size may take."""
    return IMPORT_DEADLINE + timedelta(seconds=size_bytes / SLOWEST_IMPORT_BYTES_PER_SECOND)


def _must_be_off(vm: Any) -> Text | None:
    if vm.is_on and vm.pause_reason:
        return _("The VM is paused. Restart it, or power it off first.")
    return _("It is running.") if vm.is_on else None


def _must_be_on(vm: Any) -> Text | None:
    return None if vm.is_on else _("It is stopped.")


def _must_run(vm: Any) -> Text | None:
    if vm.is_on and vm.pause_reason:
        return _("The VM is paused and its guest cannot respond. Restart or power off the VM.")
    return _must_be_on(vm)


def _must_be_resumable(vm: Any) -> Text | None:
    return None if vm.is_on and vm.is_resumable else _("The VM is not paused.")


def _must_be_on_or_busy(vm: Any) -> Text | None:
    return None if vm.is_on or open_operation(vm) else _("It is stopped.")


def _needs_a_host(vm: Any) -> Text | None:
    return None if vm.host_id else _("It has no host.")


def _want_what_is_seen(vm_id: UUID) -> None:
    """Cancelled: the power that was asked for is wanted no more."""
    Vm.objects.filter(pk=vm_id).update(power=F("power_seen"))


VM_CREATE = declare(
    Verb(
        "vm.create",
        _("Create VM"),
        _("Creating"),
        permission="manage",
        on_resource=False,
        # It sets what runs at the first boot and which keys log in.
        inside=True,
        retried_by="retry",
        icon="plus",
    )
)
VM_START = declare(
    Verb(
        "vm.start",
        _("Start"),
        _("Starting"),
        obstacle=_must_be_off,
        taken_back=_want_what_is_seen,
        icon="player-play",
    )
)
VM_SHUT_DOWN = declare(
    Verb("vm.shut_down", _("Shut down"), _("Shutting down"), obstacle=_must_run, icon="player-stop")
)
VM_RESTART = declare(
    Verb(
        "vm.restart",
        _("Restart"),
        _("Restarting"),
        obstacle=_must_be_on,
        taken_back=_want_what_is_seen,
        icon="refresh",
    )
)
VM_POWER_OFF = declare(
    Verb(
        "vm.power_off",
        _("Power off"),
        _("Powering off"),
        # Also while it is being made, or when that failed half-way: the guest may be running all the same.
        states=ANY_STATE,
        obstacle=_must_be_on_or_busy,
        taken_back=_want_what_is_seen,
        supersedes=True,
        destructive=True,
        icon="power",
    )
)
# The platform asks for these two by itself (`observation.py`).
VM_RESUME = declare(
    Verb(
        "vm.resume",
        _("Resume"),
        _("Resuming"),
        permission="admin",
        obstacle=_must_be_resumable,
        icon="player-play",
    )
)
VM_FINISH_FIRST_BOOT = declare(
    Verb(
        "vm.finish_first_boot",
        _("Remove first-boot data"),
        _("Removing first-boot data"),
        permission="admin",
        cancel=Cancel.NEVER,
    )
)
VM_RENAME = declare(
    Verb(
        "vm.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )
)
VM_RETRY = declare(
    Verb(
        "vm.retry",
        _("Try again"),
        _("Creating"),
        permission="manage",
        states=frozenset({State.ERROR}),
        icon="rotate-clockwise-2",
    )
)
VM_DELETE = declare(
    Verb(
        "vm.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        supersedes=True,
        rank=1,
        destructive=True,
        taken_back=_want_what_is_seen,
        icon="trash",
    )
)

IMAGE_IMPORT = declare(
    Verb(
        "image.import",
        _("Import image"),
        _("Importing"),
        permission="admin",
        on_resource=False,
        deadline=IMPORT_DEADLINE,
        retried_by="retry",
        icon="upload",
    )
)
IMAGE_RETRY = declare(
    Verb(
        "image.retry",
        _("Try again"),
        _("Importing"),
        permission="admin",
        states=frozenset({State.ERROR}),
        deadline=IMPORT_DEADLINE,
        icon="rotate-clockwise-2",
    )
)
IMAGE_RENAME = declare(
    Verb(
        "image.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )
)
IMAGE_DELETE = declare(
    Verb(
        "image.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        supersedes=True,
        rank=1,
        cancel=Cancel.BEFORE,
        destructive=True,
        icon="trash",
    )
)

KEY_PAIR_CREATE = declare(
    Verb(
        "key_pair.create",
        _("Create key pair"),
        _("Creating"),
        permission="manage",
        on_resource=False,
        while_acting=False,
        inside=True,
        icon="plus",
    )
)
KEY_PAIR_RENAME = declare(
    Verb(
        "key_pair.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )
)
KEY_PAIR_DELETE = declare(
    Verb(
        "key_pair.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        destructive=True,
        icon="trash",
    )
)

INSTANCE_TYPE_CREATE = declare(
    Verb(
        "instance_type.create",
        _("Create instance type"),
        _("Creating"),
        permission="admin",
        on_resource=False,
    )
)
INSTANCE_TYPE_DELETE = declare(
    Verb("instance_type.delete", _("Delete"), _("Deleting"), permission="admin", on_resource=False)
)

VM_RESYNC = declare(resync("vm"))
VM_ROLL_BACK = declare(
    Verb(
        "vm.roll_back",
        _("Roll back"),
        _("Rolling back"),
        permission="admin",
        states=frozenset({State.READY}),
        obstacle=_needs_a_host,
        icon="rotate-clockwise-2",
    )
)
VM_FORCE_CLEAN = declare(force_clean("vm"))
IMAGE_FORCE_CLEAN = declare(force_clean("image"))
# Written by the platform when it puts a count right.
HOST_RECOUNT = declare(
    Verb("host.recount", _("Recount promised room"), _("Recounting"), permission="admin", on_resource=False)
)
