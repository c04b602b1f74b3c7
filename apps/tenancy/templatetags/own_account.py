"""{% load own_account %}: the tabs of one's own account, on every page that is part of it."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.tenancy.oidc.providers import providers
from apps.tenancy.services.links import shown_links

register = template.Library()

_SECTIONS = (
    ("account", _("Profile")),
    ("account.security", _("Security")),
    ("account.sessions", _("Sessions")),
    ("account.linked", _("Linked logins")),
    ("api_key.list", _("API keys")),
    ("key_pair.list", _("SSH keys")),
    ("account.preferences", _("Preferences")),
)


@register.inclusion_tag("tenancy/account_tabs.html", takes_context=True)
def account_tabs(context: template.Context) -> dict[str, Any]:
    """Draw the tabs of the pages this area has; logins elsewhere only where there are any."""
    area, here = str(context.get("area") or "portal"), context["request"].path
    names = [(name, label) for name, label in _SECTIONS if name != "account.linked" or providers()]
    found = [(label, url) for name, label in names if (url := _url(area, name))]
    # "Profile" stands at the root of all others.
    inside = max((url for _label, url in found if here.startswith(url)), key=len, default="")
    shown = inside if inside == here or inside != _url(area, "account") else ""
    return {"tabs": [(label, url, url == shown) for label, url in found]}


@register.inclusion_tag("tenancy/new_links.html", takes_context=True)
def new_links(context: template.Context) -> dict[str, Any]:
    """Tell the account's holder of logins that were linked with it lately."""
    user = context["request"].user
    area = str(context.get("area") or "portal")
    links = shown_links(user, new_only=True) if isinstance(user, User) else []
    return {"links": links, "url": _url(area, "account.linked")}


def _url(area: str, name: str) -> str:
    try:
        return reverse(f"{area}:{name}")
    except NoReverseMatch:
        return ""
