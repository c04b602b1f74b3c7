"""Security groups in the portals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import Operation, Resource
from apps.network import selectors
from apps.network.api.security_groups import SecurityGroupsApi
from apps.network.filters import SecurityGroupFilter
from apps.network.forms import SecurityGroupForm
from apps.network.models import Nic, Protocol, SecurityGroup, SecurityGroupRule
from apps.network.pages.rule_editor import RuleEditor
from apps.network.rules import parse_rules, port_text, service_name
from apps.network.services.default_network import DEFAULT_RULES
from apps.network.services.security_group import (
    create_security_group,
    set_rules,
)
from apps.network.verbs import (
    SECURITY_GROUP_CREATE,
    SECURITY_GROUP_DELETE,
    SECURITY_GROUP_RENAME,
    SECURITY_GROUP_RETRY,
    SECURITY_GROUP_SET_RULES,
)
from apps.portal import toasts
from apps.portal.columns import (
    CREATED,
    ID,
    NAME,
    PROJECT,
    REGION,
    REMARK,
    STATE,
    TENANT,
    UPDATED,
    Column,
)
from apps.portal.create import PREVIEW, CreatePage, Section
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, DetailPage, Property, Tab
from apps.portal.facets import choice_facet, project_facet, region_facet, status_facet, tenant_facet
from apps.portal.forms import BaseForm, LabelsForm
from apps.portal.kinds import Do, PageKind
from apps.portal.lists import Empty, ListPage
from apps.portal.page import Page
from apps.portal.status_filter import with_status

MOST_NICS = 200


def _what_goes(group: SecurityGroup) -> list[str]:
    return [_("The group and its %(n)s rules go. It must be bound to nothing.") % {"n": group.rules.count()}]


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
            gettext_lazy("Bound to"),
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
        REMARK,
    )
    filter = with_status(SecurityGroupFilter, SecurityGroup, "security_group")
    watch = ("vm",)
    facets = (
        status_facet,
        choice_facet(
            "bound", gettext_lazy("Use"), lambda page: [("true", _("In use")), ("false", _("Unused"))]
        ),
        choice_facet("action", gettext_lazy("Action"), lambda page: list(SecurityGroupRule.Action.choices)),
        tenant_facet,
        project_facet,
        region_facet,
    )
    empty = Empty(
        gettext_lazy("No security groups yet"),
        gettext_lazy("A security group says which traffic reaches a machine, and which it may send."),
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
        return [Property(_("Bound to"), _("%(n)s NICs") % {"n": row.bound_count})]

    def used_by(self, row: Any) -> Sequence[Related]:
        """Machines whose traffic it decides."""
        owners = Nic.objects.filter(security_group=row).values("owner")
        return [Related("vm", Resource.objects.filter(pk__in=owners), f"security_group={row.pk}")]

    def watch(self, row: Any) -> Sequence[str]:
        """Machines that are bound and unbound."""
        return ["vm"]


class SecurityGroupCreate(CreatePage):
    template_name = "network/security_group_create.html"
    of = SECURITY_GROUP
    form = SecurityGroupForm
    api = SecurityGroupsApi
    sections = (
        Section(gettext_lazy("Basics"), ("name", "remark", "project", "region")),
        Section(
            gettext_lazy("Rules"),
            (),
            text=gettext_lazy(
                "Traffic that no rule accepts is dropped. Replies to accepted connections always pass. "
                "Reject answers the sender at once (TCP reset or ICMP unreachable). Drop sends no answer."
            ),
            template="network/rule_editor.html",
            help="networks#rules",
        ),
    )
    editor: RuleEditor

    def get(self, request: HttpRequest) -> HttpResponse:
        """Start with the rules most machines need."""
        self.editor = RuleEditor.of(parse_rules(DEFAULT_RULES))
        return super().get(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create; or change the rows and show them again."""
        self.editor = RuleEditor.typed(request.POST)
        if self.editor.apply(request.POST.get("do", "")):
            return self._draw(self.form(actor=self.actor, initial=request.POST.dict()))
        if not self.editor.check() and PREVIEW not in request.GET:
            form = self.form(request.POST, actor=self.actor)
            return self._draw(form, status=422)
        return super().post(request)

    def more(self, form: BaseForm) -> dict[str, Any]:
        """The rows."""
        return {"editor": self.editor}

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """With its rules, what is empty in them left out."""
        rules = [{name: value for name, value in entry.items() if value} for entry in self.editor.entries]
        return {**data, "rules": rules}

    def submit(self, data: dict[str, Any]) -> Operation:
        """Make the group with its rules."""
        return create_security_group(self.actor, **data, rules=self.editor.entries)


class RulesPage(Page):
    """All rules of one group, edited together and applied together."""

    template_name = "network/security_group_edit.html"

    def get(self, request: HttpRequest, key: object) -> HttpResponse:
        """Show the rules as they are."""
        group = SECURITY_GROUP.found(self.actor, key)
        return self._draw(group, RuleEditor.of(group.rules.all()), group.generation)

    def post(self, request: HttpRequest, key: object) -> HttpResponse:
        """Apply the rules; or change the rows and show them again."""
        group = SECURITY_GROUP.found(self.actor, key)
        editor = RuleEditor.typed(request.POST)
        given = request.POST.get("generation", "")
        generation = int(given) if given.isdecimal() and len(given) < 10 else group.generation
        if editor.apply(request.POST.get("do", "")):
            return self._draw(group, editor, generation)
        try:
            operation = set_rules(self.actor, group, rules=editor.entries, generation=generation)
        except Invalid as error:
            editor.mark(error)
            return self._draw(group, editor, generation, status=error.status)
        except Refused as error:
            return self._draw(group, editor, generation, refused=error, status=error.status)
        toasts.keep(request, toasts.toast_for(operation, self.area, ""))
        return self.go(SECURITY_GROUP.url(self.area, "one", group))

    def _draw(
        self,
        group: Any,
        editor: RuleEditor,
        generation: int,
        *,
        refused: Refused | None = None,
        status: int = 200,
    ) -> HttpResponse:
        context = {
            "title": _("Rules of %(name)s") % {"name": group.name},
            "group": group,
            "editor": editor,
            "generation": generation,
            "refused": refused,
            "request_id": getattr(self.request, "request_id", ""),
            "back": SECURITY_GROUP.url(self.area, "one", group),
        }
        return self.show(context, status=status)
