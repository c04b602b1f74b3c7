"""Create the demonstration's VM, once workers and hosts are up, and wait until it runs."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import Project
from apps.compute.management.commands.demo import IMAGE, TENANT
from apps.compute.models import Image, InstanceType, Vm
from apps.compute.services.vm import create_vms
from apps.infrastructure.models import Host
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Resource, State
from apps.network.models import Eip, ExternalSegment, SecurityGroup, Subnet
from apps.network.services.eip import create_eips
from apps.network.services.eip_binding import bind_eip

NAME = "demo"


class Command(BaseCommand):
    help = "Create the demo tenant's VM if it has none, and wait until it runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", type=float, default=180, help="timeout in seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        end = time.monotonic() + options["wait"]
        project = Project.objects.get(tenant__name=TENANT, is_default=True)
        if Vm.objects.filter(project=project).exists():
            return
        self._until(
            end, lambda: any(host.in_reach for host in Host.objects.filter(state=State.READY)), _no_host
        )
        image = self._ready(end, Image.objects.filter(tenant=None, name=IMAGE))
        subnet = self._ready(end, Subnet.objects.filter(project=project))
        group = self._ready(end, SecurityGroup.objects.filter(project=project))
        smallest = InstanceType.objects.order_by("memory_gib", "vcpu").first()
        assert smallest is not None
        try:
            create_vms(
                SYSTEM,
                project=project.uid,
                name=NAME,
                instance_type=smallest.pk,
                image=image.pk,
                subnet=subnet.pk,
                security_group=group.pk,
            )
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        vm = self._ready(end, Vm.objects.filter(project=project))
        self.stdout.write(f"created VM {NAME}")
        self._eip(end, project, vm)

    def _eip(self, end: float, project: Project, vm: Vm) -> None:
        """Give the VM an address of the first segment with an IPv4 default route, where there is one."""
        segments = ExternalSegment.objects.filter(cidr__family=4, routes__contains=["0.0.0.0/0"])
        if not segments.exists():
            return
        segment = self._ready(end, segments.order_by("created_at"))
        try:
            create_eips(SYSTEM, project=project.uid, name=NAME, segment=segment.pk)
            eip = self._ready(end, Eip.objects.filter(project=project))
            bind_eip(SYSTEM, eip, carrier=vm.pk)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        bound = Eip.objects.filter(pk=eip.pk)
        self._until(end, lambda: not holding([eip]), lambda: f"EIP {NAME} is not bound yet")
        self._ready(end, bound)
        self.stdout.write(f"bound EIP {bound.get().address}")

    def _ready(self, end: float, rows: Any) -> Any:
        def ready() -> bool:
            row = rows.first()
            if row is not None and row.state == State.ERROR:
                raise CommandError(f"{row.kind} {row.name}: {row.error.get('message')}")
            return row is not None and row.state == State.READY

        self._until(end, ready, lambda: _not_ready(rows.first()))
        return rows.first()

    def _until(self, end: float, reached: Callable[[], bool], complain: Callable[[], str]) -> None:
        while not reached():
            if time.monotonic() > end:
                raise CommandError(complain())
            time.sleep(0.2)


def _no_host() -> str:
    return "no host has reported: are the agents and beat running?"


def _not_ready(row: Resource | None) -> str:
    if row is None:
        return "the demo data is not loaded: run manage.py demo"
    return f"{row.kind} {row.name} is not ready: is a worker running?"
