"""Who has a role on one resource: a fact of every resource's page, for who may grant one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.selectors import runs_tenant, visible_resource_roles
from apps.portal import html
from apps.portal.detail import DetailPage, Property


def access_facts(page: DetailPage, row: Any) -> Sequence[Property]:
    """Say how many members have a role on this resource, leading to them, and to granting one."""
    if row.tenant_id is None or not runs_tenant(page.actor):
        return []
    given = visible_resource_roles(page.actor).filter(content_object=row).order_by().count()
    create, listed = (reverse(f"{page.area}:resource_role.{name}") for name in ("create", "list"))
    grant = html.link(f"{create}?resource={row.pk}", _("Grant role"))
    if not given:
        return [Property(_("Access"), grant)]
    members = ngettext("%(n)s member", "%(n)s members", given) % {"n": given}
    link = html.link(f"{listed}?resource={row.pk}", members)
    return [Property(_("Access"), format_html("{} · {}", link, grant))]
