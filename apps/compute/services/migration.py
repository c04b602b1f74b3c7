"""Moving VMs to other hosts of their cluster."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.acts import changes
from apps.audit.record import record
from apps.compute.models import Vm
from apps.compute.verbs import VM_MIGRATE
from apps.infrastructure.models import Host
from apps.infrastructure.placement import healthy, place
from apps.infrastructure.reachability import is_silent
from apps.lifecycle.errors import Invalid, NoCapacity, NotNow, Refused
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change

#: So many hosts are named with their reasons in a refusal.
MOST_NAMED = 5


@changes(VM_MIGRATE)
def migrate_vm(
    change: Change[Vm], *, host: UUID | str | None = None, from_host: UUID | str | None = None
) -> Operation:
    """Move a VM, running or stopped, to a host of its cluster: to the one named, or one that is chosen.

    `from_host`: the host that it is believed to be on; on another, NotNow. Raises Invalid (field "host"), NoCapacity
    and Refused `vm.cannot_move_there`.
    """
    vm = change.row
    assert vm.host_id is not None  # its verb says so
    home = Host.objects.select_related("cluster").get(pk=vm.host_id)
    if from_host and UUID(str(from_host)) != home.pk:
        raise NotNow(_("The VM is on host %(host)s by now.") % {"host": home.name})
    ensure_settled(vm)
    if is_silent(home):
        raise NotNow(
            _("The VM’s host %(host)s is unreachable.") % {"host": home.name},
            hint=_("Check that the host is up and its agent is running."),
        )
    target = _named(vm, home, host) if host else None
    chosen = _reserve(vm, home, target)
    Vm.objects.filter(pk=vm.pk).update(next_host=chosen)
    args = {"from_host": str(home.pk), **({"host": str(target.pk)} if target else {})}
    operation = change.request(args=args)
    for each in (home, target or Host.objects.get(pk=chosen)):
        # In the history of both hosts, too.
        record(change.actor, VM_MIGRATE.name, each, operation=operation, args={"vm": str(vm.pk)})
    return operation


def obstacles_there(vm: Vm, home: Host, target: Host) -> str:
    """Return why a VM cannot move to a host as far as rows tell, "" when it can; room is not looked at."""
    if target.pk == home.pk:
        return _("The VM is already on this host.")
    if target.cluster_id != home.cluster_id:
        return _("The host is in another cluster.")
    if (target.driver, target.virtualisation) != (home.driver, home.virtualisation):
        return _("The host virtualises differently: %(there)s, not %(here)s.") % {
            "there": target.virtualisation or "-",
            "here": home.virtualisation or "-",
        }
    if not healthy(home.cluster).filter(pk=target.pk).exists():
        return _("The host is unreachable, or scheduling is disabled on it.")
    return ""


def candidates(vm: Vm, home: Host) -> Q:
    """Return what a host must be for a VM to be moved to it without anybody having chosen it.

    Of hosts with the same processor it is certain that a running guest finds what it uses.
    """
    alike = Q(driver=home.driver, virtualisation=home.virtualisation) & ~Q(pk=home.pk)
    return alike & Q(cpu_model=home.cpu_model) if vm.is_on else alike


def ensure_settled(vm: Vm) -> None:
    """Raise NotNow while nobody knows on which of two hosts a VM is: room is reserved for it on both."""
    if vm.next_host_id is not None:
        raise NotNow(
            _("It is not settled yet where the VM runs after its last migration."),
            hint=_("Resync the VM, then retry."),
        )


def _named(vm: Vm, home: Host, pk: UUID | str) -> Host:
    target = Host.objects.select_related("cluster").filter(pk=pk).first()
    if target is None:
        raise Invalid({"host": [_("Host not found.")]})
    if why := obstacles_there(vm, home, target):
        raise Refused(
            _("Cannot migrate %(vm)s to %(host)s: %(why)s")
            % {"vm": vm.name, "host": target.name, "why": why},
            code="vm.cannot_move_there",
            field="host",
            hint=_("Choose another host."),
        )
    return target


def _reserve(vm: Vm, home: Host, target: Host | None) -> UUID:
    among = candidates(vm, home) if target is None else Q(pk=target.pk)
    try:
        return place(home.cluster, vm.need, among=among, reserved=False)[0]
    except NoCapacity as error:
        others = [target] if target else list(Host.objects.filter(cluster=home.cluster).exclude(pk=home.pk))
        reasons = [f"{each.name}: {why_not(vm, home, each)}" for each in others[:MOST_NAMED]]
        raise NoCapacity(
            _("No host can take VM %(vm)s. %(reasons)s")
            % {"vm": vm.name, "reasons": " ".join(reasons) or _("The cluster has no other host.")},
            field="host",
            hint=_("Make room on a host of the cluster, or add one."),
            details={"hosts": len(others)},
        ) from error


def why_not(vm: Vm, home: Host, target: Host) -> str:
    """Return why the platform does not choose a host for a VM; "" when it might."""
    if why := why_not_chosen(vm, home, target):
        return why
    if vm.is_on and target.cpu_model != home.cpu_model:
        return _("Its CPU is another model. Choose this host by hand to try it.")
    return ""


def why_not_chosen(vm: Vm, home: Host, target: Host) -> str:
    """Return why a VM cannot move to a host that was chosen, room included; "" when it can, as far as rows tell."""
    if why := obstacles_there(vm, home, target):
        return why
    vcpu = target.vcpu_capacity - target.vcpu_reserved
    memory = target.memory_capacity_mib - target.memory_reserved_mib
    if vcpu < vm.need.vcpu:
        return _("%(free)s of %(needed)s vCPUs are free.") % {"free": max(0, vcpu), "needed": vm.need.vcpu}
    if memory < vm.need.memory_mib:
        return _("%(free)s of %(needed)s MiB of memory are free.") % {
            "free": max(0, memory),
            "needed": vm.need.memory_mib,
        }
    return ""
