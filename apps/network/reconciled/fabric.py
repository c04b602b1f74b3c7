"""What is reconciled of networks: everything that is in a region's fabric."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.drivers.specs import FabricInventory, PortSpec, SecurityGroupSpec, SubnetSpec, VpcSpec
from apps.lifecycle.models import Resource
from apps.network.models import Nic, SecurityGroup, Subnet, Vpc
from apps.network.platform_settings import NIC_CONNECTIONS
from apps.network.verbs import (
    SECURITY_GROUP_FORCE_CLEAN,
    SECURITY_GROUP_RESYNC,
    SUBNET_FORCE_CLEAN,
    SUBNET_RESYNC,
    VPC_FORCE_CLEAN,
    VPC_RESYNC,
)
from apps.reconciliation.declared import Preview, Reconciled, declare
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.places import InFabric
from apps.reconciliation.rules import AT_REST, GENERATION, PROTECTION

STALE = gettext_noop("Does not exist in the network of %(place)s.")
ORPHAN = gettext_noop("Exists in the network of %(place)s, but not in the database.")
#: The rows are the whole truth of them; nothing can be lost.
SAFE = frozenset({(Rule.STALE, ""), (Rule.UNSYNCED, GENERATION)})
PROTECTED = SAFE | {(Rule.UNSYNCED, PROTECTION)}

# A port carries its VM's generation. One that is off may lag: its start brings the port up to date.
_PORTS = f"""
    SELECT n.id, r.id AS resource, r.name, r.tenant_id, r.generation, host(n.ip) AS ip,
           COALESCE(vm.power_seen = 'on', true) AS lags
      FROM network_nic n JOIN lifecycle_resource r ON r.id = n.owner_id
      LEFT JOIN compute_vm vm ON vm.resource_id = r.id
     WHERE r.region_id = %(region)s AND n.subnet_id IS NOT NULL AND {AT_REST}
"""  # noqa: S608 -- constants


def removed(finding: Finding) -> Preview:
    """Say what removing an orphan does."""
    names = {"name": finding.name, "place": finding.place}
    return Preview(
        [_("%(name)s is deleted from the network of %(place)s.") % names],
        [_("Guests that still use it lose their connection.")],
    )


def resync_says(resource: Resource, part: str) -> Preview:
    """Say what a resync does."""
    return Preview(
        [_("The network is recreated from the database record of %(name)s.") % {"name": resource.name}]
    )


def unprotected(seen: FabricInventory) -> AbstractSet[str]:
    """Return what lacks an always-on rule or limit."""
    return seen.unprotected


def unlimited(seen: FabricInventory) -> AbstractSet[str]:
    """Return the ports that lack an always-on rule, or the limit of connections that all have."""
    limit = NIC_CONNECTIONS.value()
    return seen.unprotected | {id for id, found in seen.connection_limits.items() if found != limit}


def _subnets(vpc: UUID) -> QuerySet[Resource]:
    return Resource.objects.filter(as_subnet__vpc=vpc)


def _in_subnet(subnet: UUID) -> QuerySet[Resource]:
    return Resource.objects.filter(nics__subnet=subnet).distinct()


def _in_group(group: UUID) -> QuerySet[Resource]:
    return Resource.objects.filter(nics__security_group=group).distinct()


declare(
    Reconciled(
        "vpc",
        Vpc,
        InFabric(VpcSpec, unprotected),
        stale=STALE,
        orphan=ORPHAN,
        removed=removed,
        safe=PROTECTED,
        rank=0,
        resync=VPC_RESYNC,
        force_clean=VPC_FORCE_CLEAN,
        resync_says=resync_says,
        users=_subnets,
    )
)
declare(
    Reconciled(
        "subnet",
        Subnet,
        InFabric(SubnetSpec, unprotected),
        stale=STALE,
        orphan=ORPHAN,
        removed=removed,
        safe=PROTECTED,
        rank=1,
        resync=SUBNET_RESYNC,
        force_clean=SUBNET_FORCE_CLEAN,
        resync_says=resync_says,
        users=_in_subnet,
    )
)
declare(
    Reconciled(
        "security_group",
        SecurityGroup,
        InFabric(SecurityGroupSpec),
        stale=STALE,
        orphan=ORPHAN,
        removed=removed,
        safe=SAFE,
        rank=2,
        resync=SECURITY_GROUP_RESYNC,
        force_clean=SECURITY_GROUP_FORCE_CLEAN,
        resync_says=resync_says,
        users=_in_group,
    )
)
declare(
    Reconciled(
        "nic",
        Nic,
        InFabric(PortSpec, unlimited, _PORTS),
        stale=gettext_noop("The network of %(place)s has no port for its address %(ip)s."),
        orphan=ORPHAN,
        removed=removed,
        safe=PROTECTED,
    )
)
