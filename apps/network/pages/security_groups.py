"""Security groups in the portals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Resource
from apps.network import selectors
from apps.network.filters import SecurityGroupFilter
from apps.network.models import Nic, Protocol, SecurityGroup, SecurityGroupRule
from apps.network.rule_ports import port_text
from apps.network.rule_shortcuts import service_name
from apps.network.verbs import (
    SECURITY_GROUP_CREATE,
    SECURITY_GROUP_DELETE,
    SECURITY_GROUP_RENAME,
    SECURITY_GROUP_RETRY,
    SECURITY_GROUP_SET_RULES,
)
from apps.portal.columns import (
    CREATED,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REGION,
    STATE,
    TENANT,
    UPDATED,
    Column,
)
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, DetailPage, Property, Tab
from apps.portal.facets import choice_facet, project_facet, region_facet, status_facet, tenant_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.status_filter import with_status

MOST_NICS = 200


def _what_goes(group: SecurityGroup) -> list[str]:
    return [
        _("The group and its %(n)s rules are deleted. It must not be in use.") % {"n": group.rules.count()}
    ]


SECURITY_GROUP = PageKind(
    "security_group",
    "security-groups",
    one=gettext_lazy("security group"),
    many=gettext_lazy("Security groups"),
    icon="shield",
    help="networks#security-groups",
    visible=selectors.visible_security_groups,
    create=SECURITY_GROUP_CREATE,
    actions=(
        Do(SECURITY_GROUP_SET_RULES, opens="security_group.rules"),
        Do(SECURITY_GROUP_RETRY),
        Do(SECURITY_GROUP_RENAME, form=LabelsForm),
        Do(SECURITY_GROUP_DELETE, says=_what_goes),
    ),
)


class SecurityGroupList(ListPage):
    of = SECURITY_GROUP
    columns = (
        NAME,
        STATE,
        Column(
            "rules",
            gettext_lazy("Rules"),
            lambda row, page: len(row.rules.all()),
            sort=selectors.RULE_COUNT,
            end=True,
        ),
        Column(
            "bound",
            gettext_lazy("Used by"),
            lambda row, page: row.bound_count,
            sort="bound_count",
            filter="bindings",
            end=True,
        ),
        TENANT,
        PROJECT,
        REGION,
        CREATED,
        UPDATED,
        ID,
        DESCRIPTION,
    )
    filter = with_status(SecurityGroupFilter, SecurityGroup, "security_group")
    watch = ("vm",)
    facets = (
        status_facet,
        choice_facet(
            "bound", gettext_lazy("Usage"), lambda page: [("true", _("In use")), ("false", _("Unused"))]
        ),
        choice_facet("action", gettext_lazy("Action"), lambda page: list(SecurityGroupRule.Action.choices)),
        tenant_facet,
        project_facet,
        region_facet,
    )
    empty = Empty(
        gettext_lazy("No security groups yet"),
        gettext_lazy("A security group defines which traffic a VM may receive and send."),
    )


def _rules(page: DetailPage, group: SecurityGroup) -> dict[str, Any]:
    rules = list(group.rules.all())
    return {
        "directions": [
            (label, [_shown(rule) for rule in rules if rule.direction == direction])
            for direction, label in SecurityGroupRule.Direction.choices
        ]
    }


def _shown(rule: SecurityGroupRule) -> dict[str, Any]:
    port = port_text(rule.port_min, rule.port_max)
    has_ports = rule.protocol in {Protocol.ALL, Protocol.ALL_TCP, Protocol.ALL_UDP}
    return {
        "rule": rule,
        "port": port or (_("all") if has_ports else ""),
        "service": service_name(rule.protocol, port),
    }


def _used_by(page: DetailPage, group: Any) -> dict[str, Any]:
    nics = selectors.visible_nics(page.actor).filter(security_group=group).order_by("owner__name", "ip")
    return {"nics": nics[:MOST_NICS], "most": MOST_NICS, "more": group.bound_count > MOST_NICS}


class SecurityGroupDetail(DetailPage):
    of = SECURITY_GROUP
    primary = ("set_rules",)
    tabs = (
        Tab("", gettext_lazy("Rules"), "network/security_group_rules.html", _rules),
        Tab("used-by", gettext_lazy("Used by"), "network/security_group_used_by.html", _used_by),
        ACTIVITY,
    )

    def facts(self, row: Any) -> Sequence[Property]:
        """How many NICs it guards."""
        return [Property(_("Used by"), _("%(n)s NICs") % {"n": row.bound_count})]

    def used_by(self, row: Any) -> Sequence[Related]:
        """Machines and elastic NICs whose traffic it decides."""
        owners = Nic.objects.filter(security_group=row).values("owner")
        return [
            Related("vm", Resource.objects.filter(kind="vm", pk__in=owners), f"security_group={row.pk}"),
            Related("eni", Resource.objects.filter(kind="eni", pk__in=owners), f"security_group={row.pk}"),
        ]

    def watch(self, row: Any) -> Sequence[str]:
        """Machines that are bound and unbound."""
        return ["vm", "eni"]
