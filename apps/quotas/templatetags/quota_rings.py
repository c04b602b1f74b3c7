"""Quotas as rings on their own page: {% load quota_rings %}, {% quota_ring use %}."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from apps.quotas.selectors import Use

register = template.Library()

#: From these percents on a ring is coloured as a warning, and as what stops new ones.
WARN, FULL = 80, 100


@register.inclusion_tag("quotas/ring.html")
def quota_ring(use: Use) -> dict[str, Any]:
    """Draw use against limit, with the figures beside it and a link to what uses it."""
    return shown(use)


def shown(use: Use) -> dict[str, Any]:
    """Return what is said of a quota, as a ring or as a meter."""
    return {
        "use": use,
        "tone": _tone(use),
        "url": _list_of(use.metric.list),
        "figures": _figures(use),
        "left": _left(use),
    }


def _tone(use: Use) -> str:
    if use.unlimited:
        return "none"
    return "error" if use.percent >= FULL else "warn" if use.percent >= WARN else "ok"


def _figures(use: Use) -> str:
    if use.unlimited:
        return _("%(used)s used") % {"used": _amount(use, use.used)}
    return _("%(used)s of %(limit)s") % {"used": intcomma(use.used), "limit": _amount(use, use.limit)}


def _left(use: Use) -> str:
    if use.unlimited:
        return _("no limit")
    if use.over:
        return _("%(amount)s over the limit") % {"amount": _amount(use, use.used - use.limit)}
    return _("%(amount)s left") % {"amount": _amount(use, use.left)} if use.left else _("none left")


def _amount(use: Use, number: int) -> str:
    return f"{intcomma(number)} {use.metric.unit}".rstrip()


def _list_of(kind: str) -> str:
    try:
        return reverse(f"portal:{kind}.list") if kind else ""
    except NoReverseMatch:
        return ""
