"""Which part of the physical side a user may see and use."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.infrastructure.cluster_status import with_hosts
from apps.infrastructure.models import Cluster, ComputeCluster, Host, Region, StorageCluster
from apps.infrastructure.reachability import silent_since
from apps.infrastructure.readiness import with_checks
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound
from apps.lifecycle.models import Resource, State

C = TypeVar("C", bound=Cluster)

#: Below this many hosts a cluster cannot lose one and keep its promises.
HOSTS_FOR_AVAILABILITY = 3


def usable(tenant_id: int, clusters: QuerySet[C]) -> QuerySet[C]:
    """Return the clusters a tenant may use: open to all, or to it (CL-4)."""
    granted = clusters.model._default_manager.filter(tenants=tenant_id).values("pk")
    return clusters.filter(Q(open_to_all=True) | Q(pk__in=granted))


def in_usable_compute(tenant_id: int) -> Q:
    """Return the condition that a row's `cluster` is a compute cluster the tenant may use (CL-4)."""
    granted = ComputeCluster.tenants.through.objects.filter(tenant_id=tenant_id).values("computecluster_id")
    return Q(cluster__open_to_all=True) | Q(cluster_id__in=granted)


def in_usable_storage(tenant_id: int) -> Q:
    """Return the condition that a row's `cluster` is a storage cluster the tenant may use (CL-4)."""
    granted = StorageCluster.tenants.through.objects.filter(tenant_id=tenant_id).values("storagecluster_id")
    return Q(cluster__open_to_all=True) | Q(cluster_id__in=granted)


def visible_clusters(actor: Actor, clusters: QuerySet[C]) -> QuerySet[C]:
    """Return what the actor may see: an admin as such sees every cluster, a tenant what it may use."""
    clusters = clusters.select_related("region")
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return clusters
    opened = clusters.filter(region__open_to_tenants=True)
    return usable(actor.tenant.pk, opened) if actor.tenant else clusters.none()


def visible_compute_clusters(actor: Actor) -> QuerySet[ComputeCluster]:
    """Return the compute clusters the actor may see, or use if it is a tenant."""
    return visible_clusters(actor, ComputeCluster.objects.all())


def visible_storage_clusters(actor: Actor) -> QuerySet[StorageCluster]:
    """Return the storage clusters the actor may see, or use if it is a tenant."""
    return visible_clusters(actor, StorageCluster.objects.all())


def get_cluster(actor: Actor, clusters: QuerySet[C], pk: object) -> C:
    """Return one cluster; NotFound alike when it does not exist and when the actor may not know of it."""
    found = visible_clusters(actor, clusters).filter(pk=pk).first()
    if found is None:
        raise NotFound(_("Cluster not found."))
    return found


def visible_regions(actor: Actor) -> QuerySet[Region]:
    """Return every region to an admin as such; to a tenant those that are open, or in which it has something."""
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return with_checks(Region.objects.all())
    if actor.tenant is None:
        return Region.objects.none()
    used = Resource.objects.filter(tenant=actor.tenant, region=OuterRef("pk"))
    return Region.objects.filter(Q(open_to_tenants=True) | Exists(used))


def sees_hosts(actor: Actor) -> bool:
    """Return whether the actor may know of hosts: only an admin as such may."""
    return actor.is_system or (actor.is_admin and actor.tenant is None)


def visible_hosts(actor: Actor) -> QuerySet[Host]:
    """Return the hosts; only an admin as such may know of them."""
    if sees_hosts(actor):
        return Host.objects.select_related("cluster__region", "region", "controller")
    return Host.objects.none()


def with_load(clusters: QuerySet[ComputeCluster]) -> QuerySet[ComputeCluster]:
    """Annotate compute clusters with host counts, capacity and reservations, for the admin's list."""
    return with_hosts(clusters).annotate(
        host_count=Count("hosts"),
        vcpu_capacity=Coalesce(Sum("hosts__vcpu_capacity"), 0),
        vcpu_reserved=Coalesce(Sum("hosts__vcpu_reserved"), 0),
        memory_capacity_mib=Coalesce(Sum("hosts__memory_capacity_mib"), 0),
        memory_reserved_mib=Coalesce(Sum("hosts__memory_reserved_mib"), 0),
    )


def cluster_warnings(cluster: ComputeCluster) -> list[str]:
    """Return what an admin should know of a cluster: too few hosts, or hosts that differ (CL-1)."""
    hosts = list(cluster.hosts.filter(state=State.READY).values_list("cpu_model", "memory_mib", "vcpus"))
    warnings = []
    if len(hosts) < HOSTS_FOR_AVAILABILITY:
        warnings.append(_("Not highly available: %(count)s of at least 3 hosts.") % {"count": len(hosts)})
    if len({cpu for cpu, _memory, _vcpus in hosts}) > 1:
        warnings.append(
            _("The cluster’s hosts have different CPUs. VMs may not be able to migrate between them.")
        )
    if len({(memory, vcpus) for _cpu, memory, vcpus in hosts}) > 1:
        warnings.append(_("The cluster’s hosts differ in memory or number of CPUs."))
    return warnings


def host_in_reach(region_id: int) -> Host | None:
    """Return a host of the region that answers, for work that any host can do.

    Always the same one while it answers, so that a long job asked for again finds itself already started.
    """
    fresh = Host.objects.filter(
        region_id=region_id, state=State.READY, failure="", last_report_at__gt=silent_since()
    )
    return fresh.order_by("pk").first()
