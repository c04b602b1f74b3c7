"""Verbs about members, and their roles on single resources."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.verbs.declaring import TAKES_AWAY, declare_account, must_be_active, must_be_inactive
from apps.lifecycle.verbs import Proof

MEMBER_CREATE = declare_account("member.create", _("Create member"), "owner", "plus", proof=Proof.FRESH)
MEMBER_SET_ROLE = declare_account(
    "member.set_role", _("Set role in a project"), "owner", "user-cog", proof=Proof.FRESH
)
MEMBER_SET_OWNER = declare_account(
    "member.set_owner", _("Set ownership"), "owner", "user-star", proof=Proof.FRESH
)
MEMBER_DEACTIVATE = declare_account(
    "member.deactivate",
    _("Deactivate"),
    "owner",
    "lock",
    destructive=True,
    obstacle=must_be_active,
    no_proof=TAKES_AWAY,
)
MEMBER_ACTIVATE = declare_account(
    "member.activate", _("Activate"), "owner", "lock-open", obstacle=must_be_inactive, proof=Proof.FRESH
)
MEMBER_RESET_PASSWORD = declare_account(
    "member.reset_password", _("Reset password"), "owner", "password", destructive=True, proof=Proof.FRESH
)
MEMBER_RESET_TWO_FACTOR = declare_account(
    "member.reset_two_factor",
    _("Reset two-factor authentication"),
    "owner",
    "shield-lock",
    destructive=True,
    proof=Proof.FRESH,
)
MEMBER_END_SESSIONS = declare_account(
    "member.end_sessions", _("End all sessions"), "owner", "logout", destructive=True, no_proof=TAKES_AWAY
)
MEMBER_UNLINK = declare_account(
    "member.unlink_log_ins", _("Unlink logins"), "owner", "unlink", destructive=True, no_proof=TAKES_AWAY
)
MEMBER_REMOVE = declare_account(
    "member.remove", _("Remove"), "owner", "trash", destructive=True, no_proof=TAKES_AWAY
)

# A role on one resource, whatever the projects. To give it again with another role changes it.
RESOURCE_ROLE_CREATE = declare_account(
    "resource_role.create", _("Grant resource role"), "owner", "plus", proof=Proof.FRESH
)
RESOURCE_ROLE_DELETE = declare_account(
    "resource_role.delete", _("Revoke"), "owner", "trash", destructive=True, no_proof=TAKES_AWAY
)
