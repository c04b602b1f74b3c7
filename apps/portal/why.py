"""The cause of a state as a popover of the browser's own: by mouse, touch and keyboard, and without a script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.lifecycle.state_labels import StateLabel
from apps.portal import html


@dataclass(frozen=True)
class Why:
    """text: the cause, or the step of what is running. hint: the next step. url: of the task."""

    text: str
    hint: str = ""
    code: str = ""
    at: datetime | None = None
    url: str = ""


def with_why(shown: StateLabel, key: str, why: Why | None) -> SafeString:
    """Return a pill; with a cause it is a button that opens it. key: of the row, once on a page."""
    if why is None:
        return html.pill(shown)
    name = f"why-{key}"
    return format_html(
        '<button type="button" class="pill pill-{} pill-why" popovertarget="{}">{}</button>'
        '<div class="why" id="{}" popover><strong>{}</strong><p>{}</p>{}{}</div>',
        shown.tone,
        name,
        html.pill_content(shown),
        name,
        shown.word,
        why.text,
        format_html('<p class="why-next">{}</p>', why.hint) if why.hint else "",
        _foot(why),
    )


def _foot(why: Why) -> SafeString:
    parts = [
        html.moment(why.at) if why.at is not None else "",
        format_html("<code>{}</code>", why.code) if why.code else "",
        html.link(why.url, _("Show task")) if why.url else "",
    ]
    shown = [part for part in parts if part]
    foot = format_html_join(" · ", "{}", ((part,) for part in shown))
    return format_html('<p class="why-foot">{}</p>', foot) if shown else SafeString("")
