"""A VM's addresses in words. It has up to sixty EIPs, so most places name some and say how many more there are."""

from __future__ import annotations

from apps.compute.models import Vm
from apps.storage.forms import some_of


def own_ips(vm: Vm) -> list[str]:
    """Return the addresses in its subnet, of both IP versions. Reads what `selectors.visible_vms` has set."""
    return [ip for nic in vm.shown_nics for ip in nic.ips]


def eip_addresses(vm: Vm) -> list[str]:
    """Return the addresses of its EIPs, the one bound first first. Reads what `selectors.visible_vms` has set."""
    return [eip.address for eip in vm.shown_eips if eip.address]


def first_eip(vm: Vm) -> str:
    """Return the address of the EIP bound first, and how many more there are: "203.0.113.10 +2"."""
    eips = eip_addresses(vm)
    return eips[0] + (f" +{len(eips) - 1}" if len(eips) > 1 else "") if eips else ""


def brief_ips(vm: Vm) -> str:
    """Return its addresses where there is room for two."""
    return ", ".join([*own_ips(vm), *filter(None, [first_eip(vm)])])


def named_eips(vm: Vm) -> str:
    """Return its EIPs for a sentence: the first ones, and how many more there are."""
    return some_of([eip.address or eip.name for eip in vm.shown_eips], len(vm.shown_eips))
