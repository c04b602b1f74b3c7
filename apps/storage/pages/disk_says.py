"""What the dialogs of disks say that an action does, and what is lost by it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.storage.models import Disk


def detaching(disk: Disk) -> list[str]:
    """Say that data is kept, and what to do first."""
    return [
        _("The data on the disk is kept. The VM keeps running."),
        _("Unmount the disk in the guest first. While the guest has it mounted, detaching is refused."),
    ]


def forcing(disk: Disk) -> list[str]:
    """Say what may be lost."""
    return [
        _("The guest is not asked: the disk is removed even if it is mounted."),
        _("Data that the guest has not written yet is lost. The file system may be damaged."),
        _("Use this only if the guest does not release the disk."),
    ]


def expanding(disk: Disk) -> list[str]:
    """Say what the guest sees, and what is left to do in it."""
    return [
        _("The guest sees the new size without a restart."),
        _("Afterwards, grow the partition and the file system in the guest."),
    ]


def cloning(disk: Disk) -> list[str]:
    """Say what the new disk contains."""
    return [_("The new disk contains the data that this disk has now. Later changes are not copied.")]


def taking(disk: Disk) -> list[str]:
    """Say what it means for the guest."""
    return [
        _("The disk can be used while the snapshot is taken."),
        _("With a guest agent, the file systems of a running VM are frozen for a moment."),
    ]


def rolling_back(disk: Disk) -> list[str]:
    """Say what is lost and what is kept."""
    return [
        _("Data written after the snapshot was taken is lost."),
        _("The disk keeps its size of %(size)s GiB and its snapshots.") % {"size": f"{disk.size_gib:,}"},
    ]


def goes(disk: Disk) -> list[str]:
    """Say what is destroyed."""
    values = {"name": disk.name, "size": f"{disk.size_gib:,}"}
    return [_("Disk %(name)s (%(size)s GiB) and all data on it are destroyed.") % values]
