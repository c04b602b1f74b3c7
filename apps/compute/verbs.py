"""What can be done to VMs, images and key pairs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import State
from apps.lifecycle.verbs import ANY_STATE, Text, Verb, declare

#: Importing copies and checks a whole disk image.
IMPORT_DEADLINE = timedelta(hours=2)
#: A guest is asked to shut down for this long.
SHUTDOWN_PATIENCE = timedelta(seconds=90)


def _must_be_off(vm: Any) -> Text | None:
    return _("It is running.") if vm.is_on else None


def _must_be_on(vm: Any) -> Text | None:
    return None if vm.is_on else _("It is stopped.")


def _must_be_on_or_busy(vm: Any) -> Text | None:
    return None if vm.is_on or open_operation(vm) else _("It is stopped.")


VM_CREATE = declare(
    Verb("vm.create", _("Create VM"), _("Creating"), permission="manage", on_resource=False, icon="plus")
)
VM_START = declare(Verb("vm.start", _("Start"), _("Starting"), obstacle=_must_be_off, icon="player-play"))
VM_SHUT_DOWN = declare(
    Verb("vm.shut_down", _("Shut down"), _("Shutting down"), obstacle=_must_be_on, icon="player-stop")
)
VM_RESTART = declare(Verb("vm.restart", _("Restart"), _("Restarting"), obstacle=_must_be_on, icon="refresh"))
VM_POWER_OFF = declare(
    Verb(
        "vm.power_off",
        _("Power off"),
        _("Powering off"),
        obstacle=_must_be_on_or_busy,
        supersedes=True,
        destructive=True,
        icon="power",
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
        destructive=True,
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
        in_person=True,
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
