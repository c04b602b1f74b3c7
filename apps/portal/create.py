"""Creating: one page, sections, a summary that stays in view; whatever is refused, nothing typed is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation, Resource
from apps.portal import feedback
from apps.portal.forms import KitForm
from apps.portal.kinds import PageKind, Text, resource_url
from apps.portal.page import Page


@dataclass(frozen=True)
class Section:
    """A part of the form. `template` draws it by hand; else its fields stand one below the other."""

    title: Text
    fields: Sequence[str]
    text: Text = ""
    template: str = ""


class CreatePage(Page):
    """Subclass with `of`, `form`, and `submit`; `sections` and `aside` (a template for the summary) where wanted."""

    template_name = "portal/create.html"
    of: ClassVar[PageKind]
    form: ClassVar[type[KitForm]]
    sections: ClassVar[Sequence[Section]] = ()
    aside: ClassVar[str] = ""

    def submit(self, data: dict[str, Any]) -> Operation | Sequence[Operation] | Resource | Any:
        """Call the service with the cleaned data and return what it returns."""
        raise NotImplementedError

    def more(self, form: KitForm) -> dict[str, Any]:
        """Return what the aside's or the sections' templates need beside the form."""
        return {}

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; values may be given in the query, so that a link can pre-fill it."""
        given = {name: request.GET[name] for name in self.form.base_fields if name in request.GET}
        return self._draw(self.form(actor=self.actor, initial=given))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create."""
        form = self.form(request.POST, request.FILES, actor=self.actor)
        if not form.is_valid():
            return self._draw(form, status=422)
        try:
            outcome = self.submit(form.cleaned_data)
        except Refused as error:
            form.refuse(error)
            return self._draw(form, refused=error, status=error.status)
        return self.finish(outcome)

    def finish(self, outcome: Any) -> HttpResponse:
        """Lead on to what was created."""
        done = _("%(one)s created") % {"one": str(self.of.one).capitalize()}
        feedback.keep(self.request, feedback.toast_for(outcome, self.area, done))
        return self.go(self._next(outcome))

    def _next(self, outcome: Any) -> str:
        if isinstance(outcome, Operation):
            return resource_url(self.area, self.of.kind, outcome.target_id) or self.of.url(self.area, "list")
        return self.of.url(self.area, "list")

    def _draw(self, form: KitForm, *, refused: Refused | None = None, status: int = 200) -> HttpResponse:
        verb = self.of.create
        context = {
            "title": self.title or (verb.label if verb else self.of.one),
            "form": form,
            "sections": [(s, [form[name] for name in s.fields]) for s in self._sections(form)],
            "refused": refused,
            "request_id": getattr(self.request, "request_id", ""),
            "back": self.of.url(self.area, "list"),
            **self.more(form),
        }
        return self.show(context, status=status)

    def _sections(self, form: KitForm) -> Sequence[Section]:
        return self.sections or [Section("", list(form.fields))]
