"""What reconciliation itself keeps: recounts of quotas, which beat asks of quotas."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from apps.reconciliation.declared import Counted, declare_count

declare_count(Counted("quota", _("%(found)s were counted as used, but %(wanted)s exist. Corrected.")))
