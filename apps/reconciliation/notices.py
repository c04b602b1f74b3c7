"""What other pages show of findings: the overview, a resource's own page, a host's."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.infrastructure.models import Host, Region
from apps.infrastructure.pages.attention import AttentionItem
from apps.lifecycle.models import Resource
from apps.lifecycle.stored_messages import rendered_message
from apps.portal.detail import DetailPage, Notice
from apps.reconciliation.models import Finding, FindingState, Rule

#: So many are named on a page; the rest are counted.
NAMED = 5
TRUE = (FindingState.OPEN, FindingState.REPAIRING)


def overview_items(region: Region | None) -> Iterator[AttentionItem]:
    """Say how many findings wait for somebody, on the platform or in a region."""
    found = Finding.objects.filter(state=FindingState.OPEN)
    if region is not None:
        places = Q(region=region) | Q(host__region=region) | Q(storage_cluster__region=region)
        found = found.filter(places)
    count = found.count()
    if count:
        text = ngettext("%(n)s inconsistency", "%(n)s inconsistencies", count) % {"n": count}
        url = f"{reverse('admin:finding.list')}?state={FindingState.OPEN}"
        yield AttentionItem("warn", text, url, _("The database and the actual state differ"))


def resource_notice(page: DetailPage, row: Resource) -> Notice | None:
    """Return what is to be said on a resource's page: one query."""
    if not page.admin:
        return _for_tenants(row)
    about = Q(host=row.pk) if isinstance(row, Host) else Q(resource=row.pk)
    findings = list(
        Finding.objects.filter(about, state__in=TRUE).order_by("-first_seen_at", "pk")[: NAMED + 1]
    )
    if not findings:
        return None
    lines: list[tuple[str, str]] = [
        (_line(finding), reverse("admin:finding.one", args=[finding.pk])) for finding in findings[:NAMED]
    ]
    if len(findings) > NAMED:
        query = f"host={row.pk}" if isinstance(row, Host) else f"resource={row.pk}"
        lines.append((_("See all"), f"{reverse('admin:finding.list')}?{query}"))
    return Notice(_("The database and the actual state differ:"), lines)


def _line(finding: Finding) -> str:
    return _("%(name)s: %(what)s") % {"name": finding.name, "what": rendered_message(finding.kept)}


def _for_tenants(row: Resource) -> Notice | None:
    """Tenants are told that something is known of what is theirs, and nothing of hosts and generations."""
    mine = Finding.objects.filter(
        resource=row.pk, state__in=TRUE, rule__in=(Rule.STALE, Rule.UNSYNCED), tenant=row.tenant_id
    )
    if row.tenant_id is None or not mine.exists():
        return None
    return Notice(_("The actual state may differ from what is shown. The administrators are notified."))
