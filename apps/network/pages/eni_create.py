"""Creating elastic NICs on one page."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy

from apps.network.api.enis import EnisApi
from apps.network.eni_forms import EXTERNAL, INTERNAL, EniForm
from apps.network.models import Eni
from apps.network.pages.enis import ENI, speed_text
from apps.network.segment_texts import free_text, routes_text
from apps.network.selectors import visible_segments, visible_subnets
from apps.network.services.eip import DEFAULT_MBIT
from apps.portal.create import CreatePage, Section
from apps.portal.forms import BaseForm
from apps.portal.prefill import as_typed
from apps.portal.summary import cleaned


class EniCreate(CreatePage):
    template_name = "network/eni_create.html"
    of = ENI
    form = EniForm
    api = EnisApi
    aside = "network/eni_summary.html"
    sections = (
        Section(gettext_lazy("Basics"), ("name", "project", "description")),
        Section(
            gettext_lazy("Network"),
            ("role", "subnet", "segment", "address", "address6"),
            css="one-field eni-place",
        ),
        Section(gettext_lazy("Traffic"), ("security_group", "mbit_in", "mbit_out")),
    )

    def values_of(self, row: Eni) -> dict[str, Any]:
        """Return the choices of one in the same network."""
        found = {
            "description": row.description,
            "project": row.project and row.project.uid,
            "role": EXTERNAL if row.is_external else INTERNAL,
            "subnet": row.nic.subnet_id,
            "segment": row.segment_id,
            "security_group": row.nic.security_group_id,
            "mbit_in": row.nic.mbit_in or None,
            "mbit_out": row.nic.mbit_out or None,
        }
        return {name: value for name, value in found.items() if value}

    def more(self, form: BaseForm) -> dict[str, Any]:
        """Return what the summary says: in which network, how fast, and what is left there."""
        data = cleaned(form if form.is_bound else as_typed(form))
        if "segment" in data:
            segment = visible_segments(self.actor).filter(pk=data["segment"]).first()
            usual = min(DEFAULT_MBIT, segment.ceiling_mbit) if segment else 0
            place: dict[str, Any] = {"segment": segment, "routes": routes_text(segment) if segment else ""}
            left = free_text(segment) if segment else ""
        else:
            rows = visible_subnets(self.actor).select_related("region")
            subnet = rows.filter(pk=data["subnet"]).first() if data.get("subnet") else None
            usual, place, left = 0, {"subnet": subnet}, f"{subnet.free_addresses:,}" if subnet else ""
        speeds = [usual if data.get(name) is None else data[name] for name in ("mbit_in", "mbit_out")]
        return {
            **place,
            "where": place.get("segment") or place.get("subnet"),
            "address": data.get("address", ""),
            "address6": data.get("address6", ""),
            "left": left,
            "speed_in": speed_text(speeds[0]),
            "speed_out": speed_text(speeds[1]),
        }
