"""External segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryFabric
from apps.drivers.specs import ProviderNetworkSpec
from apps.infrastructure.models import Region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, State
from apps.network.models import Edge, ExternalSegment, ProviderNetwork
from apps.network.models.external import LAST_VLAN
from apps.network.services import edges, external_segment
from apps.network.specs import edge_spec
from tests import factories
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, Recipe, done, new_name, spoilt
from tests.security.words import A_ADMIN, A_ADMIN_UNKNOWN, A_VIEW, MARK, admin, api

if TYPE_CHECKING:
    from tests.security.world import World


def _network() -> dict[str, Any]:
    """Return a block that nothing has, in whichever process, on some VLAN."""
    digits = uuid4().hex
    block = f"fd00:{digits[:4]}:{digits[4:8]}:{digits[8:12]}"
    return {
        "cidr": f"{block}::/64",
        "gateway": f"{block}::1",
        "vlan": int(digits[-4:], 16) % LAST_VLAN,
        "physical_network": "physnet1",
        "routes": ["::/0"],
    }


def _create(environment: Environment, beside: ExternalSegment | None = None) -> Operation:
    """Request a segment on a VLAN of its own, or on that of another one."""
    network = _network()
    if beside is not None:
        network["vlan"] = beside.provider_network.vlan
    return external_segment.create_segment(
        environment.admin, region=environment.region, name=new_name(), **network
    )


def made_segment(environment: Environment) -> ExternalSegment:
    made: ExternalSegment = done(_create(environment))
    return made


def _with_a_new_host(environment: Environment) -> ExternalSegment:
    made = made_segment(environment)
    cluster = environment.region.computeclusters.get()
    factories.make_host(cluster, f"a-{uuid4().hex[:8]}")
    return made


def known_edge(cloud: Cloud) -> str:
    """Return an edge that is in the database and in the network: no orphan itself."""
    edge = Edge.objects.create(region=cloud.region)
    edge.refresh_from_db()
    MemoryFabric(cloud.world).ensure(edge_spec(edge))
    return str(edge.pk)


def _stray(cloud: Cloud, vm: Vm) -> None:
    network = ProviderNetworkSpec(str(uuid4()), known_edge(cloud), "physnet1", 7, "02:00:00:00:98:02", ())
    MemoryFabric(cloud.world).ensure(network)


def own_segment(world: World) -> ExternalSegment:
    """Return a segment that is open to the tenant only, made once."""
    found = ExternalSegment.objects.filter(name=f"{MARK} segment").first()
    if found is not None:
        return found
    return segment_row(world.region, f"{MARK} segment", world.tenant)


def segment_row(region: Region, name: str, *tenants: Any) -> ExternalSegment:
    """Insert a segment that is there already."""
    edge, _new = Edge.objects.get_or_create(region=region)
    network, _new = ProviderNetwork.objects.get_or_create(edge=edge, physical_network="physnet1", vlan=101)
    segment = ExternalSegment.objects.create(
        kind="external_segment",
        name=name,
        region=region,
        state=State.READY,
        edge=edge,
        provider_network=network,
        cidr="203.0.113.0/24",
        gateway="203.0.113.1",
        router_address="203.0.113.254",
        routes=["0.0.0.0/0"],
        open_to_all=not tenants,
        last_given="203.0.113.0",
    )
    segment.tenants.set(tenants)
    return segment


_BODY = {
    "name": "new",
    "cidr": "198.51.100.0/24",
    "gateway": "198.51.100.1",
    "vlan": 7,
    "physical_network": "physnet1",
}

CASE = KindCase(
    "external_segment",
    "external-segments",
    ExternalSegment,
    api=api(
        "external-segments",
        see=A_VIEW,
        create=A_ADMIN,
        patch=A_ADMIN_UNKNOWN,
        delete=A_ADMIN_UNKNOWN,
        bulk=A_ADMIN,
        change=A_ADMIN_UNKNOWN,
        permit=A_ADMIN_UNKNOWN,
        free_address=A_ADMIN_UNKNOWN,
        retry=A_ADMIN_UNKNOWN,
    ),
    pages={},
    admin=admin(
        "external_segment",
        read="one tab.addresses tab.activity menu",
        acts="create retry change permit free_address rename delete",
    ),
    key=lambda world: own_segment(world).pk,
    body=lambda w: {**_BODY, "region": w.region.name},
    form=lambda w: {**_BODY, "region": w.region.pk, "ceiling_mbit": 100, "open_to_all": "on"},
    bodies={
        "change": lambda w: {"ceiling_mbit": 100},
        "permit": lambda w: {"open_to_all": False, "tenants": [str(w.tenant.uid)]},
        "free_address": lambda w: {"address": "203.0.113.99"},
    },
    forms={
        "change": lambda w: {"ceiling_mbit": 100},
        "permit": lambda w: {"tenants": [w.tenant.pk]},
        "free_address": lambda w: {"address": "203.0.113.99"},
    },
    recipes={
        "create": Recipe(_create, made_segment),
        "retry": Recipe(
            lambda environment, row: external_segment.retry_segment(environment.admin, row),
            lambda environment: spoilt(_create(environment), "fabric.ensure_provider_network"),
        ),
        "change": Recipe(
            lambda environment, row: external_segment.change_segment(
                environment.admin, row, routes=["fd01::/32"]
            ),
            made_segment,
        ),
        "follow_hosts": Recipe(lambda environment, row: edges.update_edge(SYSTEM, row), _with_a_new_host),
        "delete": Recipe(
            lambda environment, row: external_segment.delete_segment(environment.admin, row), made_segment
        ),
        "resync": Recipe(RESYNC, made_segment),
        "force_clean": Recipe(FORCE_CLEAN, made_segment, gives_up=True),
    },
    stray=_stray,
)
