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
    DOUBLED,
    GENERATION,
    MISPLACED,
    PARTIAL,
    POWER,
    PROTECTION,
    RESTS,
    RUNS,
    SIZE,
)

#: Of all kinds alike; kinds declare those of `stale` and `orphan`.
TEXTS = {
    PARTIAL: _("%(place)s has unfinished files of it that nobody writes to."),
    GENERATION: _("At %(place)s it is of generation %(found)s, wanted is %(wanted)s."),
    AHEAD: _("At %(place)s it is of generation %(found)s, the row knows only %(wanted)s."),
    RUNS: _("It is to be off, and runs on host %(place)s."),
    RESTS: _("It is to run, and is off on host %(place)s."),
    MISPLACED: _("It is on host %(place)s; its row says %(wanted)s, which has it not."),
    DOUBLED: _("It is defined on host %(place)s as well as on its own, %(wanted)s."),
    PROTECTION: _("The network of %(place)s lacks its limits or always-on rules."),
    SIZE: _("Its volume has %(found)s GiB, wanted are %(wanted)s GiB."),
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
