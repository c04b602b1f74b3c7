"""Verbs about API keys."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.verbs.declaring import TAKES_AWAY, declare_account
from apps.lifecycle.verbs import Proof

KEY_ISSUE = declare_account("api_key.create", _("Create API key"), "self", "plus", proof=Proof.FRESH)
KEY_DERIVE = declare_account(
    "api_key.derive",
    _("Create API key with another key"),
    "self",
    "plus",
    no_proof="gives nothing that the key it is made with has not",
)
KEY_REVOKE = declare_account(
    "api_key.revoke", _("Revoke"), "self", "trash", destructive=True, no_proof=TAKES_AWAY
)
