"""An EIP: its address, and what it is bound to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.lifecycle.models import Resource
from apps.network.bound_eips import bound_eips
from apps.network.carriers import carrier_of
from apps.network.delivery_texts import delivery_text
from apps.network.egress import default_egress
from apps.network.models import Eip, ExternalSegment
from apps.network.pages.eips import EIP, carrier_link, segment_link
from apps.network.segment_texts import routes_text
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property
from apps.portal.html import moment


def _egress(eip: Eip) -> str:
    """Return whether a bound EIP is the default egress of its carrier, and why or why not."""
    if not eip.segment.has_default_route:
        return _("No: its segment has no default route")
    if eip.is_egress:
        return _("Yes, picked")
    found = default_egress(bound_eips(eip.carrier_id), eip.version) if eip.carrier_id else None
    if found == eip:
        return _("Yes: bound first")
    return _("No: %(address)s is") % {"address": found.address if found else "–"}


class EipDetail(DetailPage):
    of = EIP
    primary = ("retry", "bind", "unbind", "set_bandwidth")
    tabs = (OVERVIEW, ACTIVITY)

    def facts(self, row: Eip) -> Sequence[Property]:
        """Its address, and where it is."""
        facts = [Property(_("IP address"), row.address, copy=bool(row.address))]
        if row.carrier is not None:
            facts.append(Property(_("Bound to"), carrier_link(row, self)))
        return facts

    def properties(self, row: Any) -> Sequence[Properties]:
        """The address and what it is used for."""
        return [
            Properties(
                _("Address"),
                [
                    Property(_("IP address"), row.address, copy=bool(row.address)),
                    Property(_("External segment"), segment_link(row, self)),
                    Property(_("Gateway"), str(row.segment.gateway)),
                    Property(_("Routes"), routes_text(row.segment)),
                    Property(_("Bandwidth"), _("%(n)s Mbit/s in each direction") % {"n": f"{row.mbit:,}"}),
                ],
            ),
            Properties(_("Connection"), self._binding(row)),
        ]

    def _binding(self, row: Eip) -> list[Property]:
        if row.carrier is None:
            return [Property(_("Bound to"), "")]
        kind = carrier_of(row.carrier.kind)
        found = [
            Property(_("Bound to"), carrier_link(row, self)),
            Property(_("Bound since"), moment(row.bound_at)),
        ]
        if kind is not None and len(kind.deliveries) > 1:
            text = delivery_text(row.delivery, chosen=row.delivery_chosen, why=kind.why(row.carrier.pk))
            found.append(Property(_("Delivery"), text))
        if kind is not None and kind.egress:
            found.append(Property(_("Default egress"), _egress(row)))
        return found

    def uses(self, row: Eip) -> Sequence[Related]:
        """Where its address is from."""
        return [Related("external_segment", ExternalSegment.objects.filter(pk=row.segment_id))]

    def used_by(self, row: Eip) -> Sequence[Related]:
        """What it is bound to."""
        if row.carrier is None:
            return []
        return [Related(row.carrier.kind, Resource.objects.filter(pk=row.carrier.pk))]

    def watch(self, row: Eip) -> Sequence[str]:
        """What it is bound to."""
        return [f"{row.carrier.kind}:{row.carrier_id}"] if row.carrier else []
