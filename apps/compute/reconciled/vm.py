"""What is reconciled of VMs: their definitions and power on hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.compute.models import Vm
from apps.compute.quota import vm_amounts
from apps.compute.reconciled import attachments, nics, reports
from apps.compute.verbs import VM_FORCE_CLEAN, VM_RESYNC, VM_ROLL_BACK
from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import Power as DriverPower
from apps.lifecycle.models import Resource
from apps.reconciliation.declared import Clean, Fact, Preview, Reconciled, declare
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.places import OnHosts
from apps.reconciliation.rules import GENERATION, SIZE
from apps.storage.models import Disk

if TYPE_CHECKING:
    from apps.infrastructure.reports import Reading


#: Kinds of findings about ports.
PORTS = ("nic", "eni")


def _differences(readings: Sequence[Reading], hosts: Mapping[UUID, Place]) -> Iterator[Difference]:
    return chain(*(each.differences(readings, hosts) for each in (reports, attachments, nics)))


def _is_on(hypervisor: Hypervisor, id: str) -> bool:
    return hypervisor.status(id).power is DriverPower.ON


def _remove(hypervisor: Hypervisor, id: str) -> None:
    hypervisor.ensure_vm_absent(id)


def _removed(finding: Finding) -> Preview:
    names = {"name": finding.name, "place": finding.place}
    return Preview(
        [
            _("%(name)s is powered off on host %(place)s and its definition is deleted.") % names,
            _("Its volumes are kept. Volumes without a database record are listed separately."),
        ],
        [_("The definition, and unsaved data in the guest.")],
    )


def _resync_args(findings: Sequence[Finding], by_hand: bool) -> dict[str, Any]:
    """Return which parts are to be brought into line: the ports only, or definition and disks too; power if asked."""
    if not findings:
        return {"power": True}
    kinds = {finding.kind for finding in findings}
    # What a region lacks of a NIC is its port; what a host lacks of one is in the definition.
    ports = all(finding.kind in PORTS and finding.host_id is None for finding in findings)
    args = {"definition": not ports, "disks": any(finding.aspect == SIZE for finding in findings)}
    return {**args, "power": "vm" in kinds} if by_hand else args


def _resync_says(resource: Resource, part: str) -> Preview:
    if part == "nic":
        return Preview(
            [_("The ports of %(name)s are recreated from the database.") % {"name": resource.name}]
        )
    vm = resource.as_vm
    names = {"name": vm.name, "host": vm.host.name if vm.host else ""}
    if part == "eni":
        return Preview(
            [_("The NICs of %(name)s on host %(host)s are bound and unbound as in the database.") % names],
            [_("Connections through a NIC that is unbound.")],
        )
    if part == "disk":
        return Preview(
            [
                _("The disks of %(name)s on host %(host)s are attached and detached as in the database.")
                % names,
                _("They get the limits and sizes in the database."),
            ],
            [_("Data that the guest has not written yet to a disk that is detached.")],
        )
    done = [
        _("The ports of %(name)s and its definition on host %(host)s are recreated from the database.")
        % names
    ]
    if vm.power == "on":
        return Preview([*done, _("The VM is started if it is stopped.")])
    done.append(_("The VM is powered off if it is running."))
    return Preview(done, [_("Unsaved data in the guest.")] if vm.is_on else [])


def _users(key: UUID) -> QuerySet[Resource]:
    """Disks that still read from its system disk."""
    source = Q(as_disk__copied_from__vm=key, as_disk__copied_from__role=Disk.Role.SYSTEM)
    return Resource.objects.filter(source, as_disk__independent_at=None)


def _cleaned(resource: Resource) -> Clean:
    vm = Vm.objects.select_related("host").prefetch_related("disks", "nics").get(pk=resource.pk)
    done = []
    if vm.host is not None and not vm.host.in_reach:
        done.append(
            _("Host %(host)s is unreachable. If the VM still runs there, it keeps running.")
            % {"host": vm.host.name}
        )
    disk, nics = vm.system_disk, list(vm.nics.all())
    addresses = ", ".join(ip for nic in nics for ip in nic.ips)
    if addresses:
        done.append(_("Addresses released: %(addresses)s.") % {"addresses": addresses})
    if vm.data_disks:
        names = ", ".join(disk.name for disk in vm.data_disks)
        done.append(_("Its data disks are kept: %(disks)s.") % {"disks": names})
    amounts = vm_amounts(vm.need, disk.size_gib if disk else 0)
    if disk is None:
        return Clean(done, amounts=amounts)
    values = {"name": disk.name, "size": disk.size_gib}
    lost = [_("Disk %(name)s with all its data: %(size)s GiB.") % values]
    if count := disk.snapshots.count():
        lost.append(_("Its snapshots: %(count)s.") % {"count": count})
        amounts["snapshot"] = count
    return Clean(done, lost, amounts)


def _facts(resource: Resource) -> list[Fact]:
    vm = resource.as_vm
    name = vm.host.name if vm.host else ""
    return [
        Fact(_("Host"), name, "host" if vm.host else "", vm.host_id),
        Fact(_("Desired power state"), vm.get_power_display()),
    ]


declare(
    Reconciled(
        "vm",
        Vm,
        OnHosts(_differences, is_on=_is_on, remove=_remove),
        stale=gettext_noop("The VM does not exist on host %(place)s."),
        orphan=gettext_noop("Host %(place)s has this VM, but it is not in the database."),
        removed=_removed,
        safe=frozenset({(Rule.STALE, ""), (Rule.UNSYNCED, GENERATION)}),
        resync=VM_RESYNC,
        roll_back=VM_ROLL_BACK,
        force_clean=VM_FORCE_CLEAN,
        resync_says=_resync_says,
        resync_args=_resync_args,
        users=_users,
        cleaned=_cleaned,
        fetch=("as_vm__host",),
        facts=_facts,
    )
)
