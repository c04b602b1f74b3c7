"""Comparing what the rows say of external networks with what is there: addresses, ports, elastic NICs, guests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.db.models import Exists, F, OuterRef, Q

from apps.compute.models import Power, Vm
from apps.compute.operations.parts import load_vm
from apps.compute.specs import vm_guest_network
from apps.drivers.memory import MemoryFabric, MemoryHypervisor
from apps.drivers.memory.records import EXTERNAL_PORTS, TRANSLATED, vms_of
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import Resource, State
from apps.network.models import Edge, Eip, Eni, Nic, NicRole, SegmentAddress


def edges(region: Region, found: Iterable[str]) -> frozenset[str]:
    """Return the edges that are to be there: an edge stays when its last segment is deleted."""
    rows = Edge.objects.filter(region=region).filter(Q(segments__isnull=False) | Q(pk__in=list(found)))
    return frozenset(map(str, rows.values_list("pk", flat=True)))


def external_ports(region: Region) -> frozenset[str]:
    """Return the NICs that are to have a port on the edge: elastic ones, and those of VMs with an EIP in the guest."""
    eips = Eip.objects.filter(
        carrier=OuterRef("owner"), delivery=Eip.Delivery.GUEST, segment_address__isnull=False
    )
    nics = Nic.objects.filter(owner__region=region, subnet=None)
    rows = nics.filter(Q(role=NicRole.ELASTIC) | Exists(eips))
    return frozenset(map(str, rows.values_list("pk", flat=True)))


def translated(region: Region) -> frozenset[str]:
    """Return the EIPs that are to be translated by one-to-one NAT."""
    rows = Eip.objects.filter(region=region, carrier__isnull=False, delivery=Eip.Delivery.TRANSLATED)
    return frozenset(map(str, rows.filter(segment_address__isnull=False).values_list("pk", flat=True)))


def half_way() -> Iterator[str]:
    """Name what an operation has left half-way."""
    for eip in Eip.objects.exclude(leaving=[]):
        yield f"EIP {eip.name} may still be at {eip.leaving}"
    for eni in Eni.objects.exclude(next_vm=None):
        yield f"elastic NIC {eni.name} is still on its way to {eni.next_vm_id}"
    behind = Resource.objects.filter(kind__in=("eip", "eni"), observed_generation__lt=F("generation"))
    for resource in behind.filter(state=State.READY):
        yield f"{resource.kind} {resource.name} has changes that were not applied"
    held = SegmentAddress.objects.filter(holder__isnull=False).values("holder")
    for row in [*Eip.objects.exclude(pk__in=held), *Eni.objects.exclude(Q(segment=None) | Q(pk__in=held))]:
        if row.state == State.READY:
            yield f"{row.kind} {row.name} has no address"


def addresses() -> Iterator[str]:
    """Compare who has each address, where the fabric can say so."""
    for region in Region.objects.all():
        fabric = backends.fabric(region)
        if not isinstance(fabric, MemoryFabric):
            continue
        with backends.memory_world().records() as state:
            ports, nats = state.all(EXTERNAL_PORTS), state.all(TRANSLATED)
        seen = {(one.ip, id) for id, port in ports.items() for one in port.addresses}
        seen |= {(nat.address.ip, id) for id, nat in nats.items()}
        if wrong := seen ^ _wanted(region):
            yield f"addresses in {region.name}, there or in the rows only: {sorted(wrong)}"


def _wanted(region: Region) -> set[tuple[str, str]]:
    rows = SegmentAddress.objects.filter(holder__region=region)
    wanted = {(str(row.ip), str(row.holder.nics.get().pk)) for row in rows.filter(use="eni") if row.holder}
    for row in rows.filter(use="eip", holder__as_eip__carrier__isnull=False).select_related("holder__as_eip"):
        assert row.holder is not None
        eip = row.holder.as_eip
        nic = Nic.objects.get(owner=eip.carrier_id, role=NicRole.EXTERNAL)
        wanted.add((str(row.ip), str(eip.pk if eip.delivery == Eip.Delivery.TRANSLATED else nic.pk)))
    return wanted


def guests() -> Iterator[str]:
    """Compare the NICs of VMs, and what their guests are to configure."""
    for host in Host.objects.all():
        hypervisor = backends.hypervisor(host, None)
        for vm in Vm.objects.filter(host=host, state=State.READY):
            has = hypervisor.nics(str(vm.pk))
            rows = {str(pk) for pk in Nic.objects.filter(_of(vm)).values_list("pk", flat=True)}
            if set(has.stored) != rows or (has.running and set(has.running) != rows):
                yield f"{vm.name} has NICs {has}, its rows say {sorted(rows)}"
            # The host of a VM that is off is told what the guest configures when the VM starts.
            if isinstance(hypervisor, MemoryHypervisor) and vm.power == Power.ON:
                yield from _guest(vm, host)


def _of(vm: Vm) -> Q:
    return Q(owner=vm.pk) | Q(owner__as_eni__vm=vm.pk)


def _guest(vm: Vm, host: Host) -> Iterator[str]:
    with backends.memory_world().records() as state:
        known = state.get(vms_of(host.name), str(vm.pk))
    wanted = vm_guest_network(load_vm(cast(Any, None), vm.pk)[0])
    is_set = {nic for nic in known.network.nics if nic.addresses} if known and known.network else set()
    if is_set != {nic for nic in wanted.nics if nic.addresses}:
        yield f"the guest of {vm.name} is to configure {is_set}, by its rows {wanted}"
