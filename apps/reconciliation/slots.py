"""What findings add to other apps' pages, and what reconciliation learns from the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.infrastructure import reports
from apps.infrastructure.pages import attention
from apps.portal.slots import BADGES, MENU, NOTICES, BadgeSlot, MenuSlot, NoticeSlot, Section
from apps.quotas import recount
from apps.reconciliation.counts import note_quotas
from apps.reconciliation.host_scan import look_at_reports
from apps.reconciliation.notices import overview_items, resource_notice
from apps.reconciliation.selectors import count_open

BADGES.fill(BadgeSlot("admin:finding.list", count_open))
MENU.fill(
    MenuSlot("finding.list", _("Inconsistencies"), "git-compare", admin=(Section.OPERATION, 20)),
)
NOTICES.fill(NoticeSlot(resource_notice))
attention.more.fill(overview_items)
reports.listeners.fill(look_at_reports)
recount.drift_listeners.fill(note_quotas)
