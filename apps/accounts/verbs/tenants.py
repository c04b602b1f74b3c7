"""Verbs about tenants."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Tenant
from apps.accounts.verbs.declaring import NO_ACCESS, TAKES_AWAY, declare_account
from apps.lifecycle.verbs import Proof, Text, VerbClass


def _enabled(tenant: Tenant) -> Text | None:
    return _("The tenant is already enabled.") if tenant.enabled else None


def _disabled(tenant: Tenant) -> Text | None:
    return None if tenant.enabled else _("The tenant is already disabled.")


TENANT_CREATE = declare_account("tenant.create", _("Create tenant"), "admin", "plus", proof=Proof.FRESH)
TENANT_EDIT = declare_account("tenant.edit", _("Edit tenant"), "admin", "pencil", no_proof=NO_ACCESS)
TENANT_DISABLE = declare_account(
    "tenant.disable",
    _("Disable tenant"),
    "admin",
    "lock",
    destructive=True,
    obstacle=_disabled,
    no_proof=TAKES_AWAY,
)
TENANT_ENABLE = declare_account(
    "tenant.enable", _("Enable tenant"), "admin", "lock-open", obstacle=_enabled, proof=Proof.FRESH
)
TENANT_DELETE = declare_account(
    "tenant.delete", _("Delete tenant"), "admin", "trash", destructive=True, no_proof=TAKES_AWAY
)
# Carried out by apps.quotas; declared here so that the tenant's page can lead there. Limits of resources.
TENANT_SET_QUOTAS = declare_account(
    "tenant.set_quotas", _("Set quotas"), "admin", "gauge", verb_class=VerbClass.RESOURCE
)
TENANT_RECOUNT = declare_account(
    "tenant.recount", _("Recalculate quotas"), "admin", "calculator", verb_class=VerbClass.RESOURCE
)
TENANT_ACT_AS = declare_account(
    "tenant.act_as", _("Act as this tenant"), "admin", "user-share", proof=Proof.FRESH
)
TENANT_STOP_ACTING = declare_account(
    "tenant.stop_acting",
    _("Stop acting"),
    "admin",
    "user-x",
    verb_class=VerbClass.OWN_ACCOUNT,
    while_acting=True,
)
