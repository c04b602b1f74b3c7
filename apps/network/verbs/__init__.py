"""What can be done to networks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import State
from apps.lifecycle.modules import load_modules
from apps.lifecycle.standard_verbs import (
    create_verb,
    delete_verb,
    force_clean_verb,
    rename_verb,
    resync_verb,
    retry_verb,
)
from apps.lifecycle.verbs import Cancel, Text, Verb, declare


def _must_have_failed(resource: Any) -> Text | None:
    return None if resource.error or resource.state == State.ERROR else _("No failed task to retry.")


VPC_CREATE = declare(create_verb("vpc", _("Create VPC")))
VPC_RETRY = declare(retry_verb("vpc"))
VPC_RENAME = declare(rename_verb("vpc"))
VPC_DELETE = declare(delete_verb("vpc"))

DEFAULT_NETWORK_CREATE = declare(
    Verb(
        "project.default_network",
        _("Create default network"),
        _("Creating default network"),
        permission="manage",
        on_resource=False,
        icon="network",
    )
)

SUBNET_CREATE = declare(create_verb("subnet", _("Create subnet")))


def _must_lack_ipv6(subnet: Any) -> Text | None:
    return _("The subnet already has an IPv6 prefix.") if subnet.cidr6 else None


# An IPv6 prefix that could not be applied is applied by trying again, too.
SUBNET_RETRY = declare(
    retry_verb("subnet", states=frozenset({State.READY, State.ERROR}), obstacle=_must_have_failed)
)
SUBNET_ADD_IPV6 = declare(
    Verb(
        "subnet.add_ipv6",
        _("Add IPv6"),
        _("Adding IPv6"),
        permission="manage",
        obstacle=_must_lack_ipv6,
        cancel=Cancel.NEVER,
        retried_by="retry",
        deadline=timedelta(minutes=2),
        icon="sitemap",
    )
)
SUBNET_RENAME = declare(rename_verb("subnet"))
SUBNET_DELETE = declare(delete_verb("subnet"))

SECURITY_GROUP_CREATE = declare(create_verb("security_group", _("Create security group")))
SECURITY_GROUP_SET_RULES = declare(
    Verb(
        "security_group.set_rules",
        _("Edit rules"),
        _("Applying rules"),
        permission="manage",
        # Applying rules makes the group too, so it also repairs one whose creation failed.
        states=frozenset({State.READY, State.ERROR}),
        cancel=Cancel.NEVER,
        retried_by="retry",
        icon="list-details",
    )
)
# Rules that were changed but could not be applied are applied by trying again, too.
SECURITY_GROUP_RETRY = declare(
    retry_verb("security_group", states=frozenset({State.READY, State.ERROR}), obstacle=_must_have_failed)
)
SECURITY_GROUP_RENAME = declare(rename_verb("security_group"))
SECURITY_GROUP_DELETE = declare(delete_verb("security_group"))


def _must_have_a_nic(vm: Any) -> Text | None:
    # Rows of lists bring their NICs in `shown_nics`: asking the database here would cost a query a row.
    nics = vm.shown_nics if hasattr(vm, "shown_nics") else vm.nics.all()
    return None if nics else _("The VM has no NIC.")


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

VM_SET_NIC_BANDWIDTH = declare(
    Verb(
        "vm.set_nic_bandwidth",
        _("Set NIC bandwidth"),
        _("Setting NIC bandwidth"),
        permission="manage",
        obstacle=_must_have_a_nic,
        cancel=Cancel.NEVER,
        deadline=timedelta(minutes=2),
        icon="scale",
    )
)


def _must_lack_an_ipv6_address(vm: Any) -> Text | None:
    nics = vm.shown_nics if hasattr(vm, "shown_nics") else vm.nics.select_related("subnet")
    nic = next((nic for nic in nics if nic.role == "internal"), None)
    if nic is None:
        return _("The VM has no NIC.")
    # One whose guest or port could not be configured has its address in the row: it is done again.
    if nic.ip6 and vm.error.get("verb") != "vm.add_ipv6":
        return _("The VM already has an IPv6 address.")
    return None if nic.subnet.cidr6 else _("The subnet has no IPv6 prefix. Add one to the subnet first.")


VM_ADD_IPV6 = declare(
    Verb(
        "vm.add_ipv6",
        _("Add IPv6"),
        _("Adding IPv6"),
        permission="manage",
        obstacle=_must_lack_an_ipv6_address,
        cancel=Cancel.NEVER,
        deadline=timedelta(minutes=2),
        icon="sitemap",
    )
)

#: What changes the ports of a VM, and nothing in its definition.
PORTS_ONLY = (VM_SET_SECURITY_GROUP.name, VM_SET_NIC_BANDWIDTH.name, VM_ADD_IPV6.name)

NETWORK_SET_RANGES = declare(
    Verb(
        "network.set_ranges",
        _("Set allowed VPC CIDR blocks"),
        _("Setting"),
        permission="admin",
        on_resource=False,
    )
)

VPC_RESYNC = declare(resync_verb("vpc"))
VPC_FORCE_CLEAN = declare(force_clean_verb("vpc"))
SUBNET_RESYNC = declare(resync_verb("subnet"))
SUBNET_FORCE_CLEAN = declare(force_clean_verb("subnet"))
SECURITY_GROUP_RESYNC = declare(resync_verb("security_group"))
SECURITY_GROUP_FORCE_CLEAN = declare(force_clean_verb("security_group"))
# Written by the platform when it puts a count right.
SUBNET_RECOUNT = declare(
    Verb(
        "subnet.recount",
        _("Recalculate addresses"),
        _("Recalculating"),
        permission="admin",
        on_resource=False,
    )
)

# A verb that is not above is imported from its own module.
load_modules(__name__)
