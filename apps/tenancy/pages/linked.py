"""Logins elsewhere that stand for one's account."""

from __future__ import annotations

from typing import Any, cast

from allauth.socialaccount.models import SocialAccount
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.lifecycle.errors import NotFound
from apps.portal.page import Page
from apps.tenancy.oidc.protocol import begin
from apps.tenancy.oidc.providers import Provider, providers
from apps.tenancy.pages.factors import AskPage
from apps.tenancy.pages.oidc import back_url
from apps.tenancy.services.linked import unlink_log_in
from apps.tenancy.services.links import links_of


class LinkedPage(Page):
    template_name = "tenancy/account_linked.html"
    title = gettext_lazy("Account")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the providers there are for this user, and which are linked."""
        user = cast(User, self.actor.user)
        links = {link.provider: link for link in links_of(user)}
        shown = [{"provider": each, "link": links.get(each.key)} for each in providers() if each.is_for(user)]
        return self.show({"shown": shown})


class LinkPage(Page):
    """Answers with a page that goes on by itself: the Content-Security-Policy lets a form lead nowhere else."""

    template_name = "tenancy/link_onward.html"
    title = gettext_lazy("Link login")
    sensitive = True

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        """Begin at the provider."""
        user = cast(User, self.actor.user)
        provider = _own(user, key)
        onward = reverse(f"{self.area}:account.linked")
        url = begin(request, provider, back_url(request, provider), onward=onward, link_to=user)
        response = self.show({"provider": provider, "url": url})
        response["Refresh"] = f"0; url={url}"
        return response


class UnlinkPage(AskPage):
    title = button = gettext_lazy("Unlink login")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Ask, naming it."""
        provider = _own(cast(User, self.actor.user), kwargs["key"])
        text = _("You can no longer log in with %(provider)s.") % {"provider": provider.label}
        return self.ask(says=text, back=reverse(f"{self.area}:account.linked"))

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        """Unlink it."""
        link = links_of(cast(User, self.actor.user)).filter(provider=key).first()
        if link is None:
            raise NotFound(_("Login not found."))
        unlink_log_in(self.actor, cast(SocialAccount, link))
        return self.done(_("Login unlinked."), reverse(f"{self.area}:account.linked"))


def _own(user: User, key: str) -> Provider:
    found = next((each for each in providers() if each.key == key and each.is_for(user)), None)
    if found is None:
        raise NotFound(_("Login not found."))
    return found
