"""One's own sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Session
from apps.accounts.sessions import browser_name
from apps.lifecycle.errors import NotFound
from apps.portal.page import Page
from apps.tenancy.pages.factors import AskPage
from apps.tenancy.services.sessions import end_other_sessions, end_session, visible_sessions

_METHODS = {
    "password": gettext_lazy("password"),
    "passkey": gettext_lazy("passkey"),
    "provider": gettext_lazy("external login"),
    "app": gettext_lazy("app code"),
    "recovery": gettext_lazy("recovery code"),
}


def method_words(method: str) -> str:
    """Return how somebody logged in: "password, code of the app"."""
    return ", ".join(str(_METHODS.get(part, part)) for part in method.split("+") if part)


class SessionsPage(Page):
    template_name = "tenancy/account_sessions.html"
    title = gettext_lazy("Account")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show them, the present one first."""
        rows = list(visible_sessions(self.actor))
        shown = [
            {
                "row": row,
                "browser": browser_name(row.user_agent),
                "method": method_words(row.method),
                "here": row.uid == self.actor.session,
            }
            for row in sorted(rows, key=lambda row: row.uid != self.actor.session)
        ]
        return self.show({"sessions": shown})


class _SessionAskPage(AskPage):
    sensitive = False  # Ending a session is what somebody does who is afraid: nothing may stand in the way.

    @property
    def back(self) -> str:
        """The list."""
        return reverse(f"{self.area}:account.sessions")


class SessionEndPage(_SessionAskPage):
    title = button = gettext_lazy("End session")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Ask, naming it."""
        row = self._found(kwargs["key"])
        text = _("%(browser)s at %(ip)s is logged out immediately.") % {
            "browser": browser_name(row.user_agent),
            "ip": row.ip or "–",
        }
        return self.ask(says=text, back=self.back)

    def post(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """End it."""
        end_session(self.actor, self._found(key))
        return self.done(_("Session ended."), self.back)

    def _found(self, key: UUID) -> Session:
        row = visible_sessions(self.actor).filter(uid=key).first()
        if row is None:
            raise NotFound(_("Session not found."))
        return row


class SessionsEndPage(_SessionAskPage):
    title = button = gettext_lazy("End all other sessions")
    text = gettext_lazy("You are logged out of all other browsers immediately. API keys are kept.")

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Ask."""
        return self.ask(back=self.back)

    def post(self, request: HttpRequest) -> HttpResponse:
        """End them."""
        end_other_sessions(self.actor)
        return self.done(_("All other sessions ended."), self.back)
