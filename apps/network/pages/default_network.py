"""The default network on the page of a project."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import Project
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.network.services.default_network import make_default_network, regions_without
from apps.network.verbs import DEFAULT_NETWORK_CREATE
from apps.portal.detail import DetailPage, Notice
from apps.portal.kinds import Do


def _of_project(actor: Actor, project: Project) -> list[Operation]:
    return make_default_network(actor, project=project.uid)


MAKE_DEFAULT = Do(DEFAULT_NETWORK_CREATE, adapter=_of_project, bulk=False)


def default_network_notice(page: DetailPage, project: Any) -> Notice | None:
    """Say where a project has no network, to whoever may create one."""
    if not page.rights.covers(DEFAULT_NETWORK_CREATE, project.pk, project.tenant_id):
        return None
    regions = ", ".join(region.label for region in regions_without(project))
    if not regions:
        return None
    button = page.of.url(page.area, DEFAULT_NETWORK_CREATE.action, project)
    text = _("The project has no VPC in: %(regions)s.") % {"regions": regions}
    return Notice(text, [(_("Create default network"), button)])
