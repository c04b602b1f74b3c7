"""EIPs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import ExternalAddress, TranslatedAddressSpec
from apps.lifecycle.models import Operation, State
from apps.network.models import Eip, ProviderNetwork, SegmentAddress
from apps.network.services import eip, eip_binding
from apps.network.specs import provider_network_spec
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.kinds.external_segment import known_edge, own_segment
from tests.kinds.vm import make_vm
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, Recipe, done, new_name, spoilt
from tests.security.words import A_CREATE, A_MANAGE, MARK, P_CREATE, P_MANAGE, admin, api, pages

if TYPE_CHECKING:
    from tests.security.world import World


def _create(environment: Environment, _nothing: object = None) -> Operation:
    (operation,) = eip.create_eips(
        environment.owner, segment=environment.segment.pk, name=new_name(), project=environment.project.uid
    )
    return operation


def made_eip(environment: Environment) -> Eip:
    made: Eip = done(_create(environment))
    return made


def bound_eip(environment: Environment, vm: Vm | None = None, delivery: str = Eip.Delivery.GUEST) -> Eip:
    """Return an EIP that a VM has, by default a new one."""
    vm, made = vm or make_vm(environment), made_eip(environment)
    bound: Eip = done(eip_binding.bind_eip(environment.owner, made, carrier=vm.pk, delivery=delivery))
    return bound


def _translated(environment: Environment) -> Eip:
    return bound_eip(environment, delivery=Eip.Delivery.TRANSLATED)


def _elsewhere(environment: Environment) -> Eip:
    """An EIP that a VM has by one-to-one NAT, and another VM of its name that it can be moved to."""
    made = _translated(environment)
    Vm.objects.filter(pk=make_vm(environment).pk).update(name=made.name)
    return made


def _bind(environment: Environment, row: Eip) -> Operation:
    """Move it to the VM of its name, into the guest."""
    vm = Vm.objects.get(name=row.name)
    return eip_binding.bind_eip(environment.owner, row, carrier=vm.pk, delivery=Eip.Delivery.GUEST)


def _unbind(environment: Environment, row: Eip) -> Operation:
    return eip_binding.unbind_eip(environment.owner, row)


def _half_unbound(environment: Environment) -> Eip:
    """One that is bound to nothing, and that its VM still has: its unbind has failed."""
    left: Eip = spoilt(_unbind(environment, _translated(environment)), "fabric.ensure_port")
    return left


def _stray(cloud: Cloud, vm: Vm) -> None:
    nic = vm.nics.get(role="internal")
    edge, fabric = known_edge(cloud), MemoryFabric(cloud.world)
    network = ProviderNetwork.objects.create(edge_id=edge, physical_network="physnet1", vlan=9)
    network.refresh_from_db()
    fabric.ensure(provider_network_spec(network, ()))
    address = ExternalAddress("198.18.0.9", str(network.pk))
    assert nic.subnet is not None
    vpc = str(nic.subnet.vpc_id)
    fabric.ensure(TranslatedAddressSpec(str(uuid4()), edge, vpc, 1, address, str(nic.ip)))


def _own(world: World) -> object:
    segment = own_segment(world)
    made = Eip.objects.create(
        kind="eip",
        name=f"{MARK} EIP",
        region=world.region,
        state=State.READY,
        tenant=world.tenant,
        project=world.project,
        segment=segment,
        mbit=10,
    )
    SegmentAddress.objects.create(segment=segment, ip="203.0.113.9", use="eip", holder=made)
    return made.pk


_ACTS = "retry bind unbind set_bandwidth pick_egress rename delete"
_READ = "one tab.activity menu"

CASE = KindCase(
    "eip",
    "eips",
    Eip,
    api=api(
        "eips",
        create=A_CREATE,
        patch=A_MANAGE,
        delete=A_MANAGE,
        bind=A_MANAGE,
        unbind=A_MANAGE,
        set_bandwidth=A_MANAGE,
        pick_egress=A_MANAGE,
        retry=A_MANAGE,
    ),
    pages=pages("eip", read=_READ, create=P_CREATE, **dict.fromkeys(_ACTS.split(), P_MANAGE)),
    admin=admin("eip", read=_READ, acts=_ACTS),
    key=_own,
    body=lambda w: {"name": "new", "project": str(w.project.uid), "segment": str(own_segment(w).pk)},
    form=lambda w: {
        "name": "new",
        "count": 1,
        "project": str(w.project.uid),
        "segment": str(own_segment(w).pk),
    },
    bodies={
        "bind": lambda w: {"carrier": str(w.vm.pk)},
        "unbind": lambda w: {},
        "set_bandwidth": lambda w: {"mbit": 20},
    },
    forms={"bind": lambda w: {"carrier": str(w.vm.pk)}, "set_bandwidth": lambda w: {"mbit": 20}},
    recipes={
        "create": Recipe(_create),
        "retry": Recipe(
            lambda environment, row: eip.retry_eip(environment.owner, row),
            lambda environment: spoilt(_create(environment), "hypervisor.probe_addresses"),
        ),
        "bind": Recipe(_bind, _elsewhere),
        "unbind": Recipe(_unbind, bound_eip),
        "set_bandwidth": Recipe(
            lambda environment, row: eip.set_bandwidth(environment.owner, row, mbit=20), bound_eip
        ),
        "pick_egress": Recipe(lambda environment, row: eip.pick_egress(environment.owner, row), _translated),
        "delete": Recipe(lambda environment, row: eip.release_eip(environment.owner, row), _half_unbound),
        "resync": Recipe(RESYNC, bound_eip),
        "force_clean": Recipe(FORCE_CLEAN, _translated, gives_up=True),
    },
    stray=_stray,
)
