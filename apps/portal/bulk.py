"""One verb on many rows, from a list: what can be done with those selected, what will happen to each, and doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.access import forbidden
from apps.accounts.access_recheck import while_access_holds
from apps.lifecycle import batches
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.legality import Possibility
from apps.lifecycle.verbs import Proof
from apps.portal.field_checks import field_errors, is_check
from apps.portal.forms import BaseForm
from apps.portal.kinds import Do, PageKind, Text
from apps.portal.lists import ListPage
from apps.portal.page import Page, lead_to_proof


@dataclass(frozen=True)
class Offered:
    """A verb as the bar shows it: on how many of those selected it is possible, and why on none."""

    do: Do
    possible: int
    reason: str = ""


@dataclass(frozen=True)
class Wanted:
    """One row of the question: what goes and stays with it, or why it is left out."""

    row: Any
    key: str
    says: Sequence[Text] = ()
    reason: str = ""


class BulkPage(Page):
    """GET: the bar for what is selected. POST: the question, and with its `token` the deed."""

    template_name = "portal/bulk_question.html"
    # Set per route by `kind_paths`.
    of: PageKind = None  # type: ignore[assignment]
    shown_by: type[ListPage] = None  # type: ignore[assignment]

    def get(self, request: HttpRequest) -> HttpResponse:
        """The bar, judged for the rows in `key`, or for all that match `query`; the list for whoever comes by hand."""
        if not self.is_part:
            return self.go(self.of.url(self.area, "list"))
        rows = self._selected(request.GET)
        return self.show({"count": len(rows), "offered": self._offered(rows)}, "portal/bulk_bar.html")

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask; carry out what was asked about and confirmed."""
        do = self._do(request.POST.get("action", ""))
        if do.verb.proof is Proof.FRESH and not self.actor.recent:
            return lead_to_proof(request, self.of.url(self.area, "list"))
        keys = list_of_keys(request.POST)
        rows = self._selected(request.POST)
        token = request.POST.get("token", "")
        form = self._form(do, request.POST if token else None)
        if is_check(request):
            return field_errors(self, form)
        if not token or (form is not None and not form.is_valid()):
            gone = 0 if token else max(0, len(keys) - len(rows))
            return self._ask(do, rows, form, gone=gone, status=422 if token else 200)
        if do.verb.destructive and request.POST.get("typed", "").strip() != phrase(do, len(keys)):
            return self._ask(do, rows, form, mistyped=True, status=422)
        try:
            return self._carry_out(do, keys, rows, form.cleaned_data if form else {}, token)
        except Refused as error:
            if form is None:
                raise
            form.refuse(error)
            return self._ask(do, rows, form, refused=error, status=error.status)

    def _carry_out(
        self, do: Do, keys: Sequence[str], rows: Sequence[Any], values: Mapping[str, Any], token: str
    ) -> HttpResponse:
        if not self.rights.may_somewhere(do.verb):
            raise forbidden(self.actor, do.verb)  # once, not for each of 500
        found = {str(self.of.key_of(row)): row for row in rows}
        targets = [(key, str(found.get(key, ""))) for key in keys]
        # Apart from the keys that API callers choose.
        own = f"page:{token}"[:255]
        batch, _is_new = batches.open_batch(self.actor, self.of.kind, do.verb, targets, values, own)
        act_on = while_access_holds(self.actor, lambda row: do.service(self.actor, row, **values))
        left = batches.carry_out(self.actor, batch, found, act_on)
        outcome = reverse(f"{self.area}:bulk.one", args=[batch.pk])
        return self._go_on(do, outcome, len(keys), left) if left else self.go(outcome)

    def _go_on(self, do: Do, outcome: str, total: int, left: int) -> HttpResponse:
        """Have the same form sent again for the rest: by itself in the dialog, by a button without JavaScript."""
        sent = [(name, value) for name, values in self.request.POST.lists() for value in values]
        context = {
            "title": _("%(label)s: %(n)s selected") % {"label": do.verb.label, "n": total},
            "repeated": [(name, value) for name, value in sent if name != "csrfmiddlewaretoken"],
            "outcome": outcome,
            "total": total,
            "reached": total - left,
        }
        if not self.is_part:
            return self.show(context, "portal/bulk_on.html")
        return _in_dialog(self.show(context, "portal/bulk_on_dialog.html"))

    def _do(self, slug: str) -> Do:
        for do in self.of.for_many:
            if do.slug == slug:
                return do
        raise Invalid({"action": [_("Choose an action for the selected rows.")]})

    def _form(self, do: Do, data: Any) -> BaseForm | None:
        return do.form(data, actor=self.actor) if do.form is not None else None

    # -- what is selected ----------------------------------------------------------------------------------------------

    def _selected(self, data: QueryDict) -> list[Any]:
        """Return the rows that were picked and are still in view. Raises Invalid for none named, or for too many."""
        if data.get("all"):
            rows = list(self._matching(data.get("query", ""))[: batches.MOST + 1])
            if len(rows) > batches.MOST:
                raise Invalid(
                    {"all": [_("More than %(most)s rows match.") % {"most": batches.MOST}]},
                    hint=_("Use filters to narrow the list, and repeat the action in parts."),
                )
            return rows
        keys = list_of_keys(data)
        if not 1 <= len(keys) <= batches.MOST:
            raise Invalid({"key": [_("Select 1 to %(most)s rows.") % {"most": batches.MOST}]})
        found = self.of.rows(self.actor).filter(**{f"{self.of.key}__in": self._valid(keys)})
        place = {key: number for number, key in enumerate(keys)}
        return sorted(found, key=lambda row: place.get(str(self.of.key_of(row)), 0))

    def _matching(self, query: str) -> Any:
        """Return the rows of the list as its own URL would show them."""
        request = copy(self.request)
        request.GET = QueryDict(query)
        page = self.shown_by(admin=self.admin)
        page.setup(request)
        return page.matching()

    def _valid(self, keys: Sequence[str]) -> list[str]:
        if self.of.converter == "uuid":
            return [key for key in keys if _is_uuid(key)]
        if self.of.converter == "int":
            return [key for key in keys if key.isdecimal() and len(key) < 10]
        return list(keys)

    # -- what is possible ----------------------------------------------------------------------------------------------

    def _judged(self, rows: Sequence[Any]) -> list[tuple[Any, dict[str, Possibility]]]:
        return [(row, {p.verb.name: p for p in self.of.judge(self.rights, row)}) for row in rows]

    def _offered(self, rows: Sequence[Any]) -> list[Offered]:
        judged = [possible for _row, possible in self._judged(rows)]
        offered = []
        for do in self.of.for_many:
            of_verb = [each[do.verb.name] for each in judged if do.verb.name in each]
            # What only administrators have is not even named to others.
            if of_verb or do.verb.permission != "admin":
                offered.append(_offer(do, of_verb))
        return offered

    def _ask(
        self,
        do: Do,
        rows: Sequence[Any],
        form: BaseForm | None,
        *,
        gone: int = 0,
        mistyped: bool = False,
        refused: Refused | None = None,
        status: int = 200,
    ) -> HttpResponse:
        can, cannot = self._parted(do, rows)
        shared = _shared(can)
        context = {
            "title": _("%(label)s: %(n)s selected") % {"label": do.verb.label, "n": len(rows) + gone},
            "do": do,
            "can": can,
            "cannot": cannot,
            "gone": gone,
            "left_out": len(cannot) + gone,
            "shared": shared,
            "differs": any(set(each.says) - set(shared) for each in can),
            "phrase": phrase(do, len(can)) if do.verb.destructive else "",
            "token": self.request.POST.get("token") or uuid4(),
            "form": form,
            "mistyped": mistyped,
            "refused": refused,
            "request_id": getattr(self.request, "request_id", ""),
            "back": self.of.url(self.area, "list"),
        }
        if not self.is_part:
            return self.show(context, status=status)
        return _in_dialog(self.show(context, "portal/bulk_dialog.html", status))

    def _parted(self, do: Do, rows: Sequence[Any]) -> tuple[list[Wanted], list[Wanted]]:
        can, cannot = [], []
        for row, possible in self._judged(rows):
            judged = possible.get(do.verb.name)
            key = str(self.of.key_of(row))
            if judged is not None and judged.allowed:
                can.append(Wanted(row, key, says=[str(line) for line in do.says(row)] if do.says else []))
            else:
                cannot.append(
                    Wanted(row, key, reason=judged.reason if judged else _("Not possible for this resource."))
                )
        return can, cannot


def _in_dialog(response: HttpResponse) -> HttpResponse:
    response["HX-Retarget"], response["HX-Reswap"] = "#dialog-content", "innerHTML"
    return response


def _offer(do: Do, judged: Sequence[Possibility]) -> Offered:
    possible = sum(each.allowed for each in judged)
    reasons = Counter(each.reason for each in judged if not each.allowed)
    often = reasons.most_common(1)[0][0] if reasons else _("Not possible for any of these resources.")
    return Offered(do, possible, "" if possible else often)


def phrase(do: Do, count: int) -> str:
    """Return what must be typed before something is destroyed: the same in every language, as it stands in paths."""
    return f"{do.slug} {count}"


def list_of_keys(data: QueryDict) -> list[str]:
    """Return what was picked, each once, in the order of the list."""
    return list(dict.fromkeys(key for key in data.getlist("key") if 0 < len(key) <= 64))


def _shared(wanted: Sequence[Wanted]) -> list[Text]:
    """Return what is said of every row alike, to be said once."""
    return [line for line in wanted[0].says if all(line in each.says for each in wanted)] if wanted else []


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
