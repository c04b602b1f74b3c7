"""What can be done to disks and snapshots."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models.status import Status
from apps.lifecycle.standard_verbs import (
    create_verb,
    delete_verb,
    force_clean_verb,
    rename_verb,
    resync_verb,
    retry_verb,
)
from apps.lifecycle.verbs import Cancel, Text, Verb, declare
from apps.storage.given_up import forget_expand, mark_untaken

#: A copy is given this long until its size is known; from then on so much more for its size, by the slowest pool that
#: is still of use.
COPY_DEADLINE = timedelta(minutes=30)
SLOWEST_COPY_BYTES_PER_SECOND = 10 << 20
#: A guest is given this long to release a disk.
RELEASE_PATIENCE = timedelta(seconds=60)
#: What waits for a guest.
GUEST_DEADLINE = timedelta(minutes=3)
GIB = 1 << 30


def copy_takes(size_gib: int) -> timedelta:
    """Return the time that copying a disk of this size may take."""
    return COPY_DEADLINE + timedelta(seconds=size_gib * GIB / SLOWEST_COPY_BYTES_PER_SECOND)


def _must_be_data(disk: Any) -> Text | None:
    return _("The system disk belongs to its VM.") if disk.is_system else None


def _must_be_free(disk: Any) -> Text | None:
    if disk.is_system and not disk.standby:
        return _("The system disk is deleted with its VM.")
    return _("Detach the disk first.") if disk.vm_id else None


def _may_attach(disk: Any) -> Text | None:
    if disk.is_system or not disk.vm_id:
        return _must_be_data(disk)
    # An attach that failed is finished by the same request.
    return None if disk.error else _("The disk is already attached.")


def _must_be_attached(disk: Any) -> Text | None:
    return _must_be_data(disk) or (None if disk.vm_id else _("The disk is not attached."))


def _must_be_at_rest(disk: Any) -> Text | None:
    if disk.vm_id and disk.vm.is_on:
        return _("Stop the VM or detach the disk first.") if not disk.is_system else _("Stop the VM first.")
    return None


def _must_be_copying(disk: Any) -> Text | None:
    return None if disk.is_copying else _("The disk is not being copied.")


DISK_CREATE = declare(create_verb("disk", _("Create disk"), deadline=COPY_DEADLINE))
DISK_RETRY = declare(retry_verb("disk", deadline=COPY_DEADLINE, obstacle=_must_be_data))
DISK_ATTACH = declare(
    Verb(
        "disk.attach",
        _("Attach"),
        _("Attaching"),
        permission="manage",
        takes_turns=True,
        obstacle=_may_attach,
        cancel=Cancel.NEVER,
        deadline=GUEST_DEADLINE,
        icon="paperclip",
        status=Status.ATTACHING,
    )
)
DISK_DETACH = declare(
    Verb(
        "disk.detach",
        _("Detach"),
        _("Detaching"),
        permission="manage",
        takes_turns=True,
        obstacle=_must_be_attached,
        cancel=Cancel.NEVER,
        deadline=GUEST_DEADLINE,
        icon="player-eject",
        status=Status.DETACHING,
    )
)
DISK_FORCE_DETACH = declare(
    Verb(
        "disk.force_detach",
        _("Force detach"),
        _("Detaching"),
        permission="manage",
        takes_turns=True,
        obstacle=_must_be_attached,
        destructive=True,
        cancel=Cancel.NEVER,
        deadline=GUEST_DEADLINE,
        icon="plug-x",
        status=Status.DETACHING,
    )
)
DISK_EXPAND = declare(
    Verb(
        "disk.expand",
        _("Expand"),
        _("Expanding"),
        permission="manage",
        takes_turns=True,
        abandoned=forget_expand,
        icon="arrow-autofit-height",
        status=Status.EXPANDING,
    )
)
DISK_SNAPSHOT = declare(
    Verb(
        "disk.snapshot",
        _("Create snapshot"),
        _("Creating snapshot"),
        permission="manage",
        creates=True,
        icon="camera",
    )
)
DISK_CLONE = declare(
    Verb(
        "disk.clone",
        _("Clone"),
        _("Cloning"),
        permission="manage",
        creates=True,
        deadline=COPY_DEADLINE,
        icon="copy-plus",
    )
)
DISK_ROLL_BACK = declare(
    Verb(
        "disk.roll_back",
        _("Roll back"),
        _("Rolling back"),
        permission="manage",
        obstacle=_must_be_at_rest,
        destructive=True,
        cancel=Cancel.BEFORE,
        abandoned=mark_untaken,
        icon="arrow-back-up",
        status=Status.ROLLING_BACK,
    )
)
DISK_SET_LIMITS = declare(
    Verb(
        "disk.set_limits",
        _("Set limits"),
        _("Setting limits"),
        permission="manage",
        takes_turns=True,
        cancel=Cancel.NEVER,
        deadline=timedelta(minutes=2),
        icon="dashboard",
    )
)
DISK_RENAME = declare(rename_verb("disk"))
DISK_DELETE = declare(delete_verb("disk", obstacle=_must_be_free, firm=True))
# The platform asks for it by itself: it runs beside whatever else is done with the disk.
DISK_FINISH_COPY = declare(
    Verb(
        "disk.finish_copy",
        _("Copy data"),
        _("Copying data"),
        permission="admin",
        exclusive=False,
        obstacle=_must_be_copying,
        cancel=Cancel.NEVER,
        deadline=COPY_DEADLINE,
        is_task=False,
    )
)
DISK_RESYNC = declare(resync_verb("disk"))
DISK_FORCE_CLEAN = declare(force_clean_verb("disk"))

SNAPSHOT_CREATE = declare(create_verb("snapshot", _("Create snapshot")))
SNAPSHOT_RETRY = declare(retry_verb("snapshot"))
SNAPSHOT_RENAME = declare(rename_verb("snapshot"))
SNAPSHOT_DELETE = declare(delete_verb("snapshot"))
SNAPSHOT_FORCE_CLEAN = declare(force_clean_verb("snapshot"))
