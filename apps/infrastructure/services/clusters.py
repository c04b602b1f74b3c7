"""Compute and storage clusters: added, changed, permitted and deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from apps.accounts.acts import allows
from apps.accounts.labels import MAX_NAME
from apps.accounts.models import Tenant
from apps.accounts.single_line import clean_line
from apps.infrastructure.models import Cluster, ComputeCluster, Region, StorageCluster
from apps.infrastructure.services.columns import free_name, only, unique
from apps.infrastructure.services.storage_clusters import change_storage_cluster
from apps.infrastructure.verbs import CLUSTER_CHANGE, CLUSTER_CREATE, CLUSTER_DELETE, CLUSTER_PERMIT
from apps.lifecycle.errors import InUse
from apps.lifecycle.in_use import NAMED
from apps.lifecycle.requests import Allowed
from apps.lifecycle.slots import Slot

C = TypeVar("C", bound=Cluster)

#: Called with every new compute cluster, in its transaction: what a cluster is born with (its instance types).
cluster_defaults: Slot[Callable[[ComputeCluster], None]] = Slot()


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
    """Change name, alias, and what its kind has: see `storage_clusters.CHANGES` for storage."""
    if isinstance(cluster, StorageCluster):
        given = change_storage_cluster(cluster, changes)
    else:
        given = only(changes, {"name", "alias", "cpu_overcommit", "failover", "spare_hosts"})
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
