"""What can be done to accounts. None of it acts on a resource, so all of it is `on_resource=False`.

permission "owner": the tenant's owner, platform admins; "admin": platform admins; "self": everyone for oneself.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.verbs import Obstacle, Text, Verb, declare
from apps.tenancy.models import Project, Tenant, User


def _declare(
    name: str,
    label: Text,
    permission: str,
    icon: str = "",
    *,
    destructive: bool = False,
    obstacle: Obstacle | None = None,
    in_person: bool = False,
) -> Verb:
    return declare(
        Verb(
            name,
            label=label,
            doing=label,
            permission=permission,
            icon=icon,
            destructive=destructive,
            obstacle=obstacle,
            on_resource=False,
            in_person=in_person,
        )
    )


def _enabled(tenant: Tenant) -> Text | None:
    return _("The tenant is enabled already.") if tenant.enabled else None


def _disabled(tenant: Tenant) -> Text | None:
    return None if tenant.enabled else _("The tenant is disabled already.")


def _active(user: User) -> Text | None:
    return _("The account is active already.") if user.is_active else None


def _inactive(user: User) -> Text | None:
    return None if user.is_active else _("The account is inactive already.")


def _default(project: Project) -> Text | None:
    return _("The default project cannot be deleted.") if project.is_default else None


TENANT_CREATE = _declare("tenant.create", _("Create tenant"), "admin", "plus")
TENANT_EDIT = _declare("tenant.edit", _("Edit tenant"), "admin", "pencil")
TENANT_DISABLE = _declare(
    "tenant.disable", _("Disable tenant"), "admin", "lock", destructive=True, obstacle=_disabled
)
TENANT_ENABLE = _declare("tenant.enable", _("Enable tenant"), "admin", "lock-open", obstacle=_enabled)
# Carried out by apps.quotas; declared here so that the tenant's page can lead there.
TENANT_SET_QUOTAS = _declare("tenant.set_quotas", _("Set quotas"), "admin", "gauge")
TENANT_RECOUNT = _declare("tenant.recount", _("Recount quotas"), "admin", "refresh")
TENANT_ACT_AS = _declare("tenant.act_as", _("Act as this tenant"), "admin", "eye")
TENANT_STOP_ACTING = _declare("tenant.stop_acting", _("Stop acting"), "admin", "eye-off")

ADMIN_CREATE = _declare("admin_user.create", _("Create administrator"), "admin", "plus")
ADMIN_DEACTIVATE = _declare(
    "admin_user.deactivate", _("Deactivate"), "admin", "lock", destructive=True, obstacle=_inactive
)
ADMIN_ACTIVATE = _declare("admin_user.activate", _("Activate"), "admin", "lock-open", obstacle=_active)
ADMIN_RESET_PASSWORD = _declare(
    "admin_user.reset_password", _("Reset password"), "admin", "key", destructive=True
)
ADMIN_RESET_TWO_FACTOR = _declare(
    "admin_user.reset_two_factor", _("Reset two-factor log-in"), "admin", "shield", destructive=True
)
ADMIN_END_SESSIONS = _declare(
    "admin_user.end_sessions", _("End all sessions"), "admin", "logout", destructive=True
)
ADMIN_REMOVE = _declare("admin_user.remove", _("Remove"), "admin", "trash", destructive=True)

PROJECT_CREATE = _declare("project.create", _("Create project"), "owner", "plus")
PROJECT_EDIT = _declare("project.edit", _("Edit"), "owner", "pencil")
PROJECT_DELETE = _declare(
    "project.delete", _("Delete"), "owner", "trash", destructive=True, obstacle=_default
)

MEMBER_CREATE = _declare("member.create", _("Create sub-account"), "owner", "plus", in_person=True)
MEMBER_SET_ROLE = _declare("member.set_role", _("Set role in a project"), "owner", "users")
MEMBER_SET_OWNER = _declare("member.set_owner", _("Set ownership"), "owner", "user")
MEMBER_DEACTIVATE = _declare(
    "member.deactivate", _("Deactivate"), "owner", "lock", destructive=True, obstacle=_inactive
)
MEMBER_ACTIVATE = _declare("member.activate", _("Activate"), "owner", "lock-open", obstacle=_active)
MEMBER_RESET_PASSWORD = _declare(
    "member.reset_password", _("Reset password"), "owner", "key", destructive=True, in_person=True
)
MEMBER_RESET_TWO_FACTOR = _declare(
    "member.reset_two_factor",
    _("Reset two-factor log-in"),
    "owner",
    "shield",
    destructive=True,
    in_person=True,
)
MEMBER_END_SESSIONS = _declare(
    "member.end_sessions", _("End all sessions"), "owner", "logout", destructive=True
)
MEMBER_REMOVE = _declare("member.remove", _("Remove"), "owner", "trash", destructive=True)

KEY_ISSUE = _declare("api_key.create", _("Create API key"), "self", "plus", in_person=True)
KEY_REVOKE = _declare("api_key.revoke", _("Revoke"), "self", "trash", destructive=True)

PASSWORD_CHANGE = _declare("account.change_password", _("Change own password"), "self")
LOG_IN = _declare("account.log_in", _("Log in"), "self")
LOG_IN_FAILED = _declare("account.log_in_failed", _("Failed log-in"), "self")
LOG_OUT = _declare("account.log_out", _("Log out"), "self")

PROFILE_EDIT = _declare("account.edit_profile", _("Change own profile"), "self")
APP_ADD = _declare("account.add_app", _("Set up authenticator app"), "self")
APP_REMOVE = _declare("account.remove_app", _("Remove authenticator app"), "self", destructive=True)
PASSKEY_ADD = _declare("account.add_passkey", _("Add passkey"), "self")
PASSKEY_REMOVE = _declare("account.remove_passkey", _("Remove passkey"), "self", destructive=True)
RECOVERY_CODES_MAKE = _declare("account.make_recovery_codes", _("Make recovery codes"), "self")
SESSION_END = _declare("account.end_session", _("End session"), "self", destructive=True)
SESSIONS_END = _declare("account.end_other_sessions", _("End all other sessions"), "self", destructive=True)
LOG_IN_LINK = _declare("account.link_log_in", _("Link log-in"), "self")
LOG_IN_UNLINK = _declare("account.unlink_log_in", _("Unlink log-in"), "self", destructive=True)
