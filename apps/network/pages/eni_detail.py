"""The page of one elastic NIC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.lifecycle.models import Resource
from apps.network.models import Eni, ExternalSegment, SecurityGroup, Subnet, Vpc
from apps.network.pages.enis import ENI, named_link, role_text, speed_text
from apps.network.segment_texts import routes_text
from apps.portal.dependencies import Related
from apps.portal.detail import ACTIVITY, OVERVIEW, DetailPage, Properties, Property


class EniDetail(DetailPage):
    of = ENI
    primary = ("retry", "bind", "unbind", "set_security_group")
    tabs = (OVERVIEW, ACTIVITY)

    def facts(self, row: Eni) -> Sequence[Property]:
        """Its address, and where it is."""
        facts = [Property(_("IP address"), each, copy=bool(each)) for each in row.addresses or [""]]
        if row.shown_vm is not None:
            facts.append(Property(_("Virtual machine"), named_link(row.shown_vm, self)))
        return facts

    def properties(self, row: Any) -> Sequence[Properties]:
        """The address and where it is, and what it may do."""
        nic, segment = row.nic, row.segment
        if segment is not None:
            place = [
                Property(_("External segment"), named_link(segment, self)),
                Property(_("Gateway"), str(segment.gateway)),
                Property(_("Routes"), routes_text(segment)),
            ]
        else:
            place = [
                Property(_("VPC"), named_link(nic.subnet.vpc, self)),
                Property(_("Subnet"), named_link(nic.subnet, self)),
                Property(_("Gateway"), str(nic.subnet.gateway)),
            ]
        return [
            Properties(
                _("Address"),
                [
                    Property(_("Type"), role_text(row)),
                    Property(_("IP address"), row.address, copy=bool(row.address)),
                    *([Property(_("IPv6 address"), str(nic.ip6), copy=True)] if nic.ip6 else []),
                    Property(_("MAC"), nic.mac, copy=True),
                    *place,
                ],
            ),
            Properties(
                _("Connection"),
                [
                    Property(_("Virtual machine"), named_link(row.shown_vm, self)),
                    Property(
                        _("Security group"),
                        named_link(nic.security_group, self) or _("none: all traffic is allowed"),
                    ),
                    Property(_("Inbound bandwidth (Mbit/s)"), speed_text(nic.mbit_in)),
                    Property(_("Outbound bandwidth (Mbit/s)"), speed_text(nic.mbit_out)),
                ],
            ),
        ]

    def uses(self, row: Eni) -> Sequence[Related]:
        """Where its address is from, and what filters it."""
        subnet = row.nic.subnet
        return [
            Related("external_segment", ExternalSegment.objects.filter(pk__in=[row.segment_id])),
            Related("subnet", Subnet.objects.filter(pk__in=[row.nic.subnet_id])),
            Related("vpc", Vpc.objects.filter(pk__in=[subnet.vpc_id] if subnet else [])),
            Related("security_group", SecurityGroup.objects.filter(pk__in=[row.nic.security_group_id])),
        ]

    def used_by(self, row: Eni) -> Sequence[Related]:
        """The VM that has it."""
        return [Related("vm", Resource.objects.filter(pk=row.vm_id))] if row.vm_id else []

    def watch(self, row: Eni) -> Sequence[str]:
        """The VM that has it."""
        return [f"vm:{row.vm_id}"] if row.vm_id else []
