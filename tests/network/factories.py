"""Networks that exist, as rows and in the pretend fabric."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.accounts.models import Project
from apps.infrastructure.models import Region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.network.models import SecurityGroup, Subnet, Vpc
from apps.network.services.security_group import create_security_group
from apps.network.services.subnet import create_subnet
from apps.network.services.vpc import create_vpc

_numbers = count(1)


def settle(operation: Operation) -> Operation:
    """Carry the operation out in this thread; it must succeed."""
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, (operation.status, operation.error, operation.steps)
    return operation


def make_vpc(project: Project, region: Region, cidr: str = "10.0.0.0/16") -> Vpc:
    operation = create_vpc(
        SYSTEM, name=f"vpc-{next(_numbers)}", cidr=cidr, region=region.name, project=project.uid
    )
    return Vpc.objects.get(pk=settle(operation).target_id)


def make_subnet(vpc: Vpc, cidr: str = "10.0.1.0/24", cidr6: str = "") -> Subnet:
    name = f"subnet-{next(_numbers)}"
    operation = create_subnet(SYSTEM, vpc=vpc.pk, name=name, cidr=cidr, cidr6=cidr6)
    return Subnet.objects.get(pk=settle(operation).target_id)


def make_group(project: Project, region: Region, *rules: dict[str, Any]) -> SecurityGroup:
    operation = create_security_group(
        SYSTEM, name=f"group-{next(_numbers)}", rules=rules, region=region.name, project=project.uid
    )
    return SecurityGroup.objects.get(pk=settle(operation).target_id)


def make_machine(project: Project, region: Region, name: str = "") -> Resource:
    """Make something that can own NICs: as much of a VM as the network knows of."""
    return Resource.objects.create(
        kind="vm",
        name=name or f"vm-{next(_numbers)}",
        tenant=project.tenant,
        project=project,
        region=region,
        state=State.READY,
    )
