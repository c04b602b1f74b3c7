"""What is reconciled of external networks: edges, provider networks, and EIPs that are translated.

The addresses of a carrier are a part of its port, which the app of the carrier declares. Edge and provider network are
no resources: findings about them are those of a segment on them, whose operations settle both.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.drivers.specs import EdgeSpec, ProviderNetworkSpec, TranslatedAddressSpec
from apps.lifecycle.models import Resource
from apps.network.models import Edge, Eip, ExternalSegment, ProviderNetwork
from apps.network.reconciled.fabric import ORPHAN, PROTECTED, SAFE, STALE, removed, resync_says, unprotected
from apps.network.services.segment_use import segment_users
from apps.network.verbs.eip import EIP_FORCE_CLEAN, EIP_RESYNC
from apps.network.verbs.external_segment import SEGMENT_FORCE_CLEAN, SEGMENT_RESYNC
from apps.reconciliation.declared import Clean, Preview, Reconciled, declare
from apps.reconciliation.models import Finding
from apps.reconciliation.places import InFabric
from apps.reconciliation.rules import AT_REST

# The first segment stands for what all share; while one of them has an operation under way, nothing is judged.
_SHARED = f"""
    SELECT p.id, r.id AS resource, r.name, r.tenant_id, p.generation, '' AS ip, true AS lags
      FROM {{table}} p JOIN LATERAL (
           SELECT segment.resource_id AS id FROM network_externalsegment segment
            WHERE segment.{{column}} = p.id ORDER BY segment.resource_id LIMIT 1) first ON true
      JOIN lifecycle_resource r ON r.id = first.id
     WHERE r.region_id = %(region)s AND NOT EXISTS (
           SELECT FROM network_externalsegment other JOIN lifecycle_resource r ON r.id = other.resource_id
            WHERE other.{{column}} = p.id AND NOT ({AT_REST}))
"""  # noqa: S608 -- constants
_TRANSLATED = f"""
    SELECT r.id, r.id AS resource, r.name, r.tenant_id, r.generation, host(held.ip) AS ip, true AS lags
      FROM network_eip eip JOIN lifecycle_resource r ON r.id = eip.resource_id
      JOIN network_segmentaddress held ON held.holder_id = r.id
     WHERE r.region_id = %(region)s AND eip.carrier_id IS NOT NULL AND eip.delivery = 'translated' AND {AT_REST}
"""  # noqa: S608 -- constants


def _users_of_segment(key: UUID) -> QuerySet[Resource]:
    segment = ExternalSegment.objects.filter(pk=key).first()
    return segment_users(segment) if segment is not None else Resource.objects.none()


def _disconnects(finding: Finding) -> Preview:
    names = {"name": finding.name, "place": finding.place}
    return Preview(
        [_("%(name)s is deleted from the network of %(place)s.") % names],
        [_("External addresses that still use it lose their connection.")],
    )


def _nothing_counted(resource: Resource) -> Clean:
    return Clean([_("Its records of quarantined and conflicting addresses are deleted.")])


def _quarantine_address(resource: Resource) -> Clean:
    return Clean([_("Its address is quarantined first. Then it is available again.")], amounts={"eip": 1})


declare(
    Reconciled(
        "edge",
        Edge,
        InFabric(EdgeSpec, unprotected, _SHARED.format(table="network_edge", column="edge_id")),
        stale=gettext_noop("The network of %(place)s has no edge."),
        orphan=ORPHAN,
        removed=_disconnects,
        safe=PROTECTED,
        rank=2,
    )
)
declare(
    Reconciled(
        "external_segment",
        ProviderNetwork,
        InFabric(
            ProviderNetworkSpec,
            unprotected,
            _SHARED.format(table="network_providernetwork", column="provider_network_id"),
        ),
        stale=gettext_noop("Its VLAN is not connected in the network of %(place)s."),
        orphan=ORPHAN,
        removed=_disconnects,
        safe=PROTECTED,
        rank=3,
        resync=SEGMENT_RESYNC,
        force_clean=SEGMENT_FORCE_CLEAN,
        resync_says=resync_says,
        users=_users_of_segment,
        cleaned=_nothing_counted,
    )
)
declare(
    Reconciled(
        "eip",
        Eip,
        InFabric(TranslatedAddressSpec, rows=_TRANSLATED),
        stale=STALE,
        orphan=ORPHAN,
        removed=removed,
        safe=SAFE,
        resync=EIP_RESYNC,
        force_clean=EIP_FORCE_CLEAN,
        resync_says=resync_says,
        cleaned=_quarantine_address,
    )
)
