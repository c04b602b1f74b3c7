"""What can be done to networks. Making, retrying, renaming and deleting are alike for all their kinds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import State
from apps.lifecycle.verbs import ANY_STATE, Cancel, Text, Verb, declare
from apps.reconciliation.verbs import force_clean, resync


def _create(kind: str, label: Text) -> Verb:
    return Verb(
        f"{kind}.create",
        label,
        _("Creating"),
        permission="manage",
        icon="plus",
        on_resource=False,
        retried_by="retry",
    )


def _retry(kind: str) -> Verb:
    return Verb(
        f"{kind}.retry",
        _("Try again"),
        _("Creating"),
        permission="manage",
        states=frozenset({State.ERROR}),
        icon="rotate-clockwise-2",
    )


def _rename(kind: str) -> Verb:
    return Verb(
        f"{kind}.rename",
        _("Rename"),
        _("Renaming"),
        permission="manage",
        states=ANY_STATE,
        exclusive=False,
        icon="pencil",
    )


def _delete(kind: str) -> Verb:
    return Verb(
        f"{kind}.delete",
        _("Delete"),
        _("Deleting"),
        permission="manage",
        states=ANY_STATE,
        destructive=True,
        supersedes=True,
        rank=1,
        cancel=Cancel.BEFORE,
        icon="trash",
    )


def _must_have_failed(resource: Any) -> Text | None:
    return None if resource.error or resource.state == State.ERROR else _("Nothing about it has failed.")


VPC_CREATE = declare(_create("vpc", _("Create VPC")))
VPC_RETRY = declare(_retry("vpc"))
VPC_RENAME = declare(_rename("vpc"))
VPC_DELETE = declare(_delete("vpc"))

SUBNET_CREATE = declare(_create("subnet", _("Create subnet")))
SUBNET_RETRY = declare(_retry("subnet"))
SUBNET_RENAME = declare(_rename("subnet"))
SUBNET_DELETE = declare(_delete("subnet"))

SECURITY_GROUP_CREATE = declare(_create("security_group", _("Create security group")))
SECURITY_GROUP_SET_RULES = declare(
    Verb(
        "security_group.set_rules",
        _("Edit rules"),
        _("Applying rules"),
        permission="manage",
        # Applying rules makes the group too, so it also mends one whose creation failed.
        states=frozenset({State.READY, State.ERROR}),
        cancel=Cancel.NEVER,
        retried_by="retry",
        icon="list-check",
    )
)
# Rules that were changed but could not be applied are applied by trying again, too.
SECURITY_GROUP_RETRY = declare(
    replace(
        _retry("security_group"), states=frozenset({State.READY, State.ERROR}), obstacle=_must_have_failed
    )
)
SECURITY_GROUP_RENAME = declare(_rename("security_group"))
SECURITY_GROUP_DELETE = declare(_delete("security_group"))


def _must_have_a_nic(vm: Any) -> Text | None:
    # Rows of lists bring their NICs in `shown_nics`: asking the database here would cost a query a row.
    nics = vm.shown_nics if hasattr(vm, "shown_nics") else vm.nics.all()
    return None if nics else _("It has no network interface.")


# A NIC lives and dies with its VM, so what changes it is a verb of the VM and takes turns with its other operations.
VM_SET_SECURITY_GROUP = declare(
    Verb(
        "vm.set_security_group",
        _("Change security group"),
        _("Changing security group"),
        permission="manage",
        obstacle=_must_have_a_nic,
        cancel=Cancel.NEVER,
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

VPC_RESYNC = declare(resync("vpc"))
VPC_FORCE_CLEAN = declare(force_clean("vpc"))
SUBNET_RESYNC = declare(resync("subnet"))
SUBNET_FORCE_CLEAN = declare(force_clean("subnet"))
SECURITY_GROUP_RESYNC = declare(resync("security_group"))
SECURITY_GROUP_FORCE_CLEAN = declare(force_clean("security_group"))
# Written by the platform when it puts a count right.
SUBNET_RECOUNT = declare(
    Verb("subnet.recount", _("Recount addresses"), _("Recounting"), permission="admin", on_resource=False)
)
