"""What is reconciled of VMs: their definitions and power on hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.compute.models import Power, Vm
from apps.compute.quota import vm_amounts
from apps.compute.reconciled.reports import differences
from apps.compute.verbs import VM_FORCE_CLEAN, VM_RESYNC, VM_ROLL_BACK
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import Power as DriverPower
from apps.lifecycle.models import Resource
from apps.reconciliation.declared import Clean, Fact, Preview, Reconciled, declare
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.places import OnHosts
from apps.reconciliation.rules import GENERATION, SIZE


def _is_on(hypervisor: Hypervisor, id: str) -> bool:
    return hypervisor.status(id).power is DriverPower.ON


def _remove(hypervisor: Hypervisor, id: str) -> None:
    hypervisor.ensure_vm_absent(id)


def _removed(finding: Finding) -> Preview:
    names = {"name": finding.name, "place": finding.place}
    return Preview(
        [
            _("%(name)s is stopped by force on host %(place)s, and its definition removed.") % names,
            _("Its volumes stay; they are listed on their own if no row knows them."),
        ],
        [_("The definition, and what the guest has not written to its disk.")],
    )


def _resync_args(findings: Sequence[Finding], by_hand: bool) -> dict[str, Any]:
    """Return which parts are to be brought into line: the ports only, or definition and disks too; power if asked."""
    if not findings:
        return {"power": True}
    kinds = {finding.kind for finding in findings}
    args = {"definition": kinds != {"nic"}, "disks": "disk" in kinds}
    return {**args, "power": "vm" in kinds} if by_hand else args


def _no_resync(finding: Finding) -> str:
    assert finding.resource is not None
    if finding.aspect == SIZE and finding.resource.as_vm.is_on:
        return _("Shut the VM down first: a volume in use cannot grow.")
    return ""


def _resync_says(resource: Resource, part: str) -> Preview:
    if part == "nic":
        return Preview([_("The ports of %(name)s are made as its row says.") % {"name": resource.name}])
    vm = resource.as_vm
    names = {"name": vm.name, "host": vm.host.name if vm.host else ""}
    done = [_("The ports of %(name)s and its definition on host %(host)s are made as its rows say.") % names]
    if vm.power == "on":
        return Preview([*done, _("It is switched on if it is off.")])
    done.append(_("It is switched off by force if it is on."))
    return Preview(done, [_("What the guest has not written to its disk by then.")] if vm.is_on else [])


def _cleaned(resource: Resource) -> Clean:
    vm = Vm.objects.select_related("host").prefetch_related("disks", "nics").get(pk=resource.pk)
    done = []
    if vm.host is not None and not vm.host.in_reach:
        done.append(
            _("Host %(host)s is out of reach: should the VM still run there, it runs on.")
            % {"host": vm.host.name}
        )
    disk, nics = vm.system_disk, list(vm.nics.all())
    addresses = ", ".join(str(nic.ip) for nic in nics)
    if addresses:
        done.append(_("Addresses given back: %(addresses)s.") % {"addresses": addresses})
    if vm.data_disks:
        names = ", ".join(disk.name for disk in vm.data_disks)
        done.append(_("Its data disks stay: %(disks)s.") % {"disks": names})
    amounts = vm_amounts(vm.need, disk.size_gib if disk else 0)
    if disk is None:
        return Clean(done, amounts=amounts)
    values = {"name": disk.name, "size": disk.size_gib}
    return Clean(done, [_("Disk %(name)s with all its data: %(size)s GiB.") % values], amounts)


def _facts(resource: Resource) -> list[Fact]:
    vm = resource.as_vm
    name = vm.host.name if vm.host else ""
    return [
        Fact(_("Host"), name, "host" if vm.host else "", vm.host_id),
        Fact(_("Power wanted"), vm.get_power_display()),
    ]


declare(
    Reconciled(
        "vm",
        Vm,
        OnHosts(differences, is_on=_is_on, remove=_remove),
        stale=gettext_noop("Host %(place)s does not have it."),
        orphan=gettext_noop("Host %(place)s has this VM, and no row knows it."),
        removed=_removed,
        safe=frozenset({(Rule.STALE, ""), (Rule.UNSYNCED, GENERATION)}),
        resync=VM_RESYNC,
        roll_back=VM_ROLL_BACK,
        force_clean=VM_FORCE_CLEAN,
        resync_says=_resync_says,
        resync_args=_resync_args,
        no_resync=_no_resync,
        ready=~Q(aspect=SIZE) | Q(resource__as_vm__power_seen=Power.OFF),
        cleaned=_cleaned,
        fetch=("as_vm__host",),
        facts=_facts,
    )
)
