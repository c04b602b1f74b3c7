"""Subnets."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING
from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import SubnetSpec
from apps.lifecycle.models import Operation
from apps.network.models import Subnet, Vpc
from apps.network.services import subnet
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.kinds.vpc import make_vpc
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, Recipe, done, new_name, spoilt
from tests.security.words import A_MANAGE, P_CREATE, P_MANAGE, admin, api, pages

if TYPE_CHECKING:
    from tests.security.world import World


def _create_subnet(environment: Environment, within: Vpc) -> Operation:
    return subnet.create_subnet(environment.owner, vpc=within.pk, name=new_name(), cidr="10.0.1.0/24")


def _subnet(environment: Environment) -> Subnet:
    made: Subnet = done(_create_subnet(environment, make_vpc(environment)))
    return made


def _stray(cloud: Cloud, vm: Vm) -> None:
    vpc = str(vm.nics.get(role="internal").subnet.vpc_id)
    spec = SubnetSpec(str(uuid4()), vpc, "10.9.0.0/24", "10.9.0.1", "02:00:00:00:99:01")
    MemoryFabric(cloud.world).ensure(spec)


def _free_block(world: World) -> str:
    """Return a block of the VPC that no subnet has."""
    taken = IPv4Network(str(world.subnet.cidr))
    return next(
        str(block)
        for block in IPv4Network(str(world.vpc.cidr)).subnets(new_prefix=28)
        if not block.overlaps(taken)
    )


CASE = KindCase(
    "subnet",
    "subnets",
    Subnet,
    api=api("subnets", create=A_MANAGE, patch=A_MANAGE, delete=A_MANAGE, retry=A_MANAGE, add_ipv6=A_MANAGE),
    pages=pages(
        "subnet",
        read="one tab.addresses tab.activity menu",
        create=P_CREATE,
        retry=P_MANAGE,
        add_ipv6=P_MANAGE,
        rename=P_MANAGE,
        delete=P_MANAGE,
    ),
    admin=admin("subnet", read="one tab.addresses tab.activity menu", acts="retry add_ipv6 rename delete"),
    key=lambda world: world.subnet.pk,
    body=lambda w: {"name": "new", "vpc": str(w.vpc.pk), "cidr": _free_block(w)},
    bodies={"add_ipv6": lambda w: {"cidr6": "auto"}},
    forms={"add_ipv6": lambda w: {"cidr6": "auto"}},
    recipes={
        "create": Recipe(_create_subnet, make_vpc),
        "retry": Recipe(
            lambda environment, row: subnet.retry_subnet(environment.owner, row),
            lambda environment: spoilt(
                _create_subnet(environment, make_vpc(environment)), "fabric.ensure_subnet"
            ),
        ),
        "add_ipv6": Recipe(
            lambda environment, row: subnet.add_ipv6(environment.owner, row, cidr6="auto"),
            _subnet,
        ),
        "delete": Recipe(
            lambda environment, row: subnet.delete_subnet(environment.owner, row),
            _subnet,
        ),
        "resync": Recipe(RESYNC, _subnet),
        "force_clean": Recipe(FORCE_CLEAN, _subnet, gives_up=True),
    },
    stray=_stray,
)
