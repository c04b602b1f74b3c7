"""The form of the overload rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.balancing.services.rules import BOUNDS, FIELDS, rules_of
from apps.portal.forms import RowForm


def _number(name: str, label: Any, help_text: Any = "") -> forms.IntegerField:
    least, most = BOUNDS[name]
    return forms.IntegerField(label=label, min_value=least, max_value=most, help_text=help_text)


class RulesForm(RowForm):
    """When VMs are moved off the hosts of a cluster, and how often."""

    enabled = forms.BooleanField(
        label=_("Move VMs off overloaded hosts"),
        required=False,
        help_text=_("By live migration, to hosts that stay below their thresholds."),
    )
    cpu_percent = _number("cpu_percent", _("CPU threshold (%)"))
    memory_percent = _number("memory_percent", _("Memory threshold (%)"))
    minutes = _number("minutes", _("Duration (minutes)"), _("The host must be above a threshold this long."))
    margin = _number(
        "margin",
        _("Margin (percentage points)"),
        _("A target stays this far below its own thresholds."),
    )
    moves_per_hour = _number("moves_per_hour", _("Most moves per hour"))
    pause_minutes = _number(
        "pause_minutes", _("Pause (minutes)"), _("A VM is not moved again for this long.")
    )

    def prepare(self) -> None:
        """Fill in the rules there are."""
        if self.row is not None:
            rules = rules_of(self.row)
            self.initial = {**{name: getattr(rules, name) for name in FIELDS}, **self.initial}
