"""Verbs about administrators."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.verbs.declaring import TAKES_AWAY, declare_account, must_be_active, must_be_inactive
from apps.lifecycle.verbs import Proof

ADMIN_CREATE = declare_account(
    "admin_user.create", _("Create administrator"), "admin", "plus", proof=Proof.FRESH
)
# A proof also for what takes administrators' access away: with it a thief would keep the platform to themselves.
ADMIN_DEACTIVATE = declare_account(
    "admin_user.deactivate",
    _("Deactivate"),
    "admin",
    "lock",
    destructive=True,
    obstacle=must_be_active,
    proof=Proof.FRESH,
)
ADMIN_ACTIVATE = declare_account(
    "admin_user.activate", _("Activate"), "admin", "lock-open", obstacle=must_be_inactive, proof=Proof.FRESH
)
ADMIN_RESET_PASSWORD = declare_account(
    "admin_user.reset_password", _("Reset password"), "admin", "password", destructive=True, proof=Proof.FRESH
)
ADMIN_RESET_TWO_FACTOR = declare_account(
    "admin_user.reset_two_factor",
    _("Reset two-factor authentication"),
    "admin",
    "shield-lock",
    destructive=True,
    proof=Proof.FRESH,
)
ADMIN_END_SESSIONS = declare_account(
    "admin_user.end_sessions",
    _("End all sessions"),
    "admin",
    "logout",
    destructive=True,
    no_proof=TAKES_AWAY,
)
ADMIN_UNLINK = declare_account(
    "admin_user.unlink_log_ins",
    _("Unlink logins"),
    "admin",
    "unlink",
    destructive=True,
    no_proof=TAKES_AWAY,
)
ADMIN_REMOVE = declare_account(
    "admin_user.remove", _("Remove"), "admin", "trash", destructive=True, proof=Proof.FRESH
)
