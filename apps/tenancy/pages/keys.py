"""API keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import ApiKey
from apps.accounts.selectors import visible_keys
from apps.accounts.verbs import KEY_ISSUE, KEY_REVOKE
from apps.api import limits
from apps.lifecycle.state_labels import StateLabel
from apps.portal import html
from apps.portal.columns import CREATED, Column
from apps.portal.facets import choice_facet, status_facet
from apps.portal.forms import BaseForm
from apps.portal.kinds import Do, PageKind, Text
from apps.portal.lists import Empty, ListPage
from apps.tenancy.api.keys import ApiKeysApi
from apps.tenancy.filters import KeyFilter
from apps.tenancy.pages.shown_once import CreateShownOnce, ShownOnce
from apps.tenancy.services.keys import issue_own_key

LASTING = (
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("1 year")),
    ("", gettext_lazy("until revoked")),
)


class KeyForm(BaseForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    scope = forms.ChoiceField(
        label=gettext_lazy("Scope"),
        choices=ApiKey.Scope.choices,
        help_text=gettext_lazy(
            "Operate: also start and stop VMs and open their consoles, but change no disks or snapshots. "
            "Change: also everything else on resources. Accounts: also log out, deactivate and "
            "remove members. A key never has more permissions than its user."
        ),
    )
    days = forms.ChoiceField(label=gettext_lazy("Valid for"), choices=LASTING, initial="90", required=False)
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests per minute"),
        required=False,
        min_value=1,
        max_value=limits.INTEGER,
        help_text=gettext_lazy("Limit for this key. Leave empty for the platform’s limit."),
    )


def _stops(key: ApiKey) -> Sequence[Text]:
    stops = [_("Programs that use key %(name)s lose access immediately.") % {"name": key.name}]
    made = ", ".join(key.children.order_by("name").values_list("name", flat=True))
    return (
        [*stops, _("Keys created with it are revoked too: %(names)s.") % {"names": made}] if made else stops
    )


KEY = PageKind(
    "api_key",
    "api-keys",
    one=gettext_lazy("API key"),
    many=gettext_lazy("API keys"),
    icon="api",
    help="accounts#api-keys",
    visible=visible_keys,
    create=KEY_ISSUE,
    key="uid",
    actions=(Do(KEY_REVOKE, says=_stops),),
)


def _word(key: ApiKey) -> StateLabel:
    return StateLabel(_("Expired"), "off") if key.is_expired else StateLabel(_("Active"), "ok")


def _expiry(key: ApiKey, page: ListPage) -> object:
    return html.moment(key.expires_at) if key.expires_at else _("never")


class KeyList(ListPage):
    of = KEY
    columns = (
        Column(
            "name", gettext_lazy("Name"), lambda row, page: row.name, sort="name", width="name", wide=False
        ),
        Column(
            "status",
            gettext_lazy("State"),
            lambda row, page: html.pill(_word(row)),
            sort="expires_at",
            width="state",
            wide=False,
            text=lambda row, page: _word(row).word,
        ),
        Column("user", gettext_lazy("User"), lambda row, page: row.user.username, sort="user__username"),
        Column("prefix", gettext_lazy("Prefix"), lambda row, page: f"sk_{row.prefix}…", sort="prefix"),
        Column(
            "scope",
            gettext_lazy("Scope"),
            lambda row, page: row.get_scope_display(),
            sort="scope",
            brief=True,
            kept=True,
        ),
        Column(
            "expires",
            gettext_lazy("Expires"),
            _expiry,
            sort="expires_at",
            width="time",
            text=lambda row, page: row.expires_at,
        ),
        Column(
            "used",
            gettext_lazy("Last used"),
            lambda row, page: html.moment(row.last_used_at),
            sort="last_used_at",
            width="time",
            text=lambda row, page: row.last_used_at,
        ),
        CREATED,
    )
    filter = KeyFilter
    facets = (
        status_facet,
        choice_facet("scope", gettext_lazy("Scope"), lambda page: ApiKey.Scope.choices),
    )
    related = ("user",)
    has_detail = False
    empty = Empty(
        gettext_lazy("No API keys yet"),
        gettext_lazy("Programs use an API key to do through the API what you can do here."),
    )


def _ends_at(days: str | None) -> datetime | None:
    return timezone.now() + timedelta(days=int(days)) if days else None


class KeyCreate(CreateShownOnce):
    of = KEY
    form = KeyForm
    api = ApiKeysApi

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """The day it ends in place of how long it lasts."""
        return {
            "name": data.get("name"),
            "scope": data.get("scope"),
            "expires_at": _ends_at(data.get("days")),
            "requests_per_minute": data.get("requests_per_minute"),
        }

    def submit(self, data: dict[str, Any]) -> ShownOnce:
        """Make a key of one's own."""
        key, token = issue_own_key(
            self.actor, data["name"], data["scope"], _ends_at(data["days"]), data["requests_per_minute"]
        )
        return ShownOnce(
            _("API key created"),
            _("Key"),
            key.name,
            token,
            _("Send it with every request as “Authorization: Bearer …”."),
            KEY.url(self.area, "list"),
            kind="api-key",
        )
