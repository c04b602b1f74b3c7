"""Print where a VM is in its network, as JSON: for tools of the machine, which see the VMs of all tenants."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from apps.compute.models import Vm
from apps.network.models import Nic, NicRole


class Command(BaseCommand):
    help = "Print a VM's ID, address, subnet and the subnet's taken addresses, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("vm", help="name or ID")

    def handle(self, *args: Any, **options: Any) -> None:
        vm = _found(options["vm"])
        nic = Nic.objects.filter(owner=vm, role=NicRole.INTERNAL).select_related("subnet").first()
        if nic is None:
            raise CommandError(f"VM {vm.name} has no NIC yet. Wait until its creation is done.")
        about = {
            "id": str(vm.pk),
            "address": str(nic.ip),
            "subnet": str(nic.subnet_id),
            "cidr": str(nic.its_subnet.cidr),
            "taken": [str(ip) for ip in Nic.objects.filter(subnet=nic.subnet).values_list("ip", flat=True)],
        }
        self.stdout.write(json.dumps(about))


def _found(wanted: str) -> Vm:
    vms = list(Vm.objects.filter(**_by(wanted)).select_related("tenant").order_by("pk")[:20])
    if not vms:
        raise CommandError(f"No VM has the name or ID {wanted!r}.")
    if len(vms) > 1:
        ids = ", ".join(f"{vm.pk} (tenant {vm.tenant})" for vm in vms)
        raise CommandError(f"{len(vms)} VMs are named {wanted!r}. Use an ID: {ids}")
    return vms[0]


def _by(wanted: str) -> dict[str, Any]:
    try:
        return {"pk": UUID(wanted)}
    except ValueError:
        return {"name": wanted}
