"""Creating: one page, sections, a summary that stays in view; whatever is refused, nothing typed is lost.

With `api`, the kind's class of the API, the page shows beside the form what would come of it, renewed while one types:
the same forecast that `?dry_run=1` answers, and the call that does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.api.dry_run import forecast
from apps.api.views import ObjectApi
from apps.lifecycle.acts import service_of
from apps.lifecycle.errors import Refused
from apps.lifecycle.forecast import Forecast, QuotaLine, quota_reader
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.verbs import Proof
from apps.portal import toasts
from apps.portal.field_checks import touched_in
from apps.portal.form_once import new_token, once
from apps.portal.forms import BaseForm
from apps.portal.kinds import PageKind, Text, resource_url
from apps.portal.page import Page
from apps.portal.prefill import as_typed, query_values, say_what_is_not_kept
from apps.portal.summary import Summary, as_json, call_for, cleaned, errors_at

#: In the query of a POST that asks for the summary only.
PREVIEW = "preview"
#: In the query of a link to the page: the key of a row whose values fill the form.
LIKE = "like"
#: In the query of a POST that only fills in the form: from another form that has the same fields.
DRAFT = "draft"


@dataclass(frozen=True)
class Section:
    """A part of the form. `template` draws it by hand; else its fields stand one below the other.

    folded: closed at first, unless something in it is wrong. css: a class for it. help: its topic, if not the kind's.
    """

    title: Text
    fields: Sequence[str]
    text: Text = ""
    template: str = ""
    folded: bool = False
    css: str = ""
    help: str = ""

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return f"section-{slugify(self.fields[0] if self.fields else self.template)}"


class CreatePage(Page):
    """Subclass with `of` and `form`; `submit`, `sections`, `api` and `aside` where wanted."""

    template_name = "portal/create.html"
    of: ClassVar[PageKind]
    form: ClassVar[type[BaseForm]]
    sections: ClassVar[Sequence[Section]] = ()
    #: The kind's API, whose create the summary tries.
    api: ClassVar[type[ObjectApi] | None] = None
    #: False where trying costs as much as doing (passwords are hashed): the summary then tells what is missing only.
    tries: ClassVar[bool] = True
    #: Fields whose null says something, so that the API's body has it.
    said_when_null: ClassVar[Sequence[str]] = ()
    #: Template of the answer to a preview.
    preview_template: ClassVar[str] = "portal/create_preview.html"
    #: Another page whose form can be filled in from this one: the button's text and icon, the page's name.
    elsewhere: ClassVar[tuple[Text, str, str] | None] = None
    #: Template with the kind's own part of the summary; it gets `seen`, the forecast.
    aside: ClassVar[str] = ""

    @property
    def needs_proof(self) -> bool:
        """As its verb says."""
        return self.of.create is not None and self.of.create.proof is Proof.FRESH

    def submit(self, data: dict[str, Any]) -> Operation | Sequence[Operation] | Resource | Any:
        """Create from the cleaned data; by default with the service of the kind's create."""
        assert self.of.create is not None
        return service_of(self.of.create)(self.actor, **data)

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the API's body for cleaned data, of which fields that are wrong are missing."""
        return {name: value.pk if isinstance(value, Model) else value for name, value in data.items()}

    def values_of(self, row: Any) -> dict[str, Any]:
        """Return what fills the form for another one like `row`."""
        return {}

    def more(self, form: BaseForm) -> dict[str, Any]:
        """Return what the aside's or the sections' templates need beside the form."""
        return {}

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; values may be given in the query, so that a link can pre-fill it."""
        given = query_values(request.GET, self.form)
        if LIKE in request.GET:
            given = {**self.values_of(self.of.found(self.actor, request.GET[LIKE])), **given}
        return self._draw(self.form(actor=self.actor, initial=given))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create; or only tell what that would come to."""
        form = self.form(request.POST, request.FILES, actor=self.actor)
        if DRAFT in request.GET:
            return self._draw(self.form(actor=self.actor, initial=query_values(request.POST, self.form)))
        if PREVIEW in request.GET:
            return self._preview(form)
        if not form.is_valid():
            return self._draw(form, status=422)
        try:
            return once(
                request, self.actor, lambda: self.finish(self.submit(form.cleaned_data)), self._sent_before
            )
        except Refused as error:
            form.refuse(error)
            return self._draw(form, refused=error, status=error.status)

    def finish(self, outcome: Any) -> HttpResponse:
        """Lead on to what was created."""
        done = _("%(one)s created") % {"one": str(self.of.one).capitalize()}
        toasts.keep(self.request, toasts.toast_for(outcome, self.area, done))
        return self.go(self._next(outcome))

    def _sent_before(self, path: str) -> HttpResponse:
        """Lead to what the form made when it was sent first."""
        toast = toasts.Toast(
            _("This form was sent twice. It was processed once."),
            hint="" if path else _("Secrets are shown only once."),
        )
        toasts.keep(self.request, toast)
        return self.go(path or self.of.url(self.area, "list"))

    def summary(self, form: BaseForm) -> Summary | None:
        """Return what creating from a form that has been looked at would come to; None for a page without `api`."""
        if self.api is None or self.api.create is None:
            return None
        body = {
            name: value
            for name, value in self.body(cleaned(form)).items()
            if value not in (None, "", []) or (value is None and name in self.said_when_null)
        }
        seen = forecast(self.actor, self.api.create, as_json(body)) if self.tries else Forecast()
        if not seen.quotas and not seen.forbidden:
            seen.quotas.extend(self._own_quota())
        return Summary(form, seen, call_for(self.request, self.of.plural, form, body))

    def _own_quota(self) -> list[QuotaLine]:
        """Return what one more takes of the quota that counts the kind, as long as nothing could be tried."""
        tenant = self.actor.tenant
        return quota_reader().lines_for(tenant.pk, {self.of.kind: 1}) if tenant is not None else []

    def _next(self, outcome: Any) -> str:
        if isinstance(outcome, Operation):
            return resource_url(self.area, self.of.kind, outcome.target_id) or self.of.url(self.area, "list")
        return self.of.url(self.area, "list")

    def _preview(self, form: BaseForm) -> HttpResponse:
        """Return the summary, and for the fields typed in so far what is wrong with each."""
        summary = self.summary(form)
        touched = touched_in(self.request)
        context = {
            "form": form,
            "summary": summary,
            "seen": summary and summary.seen,
            "field_errors": [(bound, errors_at(bound, summary, touched)) for bound in form.visible_fields()],
            "title": self._title,
            **self.more(form),
        }
        return self.show(context, self.preview_template)

    def _draw(self, form: BaseForm, *, refused: Refused | None = None, status: int = 200) -> HttpResponse:
        # A form not sent yet is looked at as if it had been sent as it stands.
        summary = self.summary(form if form.is_bound else as_typed(form))
        if form.is_bound:
            say_what_is_not_kept(form)
        context = {
            "form": form,
            "summary": summary,
            "seen": summary and summary.seen,
            "sections": [(s, [form[name] for name in s.fields]) for s in self._sections(form)],
            "refused": refused,
            "request_id": getattr(self.request, "request_id", ""),
            "back": self.of.url(self.area, "list"),
            "elsewhere": self.elsewhere and (*self.elsewhere[:2], self._elsewhere_url(self.elsewhere[2])),
            **self.more(form),
            "title": self._title,
            "form_token": new_token(),
        }
        return self.show(context, status=status)

    @property
    def _title(self) -> Text:
        return self.title or (self.of.create.label if self.of.create else self.of.one)

    def _elsewhere_url(self, name: str) -> str:
        return f"{reverse(f'{self.area}:{name}')}?{DRAFT}=1"

    def _sections(self, form: BaseForm) -> Sequence[Section]:
        return self.sections or [Section("", list(form.fields))]
