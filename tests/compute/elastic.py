"""The calls that make elastic NICs, and looks at what the pretend region has of them."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.compute.models import Vm
from apps.compute.services.eni_binding import bind_eni
from apps.drivers.fabric.declared import kind_of
from apps.drivers.specs import ExternalPortSpec, GuestNic, PortSpec
from apps.infrastructure import backends
from apps.lifecycle.actor import Actor
from apps.network.models import Eni, ExternalSegment, Subnet
from apps.network.services.eni import create_eni
from tests.storage.factories import done, guest

_numbers = count(1)


def make_eni(actor: Actor, within: Subnet | ExternalSegment, **differs: Any) -> Eni:
    """Create an elastic NIC and let it settle."""
    where = {"subnet" if isinstance(within, Subnet) else "segment": within.pk}
    values: dict[str, Any] = {"name": f"nic-{next(_numbers)}", **where, **differs}
    return Eni.objects.get(pk=done(create_eni(actor, **values)).target_id)


def make_bound(actor: Actor, within: Subnet | ExternalSegment, vm: Vm, **differs: Any) -> Eni:
    """Create one and bind it."""
    eni = make_eni(actor, within, **differs)
    done(bind_eni(actor, eni, vm=vm.pk))
    return Eni.objects.get(pk=eni.pk)


def plugged(vm: Vm) -> dict[str, int]:
    """Return port → slot of the NICs that the running guest has."""
    return {nic.port_id: nic.slot for nic in guest(vm).live_nics}


def defined(vm: Vm) -> dict[str, int]:
    """Return port → slot of the NICs in its stored definition."""
    return {nic.port_id: nic.slot for nic in guest(vm).spec.nics}


def has(vm: Vm, eni: Eni) -> bool:
    """Whether a running guest has it, now and at its next start. One of both only is a fault."""
    port = str(eni.nic.pk)
    assert (port in plugged(vm)) == (port in defined(vm))
    return port in plugged(vm)


def port_of(eni: Eni) -> PortSpec | ExternalPortSpec | None:
    """Return its port in the pretend fabric."""
    kind = ExternalPortSpec if eni.is_external else PortSpec
    with backends.memory_world().records() as state:
        port: PortSpec | ExternalPortSpec | None = state.get(kind_of(kind).memory.table, str(eni.nic.pk))
    return port


def in_guest(vm: Vm, eni: Eni) -> GuestNic | None:
    """Return what the guest of a VM shall have on it."""
    network = guest(vm).network
    nics = network.nics if network is not None else ()
    return next((nic for nic in nics if nic.mac == eni.nic.mac), None)
