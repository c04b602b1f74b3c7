"""What people do about their own accounts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.verbs.declaring import declare_own
from apps.lifecycle.verbs import Proof

PASSWORD_CHANGE = declare_own("account.change_password", _("Change own password"))
LOG_IN = declare_own("account.log_in", _("Log in"))
LOG_IN_FAILED = declare_own("account.log_in_failed", _("Failed login"))
LOG_OUT = declare_own("account.log_out", _("Log out"), while_acting=True)

PROFILE_EDIT = declare_own("account.edit_profile", _("Change own profile"))
PREFERENCES_SET = declare_own("account.set_preferences", _("Change own preferences"), while_acting=True)
APP_ADD = declare_own("account.add_app", _("Set up authenticator app"), proof=Proof.FRESH)
APP_REMOVE = declare_own(
    "account.remove_app", _("Remove authenticator app"), destructive=True, proof=Proof.FRESH
)
PASSKEY_ADD = declare_own("account.add_passkey", _("Add passkey"), proof=Proof.FRESH)
PASSKEY_REMOVE = declare_own(
    "account.remove_passkey", _("Remove passkey"), destructive=True, proof=Proof.FRESH
)
RECOVERY_CODES_MAKE = declare_own(
    "account.make_recovery_codes", _("Create recovery codes"), proof=Proof.FRESH
)
# Whoever is afraid ends sessions: nothing stands in the way.
SESSION_END = declare_own("account.end_session", _("End session"), destructive=True, while_acting=True)
SESSIONS_END = declare_own(
    "account.end_other_sessions", _("End all other sessions"), destructive=True, while_acting=True
)
LOG_IN_LINK = declare_own("account.link_log_in", _("Link login"), proof=Proof.FRESH)
LOG_IN_UNLINK = declare_own("account.unlink_log_in", _("Unlink login"), destructive=True, proof=Proof.FRESH)
