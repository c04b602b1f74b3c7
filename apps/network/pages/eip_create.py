"""Applying for EIPs on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy

from apps.lifecycle.models import Operation
from apps.network.api.eips import EipsApi
from apps.network.eip_forms import EipForm
from apps.network.models import Eip
from apps.network.pages.eips import EIP
from apps.network.segment_texts import routes_text
from apps.network.selectors import visible_segments
from apps.network.services.eip import create_eips
from apps.network.services.segment_addresses import free_addresses
from apps.portal.create import CreatePage, Section
from apps.portal.forms import BaseForm
from apps.portal.prefill import as_typed
from apps.portal.summary import cleaned


class EipCreate(CreatePage):
    of = EIP
    form = EipForm
    api = EipsApi
    aside = "network/eip_summary.html"
    sections = (
        Section(gettext_lazy("Basics"), ("name", "count", "project", "description")),
        Section(gettext_lazy("Address"), ("segment", "address", "mbit")),
    )

    def submit(self, data: dict[str, Any]) -> Operation | Sequence[Operation]:
        """Apply for one or several."""
        operations = create_eips(self.actor, **data)
        return operations[0] if len(operations) == 1 else operations

    def values_of(self, row: Eip) -> dict[str, Any]:
        """Return the choices of another EIP of the same segment."""
        found = {
            "description": row.description,
            "project": row.project and row.project.uid,
            "segment": row.segment_id,
            "mbit": row.mbit,
        }
        return {name: value for name, value in found.items() if value}

    def more(self, form: BaseForm) -> dict[str, Any]:
        """Return what the summary says: from where, how fast, and what is left there."""
        data = cleaned(form if form.is_bound else as_typed(form))
        segment = visible_segments(self.actor).filter(pk__in=[data.get("segment")]).first()
        if segment is None:
            return {"segment": None}
        return {
            "segment": segment,
            "eip_count": data.get("count") or 1,
            "address": data.get("address", ""),
            "mbit": data.get("mbit"),
            "routes": routes_text(segment),
            "left": free_addresses(segment),
        }
