"""VPCs."""

from __future__ import annotations

from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import VpcSpec
from apps.lifecycle.models import Operation
from apps.network.models import Vpc
from apps.network.services import vpc
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, Recipe, done, new_name, spoilt
from tests.security.words import A_CREATE, A_MANAGE, P_CREATE, P_MANAGE, admin, api, pages


def _create_vpc(environment: Environment, _nothing: object = None) -> Operation:
    return vpc.create_vpc(
        environment.owner,
        name=new_name(),
        cidr="10.0.0.0/16",
        region=environment.region.name,
        project=environment.project.uid,
    )


def make_vpc(environment: Environment) -> Vpc:
    made: Vpc = done(_create_vpc(environment))
    return made


def _stray(cloud: Cloud, vm: Vm) -> None:
    MemoryFabric(cloud.world).ensure(VpcSpec(str(uuid4()), vni=4711))


CASE = KindCase(
    "vpc",
    "vpcs",
    Vpc,
    api=api("vpcs", create=A_CREATE, patch=A_MANAGE, delete=A_MANAGE, retry=A_MANAGE),
    pages=pages(
        "vpc",
        read="one tab.subnets tab.topology tab.activity menu",
        create=P_CREATE,
        retry=P_MANAGE,
        rename=P_MANAGE,
        delete=P_MANAGE,
    ),
    admin=admin("vpc", read="one tab.subnets tab.topology tab.activity menu", acts="retry rename delete"),
    key=lambda world: world.vpc.pk,
    body=lambda w: {
        "name": "new",
        "project": str(w.project.uid),
        "region": w.region.name,
        "cidr": "192.168.0.0/16",
    },
    recipes={
        "create": Recipe(_create_vpc),
        "retry": Recipe(
            lambda environment, row: vpc.retry_vpc(environment.owner, row),
            lambda environment: spoilt(_create_vpc(environment), "fabric.ensure_vpc"),
        ),
        "delete": Recipe(lambda environment, row: vpc.delete_vpc(environment.owner, row), make_vpc),
        "resync": Recipe(RESYNC, make_vpc),
        "force_clean": Recipe(FORCE_CLEAN, make_vpc, gives_up=True),
    },
    stray=_stray,
)
