"""Carrying out a verb from a page: the question before it (a dialog, or a page without scripts) and the POST."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from apps.accounts.single_line import composed
from apps.lifecycle.errors import Refused
from apps.lifecycle.verbs import Proof
from apps.portal import toasts
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm, RowForm
from apps.portal.kinds import Do, PageKind, resource_url
from apps.portal.page import Page
from apps.portal.prefill import query_values


def name_to_type(row: Any) -> str:
    """Return what must be typed before a row is deleted: its name."""
    return str(getattr(row, "name", "") or row)


def is_typed(typed: str, wanted: str) -> bool:
    """Whether the name was typed, in whichever form the keyboard sends its accents."""
    return composed(typed.strip()) == composed(wanted.strip())


class ActionPage(Page):
    """One verb of one kind. GET asks; only POST changes anything."""

    template_name = "portal/confirm.html"
    # Set per route by `kind_paths`.
    of: PageKind = None  # type: ignore[assignment]
    do: Do = None  # type: ignore[assignment]

    @property
    def needs_proof(self) -> bool:
        """As its verb says."""
        return self.do.verb.proof is Proof.FRESH

    def get(self, request: HttpRequest, key: object) -> HttpResponse:
        """Ask for what the verb needs, and say what it does."""
        row = self.of.found(self.actor, key)
        return self._ask(row, self._form(row, given=request.GET))

    def post(self, request: HttpRequest, key: object) -> HttpResponse:
        """Do it."""
        row = self.of.found(self.actor, key)
        form = self._form(row, request.POST)
        if is_check(request):
            return field_errors(self, form)
        if form is not None and not form.is_valid():
            return self._ask(row, form, status=422)
        if self.do.wants_name and not is_typed(request.POST.get("typed_name", ""), name_to_type(row)):
            return self._ask(row, form, mistyped=True, status=422)
        try:
            outcome = self.do.service(self.actor, row, **(form.cleaned_data if form else {}))
        except Refused as error:
            # Where it was asked, it is answered: in the dialog, at the form. A bare button gets a toast or a page.
            if form is None and not (self.do.asks and self.is_part):
                raise
            if form is not None:
                form.refuse(error)
            return self._ask(row, form, refused=error, status=error.status)
        return self._answer(row, toasts.toast_for(outcome, self.area, self._done_text(row)))

    def _form(self, row: Any, data: Any = None, given: QueryDict | None = None) -> BaseForm | None:
        """Return the form filled in from the row, or from what a link to it gives."""
        form = self.do.form
        if form is None:
            return None
        values = {name: getattr(row, name) for name in form.base_fields if hasattr(row, name)}
        values |= query_values(given, form) if given is not None else {}
        if issubclass(form, RowForm):
            return form(data, actor=self.actor, initial=values, row=row)
        return form(data, actor=self.actor, initial=values)

    def _ask(
        self,
        row: Any,
        form: forms.Form | None,
        *,
        mistyped: bool = False,
        refused: Refused | None = None,
        status: int = 200,
    ) -> HttpResponse:
        context = {
            "title": f"{self.do.verb.label}: {row}",
            "row": row,
            "do": self.do,
            "form": form,
            "name_to_type": name_to_type(row) if self.do.wants_name else "",
            "says": [
                *(self.do.says(row) if self.do.says else []),
                *(form.says() if isinstance(form, RowForm) else []),
            ],
            "mistyped": mistyped,
            "refused": refused,
            "request_id": getattr(self.request, "request_id", ""),
            "back": self._back(row),
        }
        if not self.is_part:
            return self.show(context, status=status)
        response = self.show(context, "portal/confirm_dialog.html", status)
        # A form that is refused is shown again where it was typed.
        response["HX-Retarget"], response["HX-Reswap"] = "#dialog-content", "innerHTML"
        return response

    def _answer(self, row: Any, toast: toasts.Toast) -> HttpResponse:
        if self.is_part:
            return toasts.show(self.request, toast)
        toasts.keep(self.request, toast)
        return self.go(self._back(row))

    def _back(self, row: Any) -> str:
        still_there = self.of.rows(self.actor).filter(pk=row.pk).exists()
        detail = resource_url(self.area, self.of.kind, self.of.key_of(row)) if still_there else ""
        return detail or self.of.url(self.area, "list")

    def _done_text(self, row: Any) -> str:
        return _("%(label)s: done for %(name)s") % {"label": self.do.verb.label, "name": row}


class MenuPage(Page):
    """The menu of one row, fetched when it is opened: 50 menus would weigh more than the list they stand in."""

    template_name = "portal/menu.html"
    of: PageKind = None  # type: ignore[assignment]

    def get(self, request: HttpRequest, key: object) -> HttpResponse:
        """Every action the kind has here, those not possible now with their reason."""
        row = self.of.found(self.actor, key)
        return self.show({"row": row, "offers": self.of.offers(self.rights, row, self.area)})
