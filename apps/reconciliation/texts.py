"""The sentence of each difference; its values come from what was seen."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_noop as _

from apps.lifecycle.stored_messages import stored_message
from apps.reconciliation.declared import counts, kinds
from apps.reconciliation.difference import Difference
from apps.reconciliation.models import Rule
from apps.reconciliation.rules import (
    AHEAD,
    ATTACHED,
    DETACHED,
    DOUBLED,
    GENERATION,
    GUEST_SIZE,
    LIMITS,
    MISPLACED,
    PARTIAL,
    PLUGGED,
    POWER,
    PROTECTION,
    RESTS,
    RUNS,
    SIZE,
    UNPLUGGED,
)

#: Of all kinds alike; kinds declare those of `stale` and `orphan`.
TEXTS = {
    PARTIAL: _("%(place)s contains its unfinished files, which no process is writing."),
    GENERATION: _("Out of date on %(place)s: generation %(found)s, expected %(wanted)s."),
    AHEAD: _("Too new on %(place)s: generation %(found)s, but the database has %(wanted)s."),
    RUNS: _("Should be stopped, but is running on host %(place)s."),
    RESTS: _("Should be running, but is stopped on host %(place)s."),
    MISPLACED: _("On host %(place)s, but the database says host %(wanted)s, where it does not exist."),
    DOUBLED: _("Defined on host %(place)s and also on its own host, %(wanted)s."),
    PROTECTION: _("The network of %(place)s lacks its limits or default rules."),
    SIZE: _("Its volume is %(found)s GiB, expected %(wanted)s GiB."),
    DETACHED: _("Attached to VM %(vm)s in the database, but not on host %(place)s."),
    ATTACHED: _("Attached to VM %(vm)s on host %(place)s, but not in the database."),
    LIMITS: _("Its limits on host %(place)s are %(found)s, expected %(wanted)s."),
    UNPLUGGED: _("Bound to VM %(vm)s in the database, but not on host %(place)s."),
    PLUGGED: _("Bound to VM %(vm)s on host %(place)s, but not in the database."),
    GUEST_SIZE: _("The size in VM %(vm)s is %(found)s GiB, expected %(wanted)s GiB."),
}


def sentence(difference: Difference) -> dict[str, Any]:
    """Return the sentence as it is kept, see `apps.lifecycle.stored_messages`."""
    return stored_message(_template(difference), {"place": difference.place.name, **difference.values})


def _template(difference: Difference) -> str:
    if difference.rule == Rule.MISCOUNTED:
        return counts()[difference.kind].text
    if difference.aspect == POWER:
        return TEXTS[RUNS if difference.values.get("found") == "on" else RESTS]
    if difference.aspect:
        return TEXTS[difference.aspect]
    kind = kinds()[difference.kind]
    return kind.stale if difference.rule == Rule.STALE else kind.orphan
