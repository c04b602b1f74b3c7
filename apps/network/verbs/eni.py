"""What can be done to elastic NICs. What changes a VM takes turns with its other operations."""

from __future__ import annotations

from dataclasses import replace
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
from apps.network.given_up import forget_move

#: A guest is given this long to release a NIC.
RELEASE_PATIENCE = timedelta(seconds=60)
#: What waits for guests, two of them in a move.
GUEST_DEADLINE = timedelta(minutes=4)
#: What changes the network only.
NETWORK_DEADLINE = timedelta(minutes=2)


def _must_be_unbound(eni: Any) -> Text | None:
    return _("Unbind the elastic NIC first.") if eni.vm_id or eni.next_vm_id else None


def _must_be_bound(eni: Any) -> Text | None:
    return None if eni.vm_id else _("The elastic NIC is not bound.")


ENI_CREATE = declare(create_verb("eni", _("Create elastic NIC")))
ENI_RETRY = declare(retry_verb("eni"))
ENI_BIND = declare(
    Verb(
        "eni.bind",
        _("Bind"),
        _("Binding"),
        permission="manage",
        takes_turns=True,
        cancel=Cancel.NEVER,
        deadline=GUEST_DEADLINE,
        abandoned=forget_move,
        icon="paperclip",
        status=Status.BINDING,
    )
)
ENI_UNBIND = declare(
    Verb(
        "eni.unbind",
        _("Unbind"),
        _("Unbinding"),
        permission="manage",
        takes_turns=True,
        obstacle=_must_be_bound,
        cancel=Cancel.NEVER,
        deadline=GUEST_DEADLINE,
        icon="player-eject",
        status=Status.UNBINDING,
    )
)
ENI_SET_SECURITY_GROUP = declare(
    Verb(
        "eni.set_security_group",
        _("Change security group"),
        _("Changing security group"),
        permission="manage",
        cancel=Cancel.NEVER,
        deadline=NETWORK_DEADLINE,
        icon="shield",
    )
)
ENI_SET_BANDWIDTH = declare(
    Verb(
        "eni.set_bandwidth",
        _("Set bandwidth"),
        _("Setting bandwidth"),
        permission="manage",
        cancel=Cancel.NEVER,
        deadline=NETWORK_DEADLINE,
        icon="scale",
    )
)
ENI_RENAME = declare(rename_verb("eni"))
ENI_DELETE = declare(delete_verb("eni", obstacle=_must_be_unbound, firm=True))
# Of several on one VM all are accepted, as when the routes of their segment change.
ENI_RESYNC = declare(replace(resync_verb("eni"), takes_turns=True))
ENI_FORCE_CLEAN = declare(force_clean_verb("eni"))
