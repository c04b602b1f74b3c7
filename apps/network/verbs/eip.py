"""What can be done to EIPs. What changes a carrier takes turns with its other operations."""

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

#: A guest that configures addresses is given this long.
CARRIER_DEADLINE = timedelta(minutes=3)


def _must_be_unbound(eip: Any) -> Text | None:
    return _("Unbind the EIP first.") if eip.carrier_id else None


def _must_be_bound(eip: Any) -> Text | None:
    # One that has not left its former carrier yet is unbound again, which finishes it.
    return None if eip.carrier_id or eip.leaving else _("The EIP is not bound.")


def _may_be_egress(eip: Any) -> Text | None:
    if not eip.carrier_id:
        return _("The EIP is not bound.")
    # One that failed is finished by the same request.
    if eip.is_egress and not eip.error:
        return _("The EIP is already the default egress.")
    if not eip.segment.has_default_route:
        return _("Its segment has no default route.")
    return None


EIP_CREATE = declare(create_verb("eip", _("Create EIP")))
EIP_RETRY = declare(retry_verb("eip"))
EIP_BIND = declare(
    Verb(
        "eip.bind",
        _("Bind"),
        _("Binding"),
        permission="manage",
        takes_turns=True,
        cancel=Cancel.NEVER,
        deadline=CARRIER_DEADLINE,
        icon="paperclip",
        status=Status.BINDING,
    )
)
EIP_UNBIND = declare(
    Verb(
        "eip.unbind",
        _("Unbind"),
        _("Unbinding"),
        permission="manage",
        takes_turns=True,
        obstacle=_must_be_bound,
        cancel=Cancel.NEVER,
        deadline=CARRIER_DEADLINE,
        icon="player-eject",
        status=Status.UNBINDING,
    )
)
EIP_SET_BANDWIDTH = declare(
    Verb(
        "eip.set_bandwidth",
        _("Set bandwidth"),
        _("Setting bandwidth"),
        permission="manage",
        takes_turns=True,
        cancel=Cancel.NEVER,
        deadline=CARRIER_DEADLINE,
        icon="scale",
    )
)
EIP_PICK_EGRESS = declare(
    Verb(
        "eip.pick_egress",
        _("Make default egress"),
        _("Changing default egress"),
        permission="manage",
        takes_turns=True,
        obstacle=_may_be_egress,
        cancel=Cancel.NEVER,
        deadline=CARRIER_DEADLINE,
        icon="transfer",
    )
)
EIP_RENAME = declare(rename_verb("eip"))
EIP_DELETE = declare(
    delete_verb(
        "eip",
        label=_("Release"),
        doing=_("Releasing"),
        obstacle=_must_be_unbound,
        firm=True,
        status=Status.RELEASING,
    )
)
# Of several on one VM all are accepted, as when the routes of their segment change.
EIP_RESYNC = declare(replace(resync_verb("eip"), takes_turns=True))
EIP_FORCE_CLEAN = declare(force_clean_verb("eip"))
