"""EIPs of VMs as rows, and what the pretend fabric and guest have of them."""

from __future__ import annotations

from apps.compute.models import Image, Vm
from apps.drivers.fabric.declared import kind_of
from apps.drivers.memory.records import vms_of
from apps.drivers.specs import ExternalPortSpec, FabricSpec, GuestNetwork, PortSpec, TranslatedAddressSpec
from apps.network.models import Nic, NicRole
from tests.compute.factories import Cloud, make_image


def image_with_agent(cloud: Cloud) -> Image:
    return make_image(cloud.storage, "Agent", guest_agent=True)


def nic_of(vm: Vm, role: str = NicRole.EXTERNAL) -> Nic:
    return vm.nics.get(role=role)


def _spec(cloud: Cloud, kind: type[FabricSpec], id: object) -> object:
    with cloud.world.records() as state:
        return state.get(kind_of(kind).memory.table, str(id))


def external_port(cloud: Cloud, vm: Vm) -> ExternalPortSpec | None:
    found = _spec(cloud, ExternalPortSpec, nic_of(vm).pk)
    assert found is None or isinstance(found, ExternalPortSpec)
    return found


def internal_port(cloud: Cloud, vm: Vm) -> PortSpec:
    found = _spec(cloud, PortSpec, nic_of(vm, NicRole.INTERNAL).pk)
    assert isinstance(found, PortSpec)
    return found


def translated(cloud: Cloud, id: object) -> TranslatedAddressSpec | None:
    found = _spec(cloud, TranslatedAddressSpec, id)
    assert found is None or isinstance(found, TranslatedAddressSpec)
    return found


def addresses(cloud: Cloud, vm: Vm) -> list[str]:
    """Return the addresses of the VM's external port."""
    port = external_port(cloud, vm)
    return [each.ip for each in port.addresses] if port else []


def guest_network(cloud: Cloud, vm: Vm) -> GuestNetwork | None:
    assert vm.host is not None
    with cloud.world.records() as state:
        known = state.get(vms_of(vm.host.name), str(vm.pk))
    assert known is not None
    return known.network


def guest_addresses(cloud: Cloud, vm: Vm) -> list[str]:
    """Return what the guest was told to have on its external NIC."""
    network, mac = guest_network(cloud, vm), nic_of(vm).mac
    nics = network.nics if network else ()
    return [each.address.partition("/")[0] for nic in nics if nic.mac == mac for each in nic.addresses]
