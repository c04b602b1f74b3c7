"""The live style page: every component in its states, drawn by the templates that the pages use. Development only.

Its samples are not translated: nobody but developers sees them. The rules stand in docs/design.md.
"""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views import View

from apps.lifecycle.legality import Possibility
from apps.lifecycle.state_labels import StateLabel
from apps.lifecycle.verbs import Verb
from apps.portal import html
from apps.portal.columns import Column
from apps.portal.detail import Properties, Property
from apps.portal.forms import BaseForm
from apps.portal.kinds import Do, Offer
from apps.portal.list_row import Row
from apps.portal.timeline import Moment
from apps.portal.toasts import Toast

THEMES = ("light", "dark")
DENSITIES = ("comfortable", "compact")
COLOURS = (
    ("Text and lines", ("ink", "muted", "line", "line-soft", "line-control")),
    ("Planes", ("ground", "surface", "raised", "sunken", "hover")),
    ("Accent", ("accent", "accent-strong", "accent-soft", "on-accent")),
    ("States", ("ok", "busy", "warn", "error", "off")),
    ("State fields", ("ok-soft", "busy-soft", "warn-soft", "error-soft", "off-soft")),
)
TYPE = ("2xl", "xl", "lg", "md", "", "sm", "xs", "2xs")
WORDS = (
    StateLabel("Running", "ok"),
    StateLabel("Starting", "busy", reason="Defining the machine", percent=40),
    StateLabel("Stopped", "off"),
    StateLabel("Closed", "warn", reason="Scheduling is disabled on this host."),
    StateLabel("Failed", "error", reason="Host fra1-node04 did not answer within 20 s."),
)
ID = UUID("6f1f2b5e-0000-4000-8000-000000000001")
COLUMNS = (
    Column("name", "Name", wide=False),
    Column("state", "State", wide=False),
    Column("address", "IP address"),
    Column("memory", "Memory"),
    Column("size", "GiB", end=True),
)


class StylePage(View):
    """It has no data and asks for no login; outside development there is no such page."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show every component, light and dark side by side."""
        if not settings.DEBUG:
            raise Http404
        return render(request, "portal/style.html", {"title": "Style", "samples": samples()})


def samples() -> list[dict[str, Any]]:
    """Return what the templates are drawn with, once for each theme."""
    return [sample(theme) for theme in THEMES]


def sample(theme: str) -> dict[str, Any]:
    """Return the context of one theme's column; ids differ, so that labels find their fields."""
    return {
        "theme": theme,
        "colours": COLOURS,
        "type": TYPE,
        "words": WORDS,
        "offers": offers(),
        "charts": range(1, 7),
        "heat": range(6),
        "rings": [ring(used) for used in (6, 17, 20)],
        "meters": ((30, "30 of 100"), (85, "85 of 100"), (97, "97 of 100")),
        "page": SimpleNamespace(
            of=SimpleNamespace(kind="sample", icon="device-desktop", actions=(), help="virtual-machines"),
            bulk_url="",
            empty=SimpleNamespace(title="No virtual machines yet", text="A name and an image are enough."),
        ),
        "columns": COLUMNS,
        "rows": rows(),
        "densities": DENSITIES,
        "create": {"label": "Create VM", "url": "#", "reason": ""},
        "form": form(theme),
        "toasts": toasts(),
        "groups": properties(),
        "tabs": [(SimpleNamespace(slug=slug, label=label), "#") for slug, label in TABS],
        "running": SimpleNamespace(pk=ID, progress=40),
        "failure": FAILURE,
        "moments": moments(),
        "acting_as": SimpleNamespace(name="acme"),
        "do": DELETE,
        "row": SimpleNamespace(name="shop-web-1"),
        "says": ("The VM and its system disk are deleted.", "Its address 10.0.0.9 becomes free."),
    }


TABS = (("", "Overview"), ("network", "Network"), ("activity", "Activity"))
DELETE = Do(Verb("sample.delete", "Delete", "Deleting", destructive=True, icon="trash"), typed_name=True)
FAILURE = {
    "message": "Host fra1-node04 did not answer within 20 s.",
    "hint": "Wait until the host reports again, then try again.",
    "code": "host.unreachable",
    "request_id": "3f9a61c0",
}


def offers() -> list[Offer]:
    """A button that acts, one that asks, one that cannot be pressed now."""
    console = Verb("sample.console", "Console", "Opening", icon="terminal-2")
    start = Verb("sample.start", "Start", "Starting", icon="player-play")
    return [
        Offer(Do(console), Possibility(console), "#"),
        Offer(Do(start), Possibility(start, "state", "It is running already."), "#"),
        Offer(DELETE, Possibility(DELETE.verb), "#"),
    ]


def ring(used: int) -> SimpleNamespace:
    """Return a quota's use as rings are drawn from; the real one stands below this layer."""
    metric = SimpleNamespace(name="vm", label="Virtual machines", unit="", list="vm")
    share = {"percent": 5 * used, "left": 20 - used, "over": False, "unlimited": False}
    return SimpleNamespace(metric=metric, limit=20, used=used, **share)


def rows() -> list[Row]:
    """One row of a list for each state."""
    return [
        Row(
            str(number),
            [
                (COLUMNS[0], html.link("#", f"shop-web-{number}", "row-name")),
                (COLUMNS[1], html.pill(word)),
                (COLUMNS[2], html.copyable(f"10.0.0.{number}")),
                (COLUMNS[3], html.gauge(number * 14, 64, f"{number * 14} / 64 GiB")),
                (COLUMNS[4], html.link("", 40 * number)),
            ],
            "",
            stale=word.tone == "warn",
            name=f"shop-web-{number}",
        )
        for number, word in enumerate(WORDS, start=1)
    ]


class SampleForm(BaseForm):
    """One field of each sort."""

    name = forms.CharField(label="Name", max_length=63, help_text="Letters, digits and hyphens.")
    image = forms.ChoiceField(label="Image", choices=[("debian", "Debian 12"), ("rocky", "Rocky Linux 9")])
    description = forms.CharField(label="Description", max_length=255, required=False)
    port = forms.IntegerField(label="Port", min_value=1, max_value=65535)
    keys = forms.MultipleChoiceField(
        label="SSH keys",
        choices=[("laptop", "alice-laptop"), ("deploy", "deploy")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    accepts = forms.BooleanField(label="Scheduling enabled", required=False)


def form(theme: str) -> SampleForm:
    """Return the form as it comes back when something was wrong with it."""
    typed = {"name": "shop-web-1", "image": "rocky", "port": "70000", "keys": ["deploy"]}
    return SampleForm(typed, actor=None, auto_id=f"{theme}_%s")  # type: ignore[arg-type]


def toasts() -> list[Toast]:
    """Good news, work under way, a refusal."""
    return [
        Toast("shop-web-1 was renamed."),
        Toast("Starting: shop-web-1", "busy", url="#"),
        Toast(
            "The quota does not allow this.",
            "error",
            hint="Ask for more.",
            code="quota",
            request_id="3f9a61c0",
        ),
    ]


def properties() -> list[Properties]:
    """Return a group of properties."""
    lines = (
        Property("Instance type", "4C8G"),
        Property("Hostname", "shop-web-1", copy=True),
        Property("Description", ""),
    )
    return [Properties("Machine", lines)]


def moments() -> list[Moment]:
    """Return a timeline with each tone."""
    now = timezone.now()
    events = (("busy", "Restart"), ("error", "Start"), ("ok", "Shut down"), ("off", "Cancel"))
    return [
        Moment(at=now - timedelta(minutes=9 * n), text=text, who="alice", origin="via the portal", tone=tone)
        for n, (tone, text) in enumerate(events)
    ]
