"""Tags of the kit: {% load kit %}."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.lifecycle.forecast import QuotaLine
from apps.lifecycle.state_labels import state_label
from apps.lifecycle.stored_messages import rendered_error
from apps.lifecycle.times import written
from apps.lifecycle.verbs import Text
from apps.portal import html
from apps.portal.guide import guide_url, topic_language, topic_title
from apps.portal.kinds import menu_parts
from apps.portal.kinds import resource_url as url_of
from apps.portal.pickers import SEARCHED_FROM, PickField, PickSeveralField, rows_of
from apps.portal.row_buttons import row_button
from apps.portal.state_cell import why_of
from apps.portal.timeline import label_of
from apps.portal.why import with_why

register = template.Library()

register.simple_tag(html.icon, name="icon")
register.simple_tag(row_button, name="row_button")
register.simple_tag(html.copyable, name="copyable")
register.simple_tag(html.meter, name="meter")
register.simple_tag(html.gauge, name="gauge")
register.filter("moment", html.moment)
register.filter("as_of", html.as_of)
register.filter("menu_parts", menu_parts)
register.filter("ago", html.ago)
register.filter("unbroken", html.unbroken)
register.filter("written", written)


@register.simple_tag(takes_context=True)
def state_pill(context: template.Context, resource: Any) -> SafeString:
    """Return the state pill of a resource, which stands once on a page, with its cause."""
    shown = state_label(resource)
    return with_why(shown, str(resource.pk), why_of(resource, _area(context), shown))


@register.filter
def pill(resource: Any) -> SafeString:
    """Return the state pill of a resource."""
    return html.pill(state_label(resource))


@register.filter
def word_pill(shown: Any) -> SafeString:
    """Return a StateWord as a pill."""
    return html.pill(shown)


@register.filter
def message_text(error: dict[str, Any]) -> str:
    """Return the message of a kept error in the reader's language."""
    return rendered_error(error)["message"]


@register.filter
def hint_text(error: dict[str, Any]) -> str:
    """Return the next step of a kept error in the reader's language."""
    return rendered_error(error)["hint"]


@register.filter
def verb_label(verb_name: str) -> Text:
    """Return the label of a verb by its name."""
    return label_of(verb_name)


@register.filter
def took(length: timedelta | None) -> str:
    """Return a duration in the unit that reads best."""
    if length is None:
        return ""
    seconds = length.total_seconds()
    if seconds < 1:
        return _("%(n)d ms") % {"n": seconds * 1000}
    if seconds < 60:
        return _("%(n).1f s") % {"n": seconds}
    return _("%(m)d min %(s)d s") % {"m": seconds // 60, "s": seconds % 60}


@register.simple_tag
def cell(column: Any, row: Any, page: Any) -> SafeString:
    """Draw one cell."""
    drawn: SafeString = column.draw(row, page)
    return drawn


@register.inclusion_tag("portal/picker.html")
def picker(bound: BoundField) -> dict[str, Any]:
    """Draw a field of `apps.portal.pickers`."""
    rows = rows_of(bound)
    return {"field": bound, "rows": rows, "searched": len(rows) >= SEARCHED_FROM}


@register.simple_tag(takes_context=True)
def like_url(context: template.Context) -> str:
    """Return the path of the form for another one like the page's row; "" where there is none."""
    page = context["page"]
    url: str = page.of.like_url(page.rights, context["row"], page.area) if hasattr(page, "of") else ""
    return url


@register.simple_tag
def quota_change(line: QuotaLine) -> SafeString:
    """Draw what a create takes of one quota: before, after, and a meter with both."""
    unit = f" {line.metric.unit}" if line.metric.unit else ""
    figures = {"used": f"{line.used:,}", "after": f"{line.after:,}", "limit": f"{line.limit:,}{unit}"}
    text = html.unbroken(_("%(used)s → %(after)s of %(limit)s") % figures)
    return format_html(
        '<div class="quota-change{}"><span>{}</span><span class="quota-figure">{}</span>{}</div>',
        " quota-short" if line.short else "",
        line.metric.label,
        text,
        html.change_meter(line.used, line.asked, line.limit, text),
    )


@register.filter
def is_picker(bound: BoundField) -> bool:
    """Whether the field is one of `apps.portal.pickers`."""
    return isinstance(bound.field, PickField | PickSeveralField)


@register.simple_tag(takes_context=True)
def resource_url(context: template.Context, kind: str, key: object) -> str:
    """Return the path of a resource's page in this area; "" when there is none."""
    return url_of(_area(context), kind, key)


@register.simple_tag(takes_context=True)
def resource_link(context: template.Context, resource: Any) -> SafeString:
    """Return a resource's name, linked where this area has a page for it that the reader may open."""
    if resource is None:
        return html.nothing()
    rights = getattr(context.get("page"), "rights", None)
    url = url_of(_area(context), resource.kind, resource.pk)
    return html.link(url if rights is None or rights.sees(resource) else "", resource.name)


def _area(context: template.Context) -> str:
    return str(context.get("area") or "portal")


@register.simple_tag
def sort_link(page: Any, column: Any) -> str:
    """Return the query that sorts a list by the column."""
    link: str = page.order_by.link(column)
    return link


@register.simple_tag
def sort_direction(page: Any, column: Any) -> str:
    """Return "ascending" or "descending" for the column a list is sorted by, and "" for the others."""
    direction: str = page.order_by.direction(column)
    return direction


@register.simple_tag
def with_query(listing: Any, **changes: object) -> str:
    """Return the list's present query with changes."""
    query: str = listing.with_query(**changes)
    return query


@register.inclusion_tag("portal/help_link.html", takes_context=True)
def help_link(context: template.Context, topic: str) -> dict[str, Any]:
    """Link a topic of the guide ("networks#subnets"), in a tab of its own: what was typed stays. Nothing for ""."""
    if not topic:
        return {}
    return {
        "url": guide_url(_area(context), topic),
        "topic_title": topic_title(topic),
        "topic_language": topic_language(topic),
    }


@register.inclusion_tag("portal/field.html")
def field(bound: BoundField, note: Any = None) -> dict[str, Any]:
    """Draw one form field: label, widget and errors, beside these its help.

    note: a setting as shown, whose default is named below the help.
    """
    widget = bound.field.widget
    return {
        "field": bound,
        "note": note,
        "is_checkbox": isinstance(widget, CheckboxInput),
        "is_group": isinstance(widget, RadioSelect | CheckboxSelectMultiple),
    }


@register.filter
def iso(at: datetime) -> SafeString:
    """Return a time for a datetime attribute."""
    return format_html("{}", at.isoformat())
