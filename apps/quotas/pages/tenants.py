"""Tenants as administrators see them: with what they use of their quotas."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import ProjectUserObjectPermission, Tenant, User
from apps.accounts.selectors import held_roles, with_grants
from apps.audit.models import AuditEntry
from apps.lifecycle.models import Resource, State
from apps.portal import html
from apps.portal.columns import CREATED, NAME, Column
from apps.portal.detail import DetailPage, Tab
from apps.portal.kind_registry import list_pages
from apps.portal.lists import ListPage
from apps.quotas.filters import TenantUseFilter
from apps.quotas.metrics import Metric, metrics
from apps.quotas.models import Quota
from apps.quotas.pages.limits import limits_context
from apps.quotas.selectors import uses_of
from apps.tenancy.pages.tenants import MEMBERS_COLUMN, STATE_COLUMN, TenantDetail, TenantList

#: Lines of the activity tab; the operation log has them all.
LATEST = 50
#: Members and projects named on a tab.
MOST = 200


def _with_use(metric: str, tenants: QuerySet[Tenant]) -> QuerySet[Tenant]:
    row = Quota.objects.filter(tenant=OuterRef("pk"), metric=metric)
    whole = IntegerField()
    return tenants.annotate(
        **{
            f"used_{metric}": Coalesce(Subquery(row.values("used")[:1], output_field=whole), 0),
            f"limit_{metric}": Coalesce(Subquery(row.values("limit")[:1], output_field=whole), 0),
        }
    )


def _use(metric: Metric, row: Any, page: ListPage) -> SafeString:
    return use_bar(getattr(row, f"used_{metric.name}"), getattr(row, f"limit_{metric.name}"), metric.unit)


def use_bar(used: int, limit: int, unit: str) -> SafeString:
    """Return what is used of a limit, with its unit."""
    text = f"{number_format(used, force_grouping=True)} / {number_format(limit, force_grouping=True)} {unit}"
    return html.gauge(used, limit, text.strip())


def _column(metric: Metric) -> Column:
    used = f"used_{metric.name}"
    return Column(
        used,
        metric.label,
        partial(_use, metric),
        sort=used,
        width="bar",
        prepare=partial(_with_use, metric.name),
        text=lambda row, page: getattr(row, used),
    )


class TenantUseList(TenantList):
    columns = (
        NAME,
        STATE_COLUMN,
        *(_column(metric) for metric in metrics().values() if metric.foremost),
        MEMBERS_COLUMN,
        CREATED,
    )
    filter = TenantUseFilter
    more_filters = ("tight",)


def _overview(page: DetailPage, row: Tenant) -> dict[str, Any]:
    uses = [use for use in uses_of(page.actor, row) if use.metric.foremost]
    return {"groups": page.properties(row), "foremost": uses, "owners": _owners(row)}


def _owners(row: Tenant) -> QuerySet[User]:
    return User.objects.filter(tenant=row, is_tenant_owner=True).order_by("username")[:MOST]


def _quotas(page: DetailPage, row: Tenant) -> dict[str, Any]:
    return limits_context(page.actor, row)


def _projects(page: DetailPage, row: Tenant) -> dict[str, Any]:
    members = ProjectUserObjectPermission.objects.filter(content_object__tenant=row)
    people = dict(
        members.order_by().values_list("content_object_id").annotate(n=Count("user", distinct=True))
    )
    things = dict(
        Resource.objects.filter(tenant=row, project__isnull=False)
        .order_by()
        .values_list("project_id")
        .annotate(n=Count("pk"))
    )
    return {
        "projects": [
            {"row": project, "members": people.get(project.pk, 0), "resources": things.get(project.pk, 0)}
            for project in row.projects.all()[:MOST]
        ]
    }


def _members(page: DetailPage, row: Tenant) -> dict[str, Any]:
    users = with_grants(User.objects.filter(tenant=row).order_by("-is_tenant_owner", "username"))
    return {"members": [{"row": user, "roles": held_roles(user)} for user in users[:MOST]]}


def _resources(page: DetailPage, row: Tenant) -> dict[str, Any]:
    counts = (
        Resource.objects.filter(tenant=row)
        .order_by()
        .values("kind")
        .annotate(n=Count("pk"), failed=Count("pk", filter=Q(state=State.ERROR)))
    )
    by_kind = {each["kind"]: each for each in counts}
    lists = list_pages(page.area)
    return {
        "resources": [
            {
                "label": shown.of.many,
                "icon": shown.of.icon,
                "url": f"{shown.of.url(page.area, 'list')}?tenant={row.uid}",
                **by_kind[kind],
            }
            for kind, shown in lists.items()
            if kind in by_kind
        ]
    }


def _activity(page: DetailPage, row: Tenant) -> dict[str, Any]:
    entries = AuditEntry.objects.filter(tenant=row).select_related("operation").order_by("-at", "-pk")
    return {"entries": entries[:LATEST]}


class TenantUseDetail(TenantDetail):
    # Tabs of their own say what it has and what happened.
    has_context = False
    tabs = (
        Tab("", _("Overview"), "quotas/tenant_overview.html", _overview),
        Tab("quotas", _("Quotas"), "quotas/tenant_limits.html", _quotas),
        Tab("projects", _("Projects"), "quotas/tenant_projects.html", _projects),
        Tab("members", _("Members"), "quotas/tenant_members.html", _members),
        Tab("resources", _("Resources"), "quotas/tenant_resources.html", _resources),
        Tab("activity", _("Activity"), "quotas/tenant_activity.html", _activity),
    )
