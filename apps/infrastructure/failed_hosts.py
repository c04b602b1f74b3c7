"""What is asked about hosts that are, or were, certainly off."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.utils.translation import gettext_noop as _

from apps.drivers.specs import VolumeSpec
from apps.infrastructure.models import Host, Liveness, StorageCluster
from apps.lifecycle import push
from apps.lifecycle.models import Event
from apps.lifecycle.slots import Slot

#: Called with each host that is certainly off, again and again until it returns: who has something on it moves it.
failed_listeners: Slot[Callable[[Host], None]] = Slot()
#: Asked, with a host that returns and the VMs found there, which VMs have been moved from it.
moved_askers: Slot[Callable[[Host, Iterable[str]], Iterable[str]]] = Slot()
#: Asked, with a host, for all disks of the VMs that may run there, by their storage clusters.
disk_askers: Slot[Callable[[Host], Iterable[tuple[StorageCluster, VolumeSpec]]]] = Slot()


def moved_vms(host: Host, found: Iterable[str]) -> list[str]:
    """Return the ids of all VMs that have left a host since it was off, and of those found there that are elsewhere."""
    there = list(found)
    return sorted({vm_id for ask in moved_askers for vm_id in ask(host, there)})


def returned(host: Host) -> None:
    """Let a host that was off take VMs again. In the transaction that ends the operation."""
    Host.objects.filter(pk=host.pk).update(failure="", failed_at=None, failed_by="", shut_out=[])
    Event.objects.create(resource=host, code="host.returned", message=_("The host has been taken back."))
    push.resource_changed(host)


def is_failed(name: str) -> bool:
    """Return whether no order may be sent to the host of that name."""
    return Host.objects.filter(name=name).exclude(failure="").exists()


def most_are_silent(liveness: Iterable[str]) -> bool:
    """Whether so many hosts of a cluster are silent at once that nothing is to be done by itself."""
    seen = list(liveness)
    return 2 * sum(each != Liveness.ALIVE for each in seen) > len(seen)
