"""Security groups."""

from __future__ import annotations

from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import SecurityGroupSpec
from apps.lifecycle.models import Operation
from apps.network.models import SecurityGroup
from apps.network.services import security_group
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, Recipe, done, new_name, spoilt
from tests.security.words import A_CREATE, A_MANAGE, P_CREATE, P_MANAGE, admin, api, pages

RULE = {"direction": "in", "protocol": "tcp", "port": "22", "address": "0.0.0.0/0"}
SSH = {"direction": "in", "protocol": "ssh", "address": "0.0.0.0/0"}
PING = {"direction": "in", "protocol": "ping", "address": "0.0.0.0/0"}


def _create_group(environment: Environment, _nothing: object = None) -> Operation:
    return security_group.create_security_group(
        environment.owner,
        name=new_name(),
        rules=[SSH],
        region=environment.region.name,
        project=environment.project.uid,
    )


def _group(environment: Environment) -> SecurityGroup:
    made: SecurityGroup = done(_create_group(environment))
    return made


def _stray(cloud: Cloud, vm: Vm) -> None:
    MemoryFabric(cloud.world).ensure(SecurityGroupSpec(str(uuid4())))


CASE = KindCase(
    "security_group",
    "security-groups",
    SecurityGroup,
    api=api(
        "security-groups",
        create=A_CREATE,
        patch=A_MANAGE,
        delete=A_MANAGE,
        set_rules=A_MANAGE,
        retry=A_MANAGE,
    ),
    pages=pages(
        "security_group",
        read="one tab.used-by tab.activity menu",
        create=P_CREATE,
        retry=P_MANAGE,
        rename=P_MANAGE,
        delete=P_MANAGE,
        rules=P_MANAGE,
    ),
    admin=admin("security_group", read="one tab.used-by tab.activity menu", acts="retry rename delete rules"),
    key=lambda world: SecurityGroup.objects.get(project=world.project).pk,
    body=lambda w: {
        "name": "new",
        "project": str(w.project.uid),
        "region": w.region.name,
        "rules": [RULE],
    },
    form=lambda w: {
        "name": "new",
        "project": str(w.project.uid),
        "region": w.region.name,
    },
    bodies={"set_rules": lambda w: {"rules": [RULE]}},
    recipes={
        "create": Recipe(_create_group),
        "retry": Recipe(
            lambda environment, group: security_group.retry_security_group(environment.owner, group),
            lambda environment: spoilt(_create_group(environment), "fabric.ensure_security_group"),
        ),
        "set_rules": Recipe(
            lambda environment, group: security_group.set_rules(environment.owner, group, rules=[PING]),
            _group,
        ),
        "delete": Recipe(
            lambda environment, group: security_group.delete_security_group(environment.owner, group),
            _group,
        ),
        "resync": Recipe(RESYNC, _group),
        "force_clean": Recipe(FORCE_CLEAN, _group, gives_up=True),
    },
    stray=_stray,
)
