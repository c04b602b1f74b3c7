"""What can be done to accounts. None of it acts on a resource, so all of it is `on_resource=False`.

permission "owner": the tenant's owner, platform admins; "admin": platform admins; "self": everyone for oneself.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.verbs import Verb, declare


def _account_verb(name: str, label: Promise | str, permission: str, *, destructive: bool = False) -> Verb:
    return declare(
        Verb(
            name, label=label, doing=label, permission=permission, destructive=destructive, on_resource=False
        )
    )


TENANT_CREATE = _account_verb("tenant.create", _("Create tenant"), "admin")
TENANT_EDIT = _account_verb("tenant.edit", _("Edit tenant"), "admin")
TENANT_DISABLE = _account_verb("tenant.disable", _("Disable tenant"), "admin", destructive=True)
TENANT_ENABLE = _account_verb("tenant.enable", _("Enable tenant"), "admin")

ADMIN_CREATE = _account_verb("admin.create", _("Create administrator"), "admin")
ADMIN_DEACTIVATE = _account_verb("admin.deactivate", _("Deactivate administrator"), "admin", destructive=True)
ADMIN_ACTIVATE = _account_verb("admin.activate", _("Activate administrator"), "admin")
ADMIN_RESET_PASSWORD = _account_verb("admin.reset_password", _("Reset administrator's password"), "admin")
ADMIN_REMOVE = _account_verb("admin.remove", _("Remove administrator"), "admin", destructive=True)

PROJECT_CREATE = _account_verb("project.create", _("Create business group"), "owner")
PROJECT_EDIT = _account_verb("project.edit", _("Edit business group"), "owner")
PROJECT_DELETE = _account_verb("project.delete", _("Delete business group"), "owner", destructive=True)

MEMBER_CREATE = _account_verb("member.create", _("Create sub-account"), "owner")
MEMBER_SET_ROLE = _account_verb("member.set_role", _("Set role"), "owner")
MEMBER_SET_OWNER = _account_verb("member.set_owner", _("Set ownership"), "owner")
MEMBER_DEACTIVATE = _account_verb("member.deactivate", _("Deactivate sub-account"), "owner", destructive=True)
MEMBER_ACTIVATE = _account_verb("member.activate", _("Activate sub-account"), "owner")
MEMBER_RESET_PASSWORD = _account_verb("member.reset_password", _("Reset password"), "owner")
MEMBER_REMOVE = _account_verb("member.remove", _("Remove sub-account"), "owner", destructive=True)

KEY_ISSUE = _account_verb("api_key.issue", _("Create API key"), "self")
KEY_REVOKE = _account_verb("api_key.revoke", _("Revoke API key"), "self", destructive=True)

PASSWORD_CHANGE = _account_verb("account.change_password", _("Change own password"), "self")
LOG_IN = _account_verb("account.log_in", _("Log in"), "self")
LOG_IN_FAILED = _account_verb("account.log_in_failed", _("Failed log-in"), "self")
LOG_OUT = _account_verb("account.log_out", _("Log out"), "self")
