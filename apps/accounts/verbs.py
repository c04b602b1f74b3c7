"""What can be done to accounts. None of it acts on a resource, so all of it is `on_resource=False`.

permission "owner": the tenant's owner, platform admins; "admin": platform admins; "self": everyone for oneself.
What gives access needs a fresh proof (`Proof.FRESH`); every other verb about accounts says why it needs none.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Project, Tenant, User
from apps.lifecycle.verbs import Obstacle, Proof, Text, Verb, VerbClass, declare

_TAKES_AWAY = "takes access away"
_NO_ACCESS = "gives nobody access"


def _declare(
    name: str,
    label: Text,
    permission: str,
    icon: str = "",
    *,
    verb_class: VerbClass = VerbClass.ACCOUNTS,
    destructive: bool = False,
    obstacle: Obstacle | None = None,
    proof: Proof = Proof.NONE,
    no_proof: str = "",
    while_acting: bool | None = None,
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
            verb_class=verb_class,
            proof=proof,
            no_proof=no_proof,
            while_acting=while_acting,
        )
    )


def _own(
    name: str,
    label: Text,
    *,
    destructive: bool = False,
    proof: Proof = Proof.NONE,
    while_acting: bool | None = None,
) -> Verb:
    """Declare what people do about their own account: in a session only."""
    return _declare(
        name,
        label,
        "self",
        verb_class=VerbClass.OWN_ACCOUNT,
        destructive=destructive,
        proof=proof,
        while_acting=while_acting,
    )


def _enabled(tenant: Tenant) -> Text | None:
    return _("The tenant is already enabled.") if tenant.enabled else None


def _disabled(tenant: Tenant) -> Text | None:
    return None if tenant.enabled else _("The tenant is already disabled.")


def _active(user: User) -> Text | None:
    return _("The account is already active.") if user.is_active else None


def _inactive(user: User) -> Text | None:
    return None if user.is_active else _("The account is already inactive.")


def _default(project: Project) -> Text | None:
    return _("The default project cannot be deleted.") if project.is_default else None


TENANT_CREATE = _declare("tenant.create", _("Create tenant"), "admin", "plus", proof=Proof.FRESH)
TENANT_EDIT = _declare("tenant.edit", _("Edit tenant"), "admin", "pencil", no_proof=_NO_ACCESS)
TENANT_DISABLE = _declare(
    "tenant.disable",
    _("Disable tenant"),
    "admin",
    "lock",
    destructive=True,
    obstacle=_disabled,
    no_proof=_TAKES_AWAY,
)
TENANT_ENABLE = _declare(
    "tenant.enable", _("Enable tenant"), "admin", "lock-open", obstacle=_enabled, proof=Proof.FRESH
)
TENANT_DELETE = _declare(
    "tenant.delete", _("Delete tenant"), "admin", "trash", destructive=True, no_proof=_TAKES_AWAY
)
# Carried out by apps.quotas; declared here so that the tenant's page can lead there. Limits of resources.
TENANT_SET_QUOTAS = _declare(
    "tenant.set_quotas", _("Set quotas"), "admin", "gauge", verb_class=VerbClass.RESOURCE
)
TENANT_RECOUNT = _declare(
    "tenant.recount", _("Recalculate quotas"), "admin", "calculator", verb_class=VerbClass.RESOURCE
)
TENANT_ACT_AS = _declare("tenant.act_as", _("Act as this tenant"), "admin", "user-share", proof=Proof.FRESH)
TENANT_STOP_ACTING = _declare(
    "tenant.stop_acting",
    _("Stop acting"),
    "admin",
    "user-x",
    verb_class=VerbClass.OWN_ACCOUNT,
    while_acting=True,
)

ADMIN_CREATE = _declare("admin_user.create", _("Create administrator"), "admin", "plus", proof=Proof.FRESH)
# A proof also for what takes administrators' access away: with it a thief would keep the platform to themselves.
ADMIN_DEACTIVATE = _declare(
    "admin_user.deactivate",
    _("Deactivate"),
    "admin",
    "lock",
    destructive=True,
    obstacle=_inactive,
    proof=Proof.FRESH,
)
ADMIN_ACTIVATE = _declare(
    "admin_user.activate", _("Activate"), "admin", "lock-open", obstacle=_active, proof=Proof.FRESH
)
ADMIN_RESET_PASSWORD = _declare(
    "admin_user.reset_password", _("Reset password"), "admin", "password", destructive=True, proof=Proof.FRESH
)
ADMIN_RESET_TWO_FACTOR = _declare(
    "admin_user.reset_two_factor",
    _("Reset two-factor authentication"),
    "admin",
    "shield-lock",
    destructive=True,
    proof=Proof.FRESH,
)
ADMIN_END_SESSIONS = _declare(
    "admin_user.end_sessions",
    _("End all sessions"),
    "admin",
    "logout",
    destructive=True,
    no_proof=_TAKES_AWAY,
)
ADMIN_UNLINK = _declare(
    "admin_user.unlink_log_ins",
    _("Unlink logins"),
    "admin",
    "unlink",
    destructive=True,
    no_proof=_TAKES_AWAY,
)
ADMIN_REMOVE = _declare(
    "admin_user.remove", _("Remove"), "admin", "trash", destructive=True, proof=Proof.FRESH
)

# Projects part resources. Who may do what in them is the members' roles.
PROJECT_CREATE = _declare(
    "project.create", _("Create project"), "owner", "plus", verb_class=VerbClass.RESOURCE
)
PROJECT_EDIT = _declare("project.edit", _("Edit"), "owner", "pencil", verb_class=VerbClass.RESOURCE)
PROJECT_DELETE = _declare(
    "project.delete",
    _("Delete"),
    "owner",
    "trash",
    verb_class=VerbClass.RESOURCE,
    destructive=True,
    obstacle=_default,
)

MEMBER_CREATE = _declare("member.create", _("Create member"), "owner", "plus", proof=Proof.FRESH)
MEMBER_SET_ROLE = _declare(
    "member.set_role", _("Set role in a project"), "owner", "user-cog", proof=Proof.FRESH
)
MEMBER_SET_OWNER = _declare("member.set_owner", _("Set ownership"), "owner", "user-star", proof=Proof.FRESH)
MEMBER_DEACTIVATE = _declare(
    "member.deactivate",
    _("Deactivate"),
    "owner",
    "lock",
    destructive=True,
    obstacle=_inactive,
    no_proof=_TAKES_AWAY,
)
MEMBER_ACTIVATE = _declare(
    "member.activate", _("Activate"), "owner", "lock-open", obstacle=_active, proof=Proof.FRESH
)
MEMBER_RESET_PASSWORD = _declare(
    "member.reset_password", _("Reset password"), "owner", "password", destructive=True, proof=Proof.FRESH
)
MEMBER_RESET_TWO_FACTOR = _declare(
    "member.reset_two_factor",
    _("Reset two-factor authentication"),
    "owner",
    "shield-lock",
    destructive=True,
    proof=Proof.FRESH,
)
MEMBER_END_SESSIONS = _declare(
    "member.end_sessions", _("End all sessions"), "owner", "logout", destructive=True, no_proof=_TAKES_AWAY
)
MEMBER_UNLINK = _declare(
    "member.unlink_log_ins", _("Unlink logins"), "owner", "unlink", destructive=True, no_proof=_TAKES_AWAY
)
MEMBER_REMOVE = _declare(
    "member.remove", _("Remove"), "owner", "trash", destructive=True, no_proof=_TAKES_AWAY
)

# A role on one resource, whatever the projects. To give it again with another role changes it.
RESOURCE_ROLE_CREATE = _declare(
    "resource_role.create", _("Grant resource role"), "owner", "plus", proof=Proof.FRESH
)
RESOURCE_ROLE_DELETE = _declare(
    "resource_role.delete", _("Revoke"), "owner", "trash", destructive=True, no_proof=_TAKES_AWAY
)

KEY_ISSUE = _declare("api_key.create", _("Create API key"), "self", "plus", proof=Proof.FRESH)
KEY_DERIVE = _declare(
    "api_key.derive",
    _("Create API key with another key"),
    "self",
    "plus",
    no_proof="gives nothing that the key it is made with has not",
)
KEY_REVOKE = _declare("api_key.revoke", _("Revoke"), "self", "trash", destructive=True, no_proof=_TAKES_AWAY)

PASSWORD_CHANGE = _own("account.change_password", _("Change own password"))
LOG_IN = _own("account.log_in", _("Log in"))
LOG_IN_FAILED = _own("account.log_in_failed", _("Failed login"))
LOG_OUT = _own("account.log_out", _("Log out"), while_acting=True)

PROFILE_EDIT = _own("account.edit_profile", _("Change own profile"))
PREFERENCES_SET = _own("account.set_preferences", _("Change own preferences"), while_acting=True)
APP_ADD = _own("account.add_app", _("Set up authenticator app"), proof=Proof.FRESH)
APP_REMOVE = _own("account.remove_app", _("Remove authenticator app"), destructive=True, proof=Proof.FRESH)
PASSKEY_ADD = _own("account.add_passkey", _("Add passkey"), proof=Proof.FRESH)
PASSKEY_REMOVE = _own("account.remove_passkey", _("Remove passkey"), destructive=True, proof=Proof.FRESH)
RECOVERY_CODES_MAKE = _own("account.make_recovery_codes", _("Create recovery codes"), proof=Proof.FRESH)
# Whoever is afraid ends sessions: nothing stands in the way.
SESSION_END = _own("account.end_session", _("End session"), destructive=True, while_acting=True)
SESSIONS_END = _own(
    "account.end_other_sessions", _("End all other sessions"), destructive=True, while_acting=True
)
LOG_IN_LINK = _own("account.link_log_in", _("Link login"), proof=Proof.FRESH)
LOG_IN_UNLINK = _own("account.unlink_log_in", _("Unlink login"), destructive=True, proof=Proof.FRESH)
