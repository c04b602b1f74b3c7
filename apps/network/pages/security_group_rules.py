"""Typing the rules of a security group: with a new group, and all of one group together."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import Operation
from apps.network.api.security_groups import SecurityGroupsApi
from apps.network.forms import SecurityGroupForm
from apps.network.pages.rule_editor import RuleEditor
from apps.network.pages.security_groups import SECURITY_GROUP
from apps.network.rules import parse_rules
from apps.network.services.default_network import DEFAULT_RULES
from apps.network.services.security_group import create_security_group, set_rules
from apps.portal import toasts
from apps.portal.create import PREVIEW, CreatePage, Section
from apps.portal.field_checks import is_check
from apps.portal.forms import BaseForm
from apps.portal.page import Page


class SecurityGroupCreate(CreatePage):
    template_name = "network/security_group_create.html"
    of = SECURITY_GROUP
    form = SecurityGroupForm
    api = SecurityGroupsApi
    preview_template = "network/security_group_preview.html"
    sections = (
        Section(gettext_lazy("Basics"), ("name", "description", "project", "region")),
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
        if is_check(request):
            editor.check()
            return self.show({"editor": editor}, "network/rule_checks.html")
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
