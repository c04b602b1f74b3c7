"""Small pieces of HTML that lists make thousands of: functions, as templates would cost more than the query."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.times import written

#: Between a figure and its unit, where no line may end.
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:[KMGTP]?i?B(?:/s)?|IOPS|vCPUs?|%|s|ms|min|h)(?!\w))")

_TONE_ICONS = {
    "ok": "circle-check",
    "busy": "loader-2",
    "off": "circle",
    "error": "alert-circle",
    "warn": "alert-triangle",
}


def unbroken(text: object) -> str:
    """Return a text whose lines never end between a figure and its unit: "8 GiB", "75 %"."""
    kept = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", str(text))
    return SafeString(kept) if isinstance(text, SafeString) else kept


@cache
def icon(name: str, css: str = "") -> SafeString:
    """Return an icon of the sprite, hidden from screen readers: words stand beside icons."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', css, _sprite(), name
    )


@cache
def _sprite() -> str:
    return static("vendor/icons/icons.svg")


def pill(shown: StateLabel) -> SafeString:
    """Return a state as word, icon and colour, with the reason as a hint, and time or progress where there is one."""
    return format_html(
        '<span class="pill pill-{}" title="{}">{}</span>', shown.tone, shown.reason, pill_content(shown)
    )


def pill_content(shown: StateLabel) -> SafeString:
    """Return what stands in a pill."""
    more = SafeString("")
    if shown.since is not None:
        more = elapsed(shown.since)
    elif shown.percent:
        more = format_html('<span class="pill-percent">{}&nbsp;%</span>', shown.percent)
    return format_html("{}<span>{}</span>{}", icon(_TONE_ICONS[shown.tone]), shown.word, more)


def elapsed(since: datetime) -> SafeString:
    """Return how long something has been running, which goes on while the page is open (ago.js)."""
    seconds = max(0, int((timezone.now() - since).total_seconds()))
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return format_html('<time class="pill-since" data-elapsed="{}">{}</time>', seconds, text)


def moment(at: datetime | None) -> SafeString:
    """Return a time in the reader's zone, with the zone as a hint."""
    if at is None:
        return nothing()
    return _time(at, written(at))


def ago(at: datetime | None) -> SafeString:
    """Return how long ago it was, with the exact time as a hint; the browser keeps it true while the page is open."""
    if at is None:
        return nothing()
    return _time(at, naturaltime(at), " data-ago")


def as_of(at: datetime | None) -> SafeString:
    """Return since when what is shown may be out of date; nothing for what is known now."""
    if at is None:
        return SafeString("")
    today = timezone.localtime(at).date() == timezone.localdate()
    clock = _time(at, written(at).partition(" ")[2] if today else written(at))
    return format_html('<span class="as-of">{}</span>', format_html(_("as of {}"), clock))


def _time(at: datetime, text: str, attribute: str = "") -> SafeString:
    hint = f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}"
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>', at.isoformat(), hint, SafeString(attribute), text
    )


def nothing() -> SafeString:
    """Return the sign for "no value"."""
    return format_html('<span class="text-secondary" aria-label="{}">–</span>', _("none"))


def link(url: str, text: object, css: str = "") -> SafeString:
    """Return a link, or the bare text when there is nowhere to go."""
    if not url:
        return format_html("{}", text)
    return format_html('<a href="{}" class="{}">{}</a>', url, css, text)


def copyable(text: object, shown: object = "") -> SafeString:
    """Return a value with a button that copies it."""
    return format_html(
        '<span class="copyable"><span class="mono">{}</span>'
        '<button type="button" class="copy" data-copy="{}" aria-label="{}">{}</button></span>',
        shown or text,
        text,
        _("Copy"),
        icon("copy"),
    )


def progress(percent: int) -> SafeString:
    """Return a bar of how far something has got."""
    return format_html(
        '<progress class="progress-line" max="100" value="{}" aria-label="{}"></progress>',
        percent,
        _("Progress"),
    )


def gauge(used: float, limit: float, text: str = "") -> SafeString:
    """Return a figure ("3 / 12" unless `text` says it) above a meter; a dash when there is no limit yet."""
    if not limit:
        return nothing()
    text = unbroken(text) or f"{used:g} / {limit:g}"
    return format_html('<span class="gauge"><span>{}</span>{}</span>', text, meter(used, limit, text))


def meter(used: float, limit: float, label: object = "") -> SafeString:
    """Return a bar of use against a limit, coloured as it fills. SVG: a style attribute would break the CSP."""
    percent = min(100, round(100 * used / limit)) if limit else 0
    tone = "error" if percent >= 95 else "warn" if percent >= 80 else "ok"
    return format_html(
        '<svg class="meter meter-{}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="meter-track" width="100" height="4"></rect>'
        '<rect class="meter-fill" width="{}" height="4"></rect></svg>',
        tone,
        label or f"{percent} %",
        percent,
    )


def change_meter(used: float, asked: float, limit: float, label: object) -> SafeString:
    """Return a bar of what is used and, in another tone, of what would come on top."""
    before = min(100.0, 100 * used / limit) if limit else 0
    added = min(100 - before, 100 * asked / limit) if limit else 100
    return format_html(
        '<svg class="meter meter-change" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="meter-track" width="100" height="4"></rect><rect class="meter-fill" width="{}" height="4"></rect>'
        '<rect class="meter-added" x="{}" width="{}" height="4"></rect></svg>',
        label,
        f"{before:.1f}",
        f"{before:.1f}",
        f"{max(added, 1.0 if asked else 0):.1f}",
    )
