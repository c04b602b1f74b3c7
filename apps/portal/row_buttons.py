"""Actions as buttons on a row: each has its place whether it is possible or not, so that none becomes another."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.portal import html
from apps.portal.kinds import Offer

_BUTTON = "btn btn-ghost btn-icon row-button"


def row_button(offer: Offer | None, row: object) -> SafeString:
    """Return the button of an offer; its empty place where this area has no such action."""
    if offer is None:
        return SafeString('<span class="row-button"></span>')
    verb = offer.do.verb
    names = {"label": verb.label, "name": row}
    name = _("%(label)s: %(name)s") % names
    if not offer.judged.allowed:
        return format_html(
            '<button type="button" class="{} cannot" aria-disabled="true" aria-label="{}. {}" '
            'title="{}: {}">{}</button>',
            _BUTTON,
            name,
            offer.judged.reason,
            verb.label,
            offer.judged.reason,
            html.icon(verb.icon),
        )
    if offer.do.opens:
        tab = SafeString(' target="_blank" rel="noopener"' if offer.do.own_tab else "")
        return format_html(
            '<a class="{}" href="{}"{} aria-label="{}" title="{}">{}</a>',
            _BUTTON,
            offer.url,
            tab,
            name,
            verb.label,
            html.icon(verb.icon),
        )
    asks = format_html('hx-get="{}" hx-target="#dialog-content" hx-swap="innerHTML"', offer.url)
    acts = format_html(
        'hx-post="{}" hx-target="#toasts" hx-swap="beforeend" hx-disabled-elt="this"', offer.url
    )
    return format_html(
        '<button type="button" class="{}" {} aria-label="{}" title="{}">{}</button>',
        _BUTTON,
        asks if offer.do.asks else acts,
        name,
        verb.label,
        html.icon(verb.icon),
    )
