"""What can be done to VMs, images and SSH keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.compute.given_up import (
    forget_hot_add,
    forget_password,
    forget_reinstallation,
    forget_resize,
    mark_copy_failed,
    stay_if_never_begun,
)
from apps.compute.models import Vm
from apps.drivers.specs import GuestNetworkReason
from apps.lifecycle.models import State
from apps.lifecycle.models.status import Status
from apps.lifecycle.standard_verbs import (
    create_verb,
    delete_verb,
    force_clean_verb,
    immediate_delete_verb,
    rename_verb,
    resync_verb,
    retry_verb,
)
from apps.lifecycle.verbs import ANY_STATE, Cancel, Text, Verb, declare
from apps.storage.given_up import mark_untaken
from apps.uploads.exports import forget_export

#: Importing copies and checks a whole disk image. Until a host has said how large it is: enough to wait for a host and
#: for a small one. From then on so much more for its size, by the slowest pool that is still of use.
IMPORT_DEADLINE = timedelta(minutes=30)
SLOWEST_IMPORT_BYTES_PER_SECOND = 10 << 20
#: No image is larger (the agents' own limit).
LARGEST_IMAGE_BYTES = 2 << 40
#: What a migration may take beside its time limit, waiting for others of its worker included.
MIGRATION_DEADLINE = timedelta(minutes=30)
#: A guest is asked to shut down for this long.
SHUTDOWN_PATIENCE = timedelta(seconds=90)
#: The agent of a guest is waited for so long: it may be starting.
AGENT_PATIENCE = timedelta(seconds=60)


def import_takes(size_bytes: int) -> timedelta:
    """Return the time that importing a file of this size may take."""
    return IMPORT_DEADLINE + timedelta(seconds=size_bytes / SLOWEST_IMPORT_BYTES_PER_SECOND)


def _must_be_off(vm: Any) -> Text | None:
    if vm.is_on and vm.pause_reason:
        return _("The VM is paused. Restart it, or power it off first.")
    return _("The VM is already running.") if vm.is_on else None


def _must_be_on(vm: Any) -> Text | None:
    return None if vm.is_on else _("The VM is already stopped.")


def _must_run(vm: Any) -> Text | None:
    if vm.is_on and vm.pause_reason:
        return _("The VM is paused and the guest cannot respond. Restart or power off the VM.")
    return _must_be_on(vm)


def _must_have_an_agent(vm: Any) -> Text | None:
    if not vm.is_on:
        return _("Start the VM first.")
    if not vm.pause_reason and vm.guest_network_reason == GuestNetworkReason.NO_AGENT:
        return _(
            "The guest agent is not running. Wait until the guest has started, or install qemu-guest-agent in it."
        )
    return _must_run(vm)


def _must_be_stopped(vm: Any) -> Text | None:
    if vm.is_on:
        return _("Stop the VM first.")
    return _needs_a_host(vm)


def _must_be_resumable(vm: Any) -> Text | None:
    return None if vm.is_on and vm.is_resumable else _("The VM is not paused.")


def _must_be_able_to_move(vm: Any) -> Text | None:
    if vm.is_on and vm.pause_reason:
        return _("The VM is paused. Restart it, or power it off first.")
    return _needs_a_host(vm)


def _needs_a_host(vm: Any) -> Text | None:
    return None if vm.host_id else _("The VM has no host.")


def _must_be_settled(vm: Any) -> Text | None:
    if vm.is_on and vm.resize_unsettled:
        return _("The last hot add did not finish. Retry it, or restart the VM.")
    return _needs_a_host(vm)


def _must_be_growable(vm: Any) -> Text | None:
    if not vm.is_on:
        return _("The VM is stopped. Resize it instead.")
    if not vm.hot_vcpu:
        return _("The VM was started without hot-add support. Prepare a resize and restart the VM.")
    return _must_run(vm)


def _must_be_prepared(vm: Any) -> Text | None:
    if vm.resize_vcpu is None:
        return _("No resize is prepared.")
    if vm.is_on and vm.resize_unsettled:
        return _("The VM may already use part of the new size. Restart the VM.")
    return None


def _must_be_own(image: Any) -> Text | None:
    return _("The image is a base image already.") if image.is_base else None


def _host_must_be_off(vm: Any) -> Text | None:
    if vm.host is None:
        return _("The VM has no host.")
    return None if vm.host.failure == "off" else _("The VM’s host is not known to be off.")


def _must_have_copies(image: Any) -> Text | None:
    return None if image.has_copies else _("The image has no copies in other storage clusters.")


def _want_what_is_seen(vm_id: UUID) -> None:
    """Cancelled: the power that was requested is wanted no more."""
    Vm.objects.filter(pk=vm_id).update(power=F("power_seen"))


# It sets what runs at the first boot and which keys log in.
VM_CREATE = declare(create_verb("vm", _("Create VM"), inside=True))
VM_START = declare(
    Verb(
        "vm.start",
        _("Start"),
        _("Starting"),
        obstacle=_must_be_off,
        taken_back=_want_what_is_seen,
        icon="player-play",
        status=Status.STARTING,
    )
)
VM_SHUT_DOWN = declare(
    Verb(
        "vm.shut_down",
        _("Shut down"),
        _("Shutting down"),
        obstacle=_must_run,
        icon="player-stop",
        status=Status.SHUTTING_DOWN,
    )
)
VM_RESTART = declare(
    Verb(
        "vm.restart",
        _("Restart"),
        _("Restarting"),
        obstacle=_must_be_on,
        taken_back=_want_what_is_seen,
        icon="refresh",
        status=Status.RESTARTING,
    )
)
VM_POWER_OFF = declare(
    Verb(
        "vm.power_off",
        _("Power off"),
        _("Powering off"),
        # Also while it is being made, or when that failed half-way: the guest may be running all the same.
        states=ANY_STATE,
        obstacle=_must_be_on,
        taken_back=_want_what_is_seen,
        supersedes=True,
        destructive=True,
        icon="power",
        status=Status.POWERING_OFF,
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
        icon="player-track-next",
        status=Status.RESUMING,
    )
)
VM_FINISH_FIRST_BOOT = declare(
    Verb(
        "vm.finish_first_boot",
        _("Remove cloud-init data"),
        _("Removing cloud-init data"),
        permission="admin",
        cancel=Cancel.NEVER,
    )
)
VM_RESET_PASSWORD = declare(
    Verb(
        "vm.reset_password",
        _("Reset password"),
        _("Resetting password"),
        permission="manage",
        obstacle=_must_have_an_agent,
        inside=True,
        deadline=timedelta(minutes=3),
        abandoned=forget_password,
        icon="password",
        repeatable=False,
    )
)
# Like a creation, it sets what runs at the first boot and which keys log in.
VM_REINSTALL = declare(
    Verb(
        "vm.reinstall",
        _("Reinstall"),
        _("Reinstalling"),
        permission="manage",
        obstacle=_must_be_stopped,
        destructive=True,
        inside=True,
        abandoned=forget_reinstallation,
        icon="reload",
        status=Status.REINSTALLING,
        repeatable=False,
    )
)
VM_MIGRATE = declare(
    Verb(
        "vm.migrate",
        _("Migrate"),
        _("Migrating"),
        permission="admin",
        obstacle=_must_be_able_to_move,
        # Until the migration begins, and to settle where the VM is after it; the time limit is added in between.
        deadline=MIGRATION_DEADLINE,
        abandoned=stay_if_never_begun,
        icon="arrows-move",
        status=Status.MIGRATING,
    )
)
# The platform asks for it when the host of a VM is certainly off (`recovery.py`). What was under way there is void.
VM_RECOVER = declare(
    Verb(
        "vm.recover",
        _("Recover on another host"),
        _("Recovering"),
        permission="admin",
        # Also while it is being created: it is created elsewhere.
        states=frozenset({State.PENDING, State.READY, State.ERROR}),
        obstacle=_host_must_be_off,
        firm=True,
        supersedes=True,
        supersedes_itself=True,  # the host to which it was on its way died, too
        cancel=Cancel.NEVER,
        deadline=timedelta(minutes=15),
        icon="arrows-shuffle",
        status=Status.RECOVERING,
    )
)
VM_SET_HA_PRIORITY = declare(
    Verb(
        "vm.set_ha_priority",
        _("Set HA priority"),
        _("Setting HA priority"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="shield-check",
    )
)
VM_RENAME = declare(rename_verb("vm"))
# Of a VM that runs it prepares what the next restart does.
VM_RESIZE = declare(
    Verb(
        "vm.resize",
        pgettext_lazy("a VM", "Resize"),
        _("Resizing"),
        permission="manage",
        obstacle=_must_be_settled,
        abandoned=forget_resize,
        icon="adjustments-horizontal",
        status=Status.RESIZING,
    )
)
VM_HOT_ADD = declare(
    Verb(
        "vm.hot_add",
        _("Hot add CPU and memory"),
        _("Resizing"),
        permission="manage",
        obstacle=_must_be_growable,
        abandoned=forget_hot_add,
        icon="cpu-2",
        status=Status.RESIZING,
    )
)
VM_DISCARD_RESIZE = declare(
    Verb(
        "vm.discard_resize",
        _("Discard prepared resize"),
        _("Discarding"),
        permission="manage",
        obstacle=_must_be_prepared,
        icon="minus",
    )
)
VM_RETRY = declare(retry_verb("vm"))
VM_DELETE = declare(delete_verb("vm", cancel=Cancel.ANY_TIME, taken_back=_want_what_is_seen))

# Of all its disks at one instant, which is a matter of the VM.
VM_SNAPSHOT_DISKS = declare(
    Verb(
        "vm.snapshot_disks",
        _("Snapshot all disks"),
        _("Creating snapshots"),
        permission="manage",
        creates=True,
        abandoned=mark_untaken,
        icon="camera",
    )
)

# The operation is that of the new image.
VM_CREATE_IMAGE = declare(
    Verb(
        "vm.create_image",
        _("Create image"),
        _("Creating image"),
        permission="manage",
        creates=True,
        icon="disc",
    )
)

IMAGE_IMPORT = declare(
    Verb(
        "image.import",
        _("Import image"),
        _("Importing"),
        permission="manage",
        on_resource=False,
        deadline=IMPORT_DEADLINE,
        retried_by="retry",
        icon="upload",
        status=Status.IMPORTING,
    )
)
IMAGE_CAPTURE = declare(
    create_verb("image", _("Create image from a VM"), name="image.capture", deadline=IMPORT_DEADLINE)
)
IMAGE_RETRY = declare(retry_verb("image", deadline=IMPORT_DEADLINE))
# Its operation is that of the new image; the tenant's own stays.
IMAGE_COPY_TO_BASE = declare(
    Verb(
        "image.copy_to_base",
        _("Copy to base image"),
        _("Creating"),
        permission="admin",
        creates=True,
        obstacle=_must_be_own,
        deadline=IMPORT_DEADLINE,
        retried_by="retry",
        icon="clipboard",
        status=Status.CREATING,
    )
)
IMAGE_RENAME = declare(rename_verb("image"))
IMAGE_EDIT_TRAITS = declare(
    Verb(
        "image.edit_traits",
        _("Edit traits"),
        _("Changing"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="tag",
    )
)
# In further storage clusters. VMs are created from the image meanwhile, and it can be copied to several at a time.
IMAGE_COPY = declare(
    Verb(
        "image.copy",
        _("Copy to storage cluster"),
        _("Copying"),
        permission="manage",
        exclusive=False,
        deadline=IMPORT_DEADLINE,
        abandoned=mark_copy_failed,
        icon="versions",
    )
)
IMAGE_DELETE_COPY = declare(
    Verb(
        "image.delete_copy",
        _("Delete copy"),
        _("Deleting"),
        permission="manage",
        exclusive=False,
        destructive=True,
        obstacle=_must_have_copies,
        cancel=Cancel.BEFORE,
        abandoned=mark_copy_failed,
        icon="trash",
    )
)
# For administrators to download. VMs are created from the image meanwhile.
IMAGE_EXPORT = declare(
    Verb(
        "image.export",
        _("Prepare download"),
        _("Preparing download"),
        permission="admin",
        exclusive=False,
        deadline=IMPORT_DEADLINE,
        abandoned=forget_export,
        icon="download",
    )
)
# No operation: a link to what was prepared.
IMAGE_DOWNLOAD = declare(
    Verb(
        "image.download",
        _("Create download link"),
        _("Downloading"),
        permission="admin",
        exclusive=False,
        icon="link",
    )
)
IMAGE_DELETE = declare(delete_verb("image"))

KEY_PAIR_CREATE = declare(
    create_verb("key_pair", _("Add SSH key"), retried_by="", while_acting=False, inside=True)
)
KEY_PAIR_RENAME = declare(rename_verb("key_pair"))
KEY_PAIR_DELETE = declare(immediate_delete_verb("key_pair"))

VM_SAVE_TEMPLATE = declare(
    Verb(
        "vm.save_template",
        _("Save as template"),
        _("Saving"),
        permission="manage",
        exclusive=False,
        creates=True,
        icon="template",
    )
)
VM_TEMPLATE_CREATE = declare(create_verb("vm_template", _("Create VM template"), retried_by=""))
VM_TEMPLATE_SAVE_VERSION = declare(
    Verb(
        "vm_template.save_version",
        _("Save new version"),
        _("Saving"),
        permission="manage",
        icon="square-check",
    )
)
VM_TEMPLATE_RENAME = declare(rename_verb("vm_template"))
VM_TEMPLATE_DELETE = declare(immediate_delete_verb("vm_template"))

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

VM_RESYNC = declare(resync_verb("vm"))
VM_ROLL_BACK = declare(
    Verb(
        "vm.roll_back",
        _("Roll back"),
        _("Rolling back"),
        permission="admin",
        states=frozenset({State.READY}),
        obstacle=_needs_a_host,
        icon="arrow-back-up",
    )
)
VM_FORCE_CLEAN = declare(force_clean_verb("vm"))
IMAGE_FORCE_CLEAN = declare(force_clean_verb("image"))
# Written by the platform when it puts a count right.
HOST_RECOUNT = declare(
    Verb(
        "host.recount",
        _("Recalculate reservations"),
        _("Recalculating"),
        permission="admin",
        on_resource=False,
    )
)
