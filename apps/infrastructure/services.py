"""Changes of regions, clusters and hosts by admins. Rows only: nothing here waits for a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.acts import allows, changes
from apps.accounts.labels import MAX_NAME
from apps.accounts.models import Tenant
from apps.accounts.single_line import clean_line
from apps.infrastructure import (
    enrolment,  # noqa: F401  its services are hosts', looked for here
    region_opening,  # noqa: F401  and its are regions'
)
from apps.infrastructure.cluster_rows import MAX_ADDRESS, free_name, only, unique
from apps.infrastructure.models import Cluster, ComputeCluster, Host, Region, StorageCluster
from apps.infrastructure.storage_services import change_storage_cluster, create_storage_cluster
from apps.infrastructure.verbs import (
    CLUSTER_CHANGE,
    CLUSTER_CREATE,
    CLUSTER_DELETE,
    CLUSTER_PERMIT,
    HOST_CLOSE,
    HOST_OPEN,
    REGION_CHANGE,
    REGION_CREATE,
    REGION_DELETE,
)
from apps.lifecycle import push
from apps.lifecycle.errors import InUse, NotFound
from apps.lifecycle.in_use import NAMED
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Allowed, Change
from apps.lifecycle.slots import Slot

__all__ = [
    "create_storage_cluster"
]  # one of `storage_services`; the callers of `create_compute_cluster` find both here

C = TypeVar("C", bound=Cluster)

#: Called with every new compute cluster, in its transaction: what a cluster is born with (its instance types).
cluster_defaults: Slot[Callable[[ComputeCluster], None]] = Slot()


@allows(REGION_CREATE)
def create_region(
    allowed: Allowed,
    name: str,
    label: str,
    *,
    fabric_driver: str = "ovn",
    fabric_address: str = "",
    dns_servers: Sequence[str] = (),
    open_to_tenants: bool = False,
) -> Region:
    """Add a data centre. `fabric_address` is that of OVN's northbound database ("ssl:192.0.2.1:6641").

    Tenants use it once it is opened; `open_to_tenants` at once, for whoever makes the rest of it in the same go.
    """
    region = unique(
        lambda: Region.objects.create(
            name=name,
            label=clean_line("label", label, MAX_NAME) or name,
            fabric_driver=fabric_driver,
            fabric_address=clean_line("fabric_address", fabric_address, MAX_ADDRESS),
            dns_servers=list(dns_servers),
            open_to_tenants=open_to_tenants,
        )
    )
    allowed.record(name=name)
    return region


@allows(REGION_CHANGE)
def change_region(allowed: Allowed, region: Region, changes: Mapping[str, Any]) -> None:
    """Change label, fabric address or DNS servers; a region's name and what is in it stay."""
    given = only(changes, {"label", "fabric_address", "dns_servers"})
    Region.objects.filter(pk=region.pk).update(**given)
    allowed.record(name=region.name, args=given)


@allows(REGION_DELETE)
def delete_region(allowed: Allowed, region: Region) -> None:
    """Delete an empty region. Raises InUse with what is in it."""
    if not Region.objects.select_for_update().filter(pk=region.pk):
        raise NotFound(_("Region not found."))
    users = [
        *_named(ComputeCluster.objects.filter(region=region), "compute_cluster"),
        *_named(StorageCluster.objects.filter(region=region), "storage_cluster"),
        *_named(Resource.objects.filter(region=region)),
    ]
    if users:
        raise InUse(
            _("Region %(name)s is in use: %(users)s.")
            % {"name": region.label, "users": ", ".join(user["name"] for user in users[:NAMED])},
            hint=_("Delete the region’s VMs, networks, images, hosts and clusters first."),
            details={"resources": users[:NAMED]},
        )
    Region.objects.filter(pk=region.pk).delete()
    allowed.record(name=region.name)


def _named(rows: QuerySet[Any], kind: str = "") -> list[dict[str, str]]:
    """Return the first rows as a refusal names them."""
    return [
        {"kind": kind or row.kind, "id": str(row.pk), "name": row.name}
        for row in rows.order_by("name", "pk")[:NAMED]
    ]


@allows(CLUSTER_CREATE, sole=False)
def create_compute_cluster(
    allowed: Allowed,
    region: Region,
    name: str = "",
    *,
    architecture: str = ComputeCluster.Architecture.X86,
    cpu_overcommit: Decimal = Decimal(4),
) -> ComputeCluster:
    """Add a compute cluster, open to all tenants; by default it is named after its architecture (CL-3)."""
    label = ComputeCluster.Architecture(architecture).label
    cluster = unique(
        lambda: ComputeCluster.objects.create(
            region=region,
            name=clean_line("name", name, MAX_NAME) or free_name(ComputeCluster, region, label),
            architecture=architecture,
            cpu_overcommit=cpu_overcommit,
        )
    )
    for add_sample_data in cluster_defaults:
        add_sample_data(cluster)
    allowed.record(name=cluster.name)
    return cluster


@allows(CLUSTER_CHANGE)
def change_cluster(allowed: Allowed, cluster: C, changes: Mapping[str, Any]) -> None:
    """Change name, alias, and what its kind has: see `storage_services.CHANGES` for storage."""
    if isinstance(cluster, StorageCluster):
        given = change_storage_cluster(cluster, changes)
    else:
        given = only(changes, {"name", "alias", "cpu_overcommit"})
        unique(lambda: type(cluster)._default_manager.filter(pk=cluster.pk).update(**given))
    allowed.record(name=cluster.name, args={key: str(value) for key, value in given.items()})


@allows(CLUSTER_PERMIT)
def permit(allowed: Allowed, cluster: C, *, open_to_all: bool, tenants: Sequence[Tenant] = ()) -> None:
    """Open a cluster to all tenants, or to the chosen ones only (CL-4). What others have in it stays."""
    type(cluster)._default_manager.filter(pk=cluster.pk).update(open_to_all=open_to_all)
    cluster.tenants.set(tenants)
    names = [tenant.name for tenant in tenants]
    allowed.record(name=cluster.name, args={"open_to_all": open_to_all, "tenants": names})


@allows(CLUSTER_DELETE)
def delete_cluster(allowed: Allowed, cluster: C) -> None:
    """Delete an empty cluster. Raises InUse."""
    name = cluster.name
    try:
        with transaction.atomic():
            cluster.delete()
    except ProtectedError as error:
        users = [
            {"kind": str(thing._meta.model_name), "id": str(thing.pk), "name": str(thing)}
            for thing in error.protected_objects
        ]
        raise InUse(
            _("Cluster %(name)s is in use: %(users)s.")
            % {"name": name, "users": ", ".join(user["name"] for user in users[:NAMED])},
            hint=_("Remove its hosts and resources first."),
            details={"resources": users[:50]},
        ) from error
    allowed.record(name=name)


@changes(HOST_OPEN)
def open_host(change: Change[Host]) -> Host:
    """Let a host take new VMs."""
    return _set_accepting(change, True)


@changes(HOST_CLOSE)
def close_host(change: Change[Host]) -> Host:
    """Let a host take no more new VMs; those on it stay."""
    return _set_accepting(change, False)


def _set_accepting(change: Change[Host], accepts: bool) -> Host:
    host = change.row
    Host.objects.filter(pk=host.pk).update(accepts_vms=accepts)
    host.accepts_vms = accepts
    change.record()
    push.resource_changed(host)
    return host
