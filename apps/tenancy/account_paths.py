"""The paths of the account's pages, the same in both portals."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.tenancy.pages.account import ProfilePage
from apps.tenancy.pages.confirm import ConfirmOptionsPage, ConfirmPage, ConfirmPasskeyPage
from apps.tenancy.pages.factors import (
    AppPage,
    AppRemovePage,
    PasskeyOptionsPage,
    PasskeyPage,
    PasskeyRemovePage,
    RecoveryCodesPage,
)
from apps.tenancy.pages.linked import LinkedPage, LinkPage, UnlinkPage
from apps.tenancy.pages.security import SecurityPage
from apps.tenancy.pages.sessions import SessionEndPage, SessionsEndPage, SessionsPage

_PAGES = (
    ("", ProfilePage, "account"),
    ("security/", SecurityPage, "account.security"),
    ("security/app/", AppPage, "account.app"),
    ("security/app/remove/", AppRemovePage, "account.app_remove"),
    ("security/recovery-codes/", RecoveryCodesPage, "account.recovery_codes"),
    ("security/passkey/", PasskeyPage, "account.passkey"),
    ("security/passkey/options/", PasskeyOptionsPage, "account.passkey_options"),
    ("security/passkeys/<int:key>/remove/", PasskeyRemovePage, "account.passkey_remove"),
    ("sessions/", SessionsPage, "account.sessions"),
    ("sessions/end-others/", SessionsEndPage, "account.sessions_end"),
    ("sessions/<uuid:key>/end/", SessionEndPage, "account.session_end"),
    ("linked/", LinkedPage, "account.linked"),
    ("linked/<slug:key>/link/", LinkPage, "account.link"),
    ("linked/<slug:key>/unlink/", UnlinkPage, "account.unlink"),
    ("confirm/", ConfirmPage, "account.confirm"),
    ("confirm/passkey/", ConfirmPasskeyPage, "account.confirm_passkey"),
    ("confirm/options/", ConfirmOptionsPage, "account.confirm_options"),
)


def account_paths(*, admin: bool = False) -> list[URLPattern]:
    """Return /account/, /account/security/ and so on."""
    return [path(f"account/{where}", page.as_view(admin=admin), name=name) for where, page, name in _PAGES]
