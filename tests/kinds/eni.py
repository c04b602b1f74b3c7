"""Elastic NICs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from apps.compute.models import Vm
from apps.compute.services.eni_binding import bind_eni, unbind_eni
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import ExternalPortSpec
from apps.lifecycle.models import Operation, State
from apps.network.models import Eni, Nic, NicRole
from apps.network.services import eni
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.kinds.external_segment import known_edge
from tests.kinds.vm import make_vm
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, Recipe, done, new_name, spoilt
from tests.security.words import A_CREATE, A_MANAGE, MARK, P_CREATE, P_MANAGE, admin, api, pages

if TYPE_CHECKING:
    from tests.security.world import World


def _create(environment: Environment, **where: Any) -> Operation:
    where = where or {"subnet": environment.subnet.pk}
    return eni.create_eni(environment.owner, name=new_name(), project=environment.project.uid, **where)


def made_eni(environment: Environment) -> Eni:
    made: Eni = done(_create(environment))
    return made


def _create_external(environment: Environment, _nothing: object = None) -> Operation:
    return _create(environment, segment=environment.segment.pk)


def _external(environment: Environment) -> Eni:
    made: Eni = done(_create_external(environment))
    return made


def _bind(environment: Environment, row: Eni) -> Operation:
    return bind_eni(environment.owner, row, vm=Vm.objects.get(name=row.name).pk)


def _bound(environment: Environment) -> Eni:
    """One that a running VM has."""
    return bound_eni(environment, make_vm(environment))


def bound_eni(environment: Environment, vm: Vm) -> Eni:
    """Return an elastic NIC that a VM has."""
    bound: Eni = done(bind_eni(environment.owner, made_eni(environment), vm=vm.pk))
    return bound


def _elsewhere(environment: Environment) -> Eni:
    """One that a running VM has, and another VM of its name that it can be moved to."""
    made = _bound(environment)
    Vm.objects.filter(pk=make_vm(environment).pk).update(name=made.name)
    return made


def _stray(cloud: Cloud, vm: Vm) -> None:
    port = ExternalPortSpec(str(uuid4()), known_edge(cloud), "02:00:00:00:96:02")
    MemoryFabric(cloud.world).ensure(port)


def own_eni(world: World) -> Eni:
    """Return the elastic NIC of the tenant's, made once."""
    found = Eni.objects.filter(project=world.project).order_by("created_at").first()
    if found is not None:
        return found
    made = Eni.objects.create(
        kind="eni",
        name=f"{MARK} NIC",
        region=world.region,
        state=State.READY,
        tenant=world.tenant,
        project=world.project,
    )
    last = world.subnet.cidr.broadcast_address
    Nic.objects.create(owner=made, role=NicRole.ELASTIC, subnet=world.subnet, ip=str(last - 9))
    return made


_ACTS = "retry bind unbind set_security_group set_bandwidth rename delete"
_READ = "one tab.activity menu"

CASE = KindCase(
    "eni",
    "enis",
    Eni,
    api=api(
        "enis",
        create=A_CREATE,
        patch=A_MANAGE,
        delete=A_MANAGE,
        bind=A_MANAGE,
        unbind=A_MANAGE,
        set_security_group=A_MANAGE,
        set_bandwidth=A_MANAGE,
        retry=A_MANAGE,
    ),
    pages=pages("eni", read=_READ, create=P_CREATE, **dict.fromkeys(_ACTS.split(), P_MANAGE)),
    admin=admin("eni", read=_READ, acts=_ACTS),
    key=lambda world: own_eni(world).pk,
    body=lambda w: {"name": "new", "project": str(w.project.uid), "subnet": str(w.subnet.pk)},
    form=lambda w: {
        "name": "new",
        "project": str(w.project.uid),
        "role": "internal",
        "subnet": str(w.subnet.pk),
    },
    bodies={
        "bind": lambda w: {"vm": str(w.vm.pk)},
        "unbind": lambda w: {},
        "set_security_group": lambda w: {"security_group": str(w.keys["security-groups"])},
        "set_bandwidth": lambda w: {"mbit_in": 20, "mbit_out": 0},
    },
    forms={
        "bind": lambda w: {"vm": str(w.vm.pk)},
        "set_security_group": lambda w: {"security_group": ""},
        "set_bandwidth": lambda w: {"mbit_in": 20, "mbit_out": 0},
    },
    recipes={
        "create": Recipe(_create_external),
        "retry": Recipe(
            lambda environment, row: eni.retry_eni(environment.owner, row),
            lambda environment: spoilt(_create(environment), "fabric.ensure_port"),
        ),
        "bind": Recipe(_bind, _elsewhere),
        "unbind": Recipe(lambda environment, row: unbind_eni(environment.owner, row), _bound),
        "set_security_group": Recipe(
            lambda environment, row: eni.set_security_group(
                environment.owner, row, security_group=environment.group.pk
            ),
            _bound,
        ),
        "set_bandwidth": Recipe(
            lambda environment, row: eni.set_bandwidth(environment.owner, row, mbit_in=20, mbit_out=30),
            _external,
        ),
        "delete": Recipe(lambda environment, row: eni.delete_eni(environment.owner, row), _external),
        "resync": Recipe(RESYNC, _bound),
        "force_clean": Recipe(FORCE_CLEAN, _bound, gives_up=True),
    },
    stray=_stray,
)
