"""What can be done to networks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import State
from apps.lifecycle.verbs import ANY_STATE, Text, Verb, declare


def _must_have_an_internal_nic(vm: Any) -> Text | None:
    return None if vm.nics.all() else _("It has no network interface.")


VPC_CREATE = declare(
    Verb("vpc.create", _("Create VPC"), _("Creating"), permission="manage", icon="plus", on_resource=False)
)
VPC_RENAME = declare(
    Verb(
        "vpc.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )
)
VPC_DELETE = declare(
    Verb(
        "vpc.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        destructive=True,
        supersedes=True,
        icon="trash",
    )
)

SUBNET_CREATE = declare(
    Verb(
        "subnet.create",
        _("Create subnet"),
        _("Creating"),
        permission="manage",
        icon="plus",
        on_resource=False,
    )
)
SUBNET_RENAME = declare(
    Verb(
        "subnet.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )
)
SUBNET_DELETE = declare(
    Verb(
        "subnet.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        destructive=True,
        supersedes=True,
        icon="trash",
    )
)

SECURITY_GROUP_CREATE = declare(
    Verb(
        "security_group.create",
        _("Create security group"),
        _("Creating"),
        permission="manage",
        icon="plus",
        on_resource=False,
    )
)
SECURITY_GROUP_SET_RULES = declare(
    Verb(
        "security_group.set_rules",
        _("Edit rules"),
        _("Applying rules"),
        permission="manage",
        # Applying rules makes the group too, so it also mends one whose creation failed.
        states=frozenset({State.READY, State.ERROR}),
        icon="list-check",
    )
)
SECURITY_GROUP_RENAME = declare(
    Verb(
        "security_group.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )
)
SECURITY_GROUP_DELETE = declare(
    Verb(
        "security_group.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        destructive=True,
        supersedes=True,
        icon="trash",
    )
)

# A NIC lives and dies with its VM, so what changes it is a verb of the VM and takes turns with its other operations.
VM_SET_SECURITY_GROUP = declare(
    Verb(
        "vm.set_security_group",
        _("Change security group"),
        _("Changing security group"),
        permission="manage",
        obstacle=_must_have_an_internal_nic,
        deadline=timedelta(minutes=2),
        icon="shield",
    )
)

NETWORK_SET_RANGES = declare(
    Verb(
        "network.set_ranges",
        _("Set allowed VPC ranges"),
        _("Setting"),
        permission="admin",
        on_resource=False,
    )
)
