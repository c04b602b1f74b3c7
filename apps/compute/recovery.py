"""Starting the VMs of a host that is certainly off on other hosts of its cluster, in the order of their HA priority."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.compute.models import HaPriority, Power, Vm
from apps.compute.services.recovery import recover_vm
from apps.compute.verbs import VM_RECOVER, VM_RETRY
from apps.drivers.specs import VolumeSpec
from apps.infrastructure.models import Host, StorageCluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import NoCapacity, Refused
from apps.lifecycle.models import Event, Operation, State
from apps.storage.models import Disk
from apps.storage.specs import volume_spec

log = logging.getLogger(__name__)

#: So many VMs of a host at a time; the next come a second later.
AT_ONCE = 50
#: That there is no room for a VM is said no more often than this.
SAY_EVERY = timedelta(minutes=10)


def recover_vms(host: Host) -> None:
    """Request the recovery of the VMs that a dead host still has: running ones first, the most important first."""
    deleting = Operation.objects.open().filter(
        resource=OuterRef("pk"), exclusive=True, verb__endswith=".delete"
    )
    # One whose creation is under way is created elsewhere. One whose creation had failed waits for its owner's retry.
    making = Operation.objects.open().filter(resource=OuterRef("pk"), exclusive=True)
    ready = Q(state=State.READY) | Q(Exists(making), state=State.PENDING)
    left = Vm.objects.filter(ready, ~Exists(deleting), host=host).exclude(ha_priority=HaPriority.NONE)
    for vm in left.order_by("-power", "-ha_priority", "created_at")[:AT_ONCE]:  # "on" is after "off"
        try:
            recover_vm(SYSTEM, vm)
        except NoCapacity as refusal:
            _say_no_room(vm, refusal)
        except Refused as refusal:
            log.info("VM %s not recovered: %s", vm.pk, refusal.message)


def moved_from(host: Host, found: Iterable[str]) -> set[str]:
    """Return the VMs recovered elsewhere since a host was off, and of those found there the ones that are elsewhere."""
    since = host.failed_at
    recovered = Operation.objects.filter(
        Q(verb=VM_RECOVER.name, args__contains={"from": str(host.pk)})
        | Q(verb=VM_RETRY.name, args__contains={"left": str(host.pk)})
    )
    if since is not None:
        recovered = recovered.filter(created_at__gte=since)
    moved = Q(pk__in=recovered.values("target_id")) | Q(pk__in=list(found))
    return {str(pk) for pk in Vm.objects.filter(moved).exclude(host=host).values_list("pk", flat=True)}


def disks_there(host: Host) -> list[tuple[StorageCluster, VolumeSpec]]:
    """Return all disks of the VMs that may run on a host, those on their way from or to it among them."""
    there = Disk.objects.filter(Q(vm__host=host) | Q(vm__next_host=host)).select_related("cluster")
    return [(disk.cluster, volume_spec(disk)) for disk in there]


def recovery_failed_last(vm: Vm) -> bool:
    """Whether the newest operation of a VM is a recovery that did not succeed: it is off for want of that alone."""
    newest = Operation.objects.filter(target_id=vm.pk, exclusive=True).order_by("-created_at").first()
    return newest is not None and newest.verb == VM_RECOVER.name and newest.status == "failed"


def _say_no_room(vm: Vm, refusal: NoCapacity) -> None:
    said = Event.objects.filter(resource=vm, code="vm.no_room", at__gt=Now() - SAY_EVERY)
    if vm.power == Power.ON and not said.exists():
        Event.objects.create(
            resource=vm,
            code="vm.no_room",
            message=_("The VM’s host is off and no other host has room for it."),
        )
    log.warning("VM %s not recovered: %s", vm.pk, refusal.message)
