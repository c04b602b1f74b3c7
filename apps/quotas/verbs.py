from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.lifecycle.verbs import Verb, declare

QUOTA_SET = declare(
    Verb("quota.set", label=_("Set quota"), doing=_("Setting quota"), permission="admin", on_resource=False)
)
