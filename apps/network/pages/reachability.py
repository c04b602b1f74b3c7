"""Connectivity check: why one VM cannot reach another."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.lifecycle.errors import Invalid
from apps.lifecycle.state_labels import StateLabel
from apps.network.models import NicRole
from apps.network.reachability.answer import Answer, check_reachability
from apps.network.reachability.endpoints import LONGEST
from apps.network.reachability.flow import FlowProtocol, flow_of
from apps.network.reachability.steps import Result
from apps.network.selectors import visible_nics
from apps.portal.forms import BaseForm
from apps.portal.page import Page

#: VMs that the fields offer while typing.
OFFERED = 50
_TONES = {Result.OK: "ok", Result.BLOCKED: "error", Result.UNKNOWN: "warn"}
_LIST = {"list": "reachability-vms", "autocomplete": "off", "spellcheck": "false"}


class ReachabilityForm(BaseForm):
    protocol = forms.ChoiceField(
        label=gettext_lazy("Protocol"), choices=FlowProtocol.choices, initial=FlowProtocol.ICMPV4
    )
    port = forms.CharField(
        label=gettext_lazy("Port"),
        max_length=5,
        required=False,
        help_text=gettext_lazy("Destination port, for TCP and UDP."),
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )

    def prepare(self) -> None:
        """Add both ends, in front: `from` is no name of a field in Python."""
        for name, label in (("to", gettext_lazy("To")), ("from", gettext_lazy("From"))):
            field = forms.CharField(label=label, max_length=LONGEST, widget=forms.TextInput(attrs=_LIST))
            self.fields = {name: field, **self.fields}
        self.fields["from"].help_text = _("Name, ID or IP address of a VM.")

    def answer(self) -> Answer | None:
        """Return the answer; None after marking what is wrong."""
        if not self.is_valid():
            return None
        given = self.cleaned_data
        try:
            flow = flow_of(given["protocol"], given["port"].strip())
            answer = check_reachability(self.actor, given["from"], given["to"], flow)
        except Invalid as error:
            self.refuse(error)
            return None
        # What was typed may be an ID: say what it means.
        for name, nic in (("from", answer.path.source), ("to", answer.path.target)):
            self[name].help_text = f"{nic.owner.name}, {nic.ip or nic.mac}"
        return answer


class ReachabilityPage(Page):
    """`?from=…&to=…` answers, so that an answer has an address; `?vpc=` offers the VMs of one VPC."""

    title = gettext_lazy("Connectivity check")
    template_name = "network/reachability.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask, and answer."""
        if not ("from" in request.GET and "to" in request.GET):
            asked = {name: request.GET[name] for name in ("from", "to") if name in request.GET}
            return self._draw(ReachabilityForm(actor=self.actor, initial=asked))
        given = {"protocol": FlowProtocol.ICMPV4.value, **request.GET.dict()}
        form = ReachabilityForm(given, actor=self.actor)
        answer = form.answer()
        return self._draw(form, answer, status=422 if form.errors else 200)

    def _draw(self, form: ReachabilityForm, answer: Answer | None = None, status: int = 200) -> HttpResponse:
        context: dict[str, Any] = {"form": form, "offered": self._offered(), "answer": answer}
        if answer is not None:
            context["verdict"] = _pill(answer.result)
            context["steps"] = [(step, _pill(step.result)) for step in answer.steps]
        return self.show(context, status=status)

    def _offered(self) -> list[tuple[str, str]]:
        """Return names and addresses of some VMs: of one VPC, if it is given."""
        nics = visible_nics(self.actor).filter(role=NicRole.INTERNAL)
        with suppress(ValueError):
            nics = nics.filter(subnet__vpc=UUID(self.request.GET.get("vpc", "")))
        # In the order of an index over resources.
        rows = nics.filter(owner__kind="vm").select_related(None).order_by("-owner__created_at", "owner")
        return [(name, str(ip)) for name, ip in rows.values_list("owner__name", "ip")[:OFFERED]]


def _pill(result: Result) -> StateLabel:
    return StateLabel(result.label, _TONES[result])
