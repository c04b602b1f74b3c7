"""What is reconciled of NICs on the edge: those of VMs that have an EIP in the guest, and external elastic NICs.

The ports of internal elastic NICs are compared with all others in a subnet (`fabric.py`), whether a VM has its elastic
NICs plugged in by the app of VMs.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.drivers.specs import ExternalPortSpec
from apps.lifecycle.models import Resource
from apps.network.models import Eni, Nic
from apps.network.reconciled.fabric import ORPHAN, PROTECTED, removed, resync_says, unlimited
from apps.network.verbs.eni import ENI_FORCE_CLEAN, ENI_RESYNC
from apps.reconciliation.declared import Clean, Fact, Reconciled, declare
from apps.reconciliation.models import Rule
from apps.reconciliation.places import InFabric
from apps.reconciliation.rules import AT_REST, PLUGGED, UNPLUGGED

# A VM's external NIC has a port while it has an address there. One of a VM that is off may lag, as in `fabric.py`.
_EXTERNAL_PORTS = f"""
    SELECT n.id, r.id AS resource, r.name, r.tenant_id, r.generation, '' AS ip,
           COALESCE(vm.power_seen = 'on', true) AS lags
      FROM network_nic n JOIN lifecycle_resource r ON r.id = n.owner_id
      LEFT JOIN compute_vm vm ON vm.resource_id = r.id
     WHERE r.region_id = %(region)s AND n.subnet_id IS NULL AND {AT_REST} AND (n.role = 'elastic' OR EXISTS (
           SELECT FROM network_eip eip JOIN network_segmentaddress held ON held.holder_id = eip.resource_id
            WHERE eip.carrier_id = r.id AND eip.delivery = 'guest'))
"""  # noqa: S608 -- constants


def _cleaned(resource: Resource) -> Clean:
    eni = Eni.objects.select_related("vm").get(pk=resource.pk)
    done = [_("Its address is released.")]
    if eni.vm is not None:
        done.append(_("The NIC is removed from VM %(name)s.") % {"name": eni.vm.name})
    return Clean(done, amounts={"eni": 1})


def _facts(resource: Resource) -> list[Fact]:
    eni = resource.as_eni
    return [Fact(_("Virtual machine"), eni.vm.name, "vm", eni.vm_id)] if eni.vm is not None else []


declare(
    Reconciled(
        "eni",
        Nic,
        InFabric(ExternalPortSpec, unlimited, _EXTERNAL_PORTS),
        stale=gettext_noop("The network of %(place)s has no port for this external NIC."),
        orphan=ORPHAN,
        removed=removed,
        safe=PROTECTED | {(Rule.UNSYNCED, UNPLUGGED), (Rule.UNSYNCED, PLUGGED)},
        resync=ENI_RESYNC,
        force_clean=ENI_FORCE_CLEAN,
        resync_says=resync_says,
        cleaned=_cleaned,
        fetch=("as_eni__vm",),
        facts=_facts,
    )
)
