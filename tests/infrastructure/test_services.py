"""Regions, clusters and hosts as admins change them."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant, User
from apps.audit.models import AuditEntry
from apps.infrastructure.models import Host
from apps.infrastructure.selectors import visible_compute_clusters, visible_hosts, visible_storage_clusters
from apps.infrastructure.services import (
    change_cluster,
    close_host,
    create_compute_cluster,
    create_region,
    create_storage_cluster,
    delete_cluster,
    open_host,
    permit,
)
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, InUse, Invalid, NotNow
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.fixture
def owner(alice: User) -> Actor:
    return factories.actor_for_user(alice)


@pytest.mark.requirement("RG-1")
@pytest.mark.requirement("CL-3")
def test_clusters_are_named_after_their_kind_and_may_get_an_alias(admin: Actor) -> None:
    region = create_region(admin, "singapore", "Singapore", fabric_driver="memory")
    first = create_compute_cluster(admin, region)
    second = create_compute_cluster(admin, region)
    storage = create_storage_cluster(admin, region, path="/srv/pool")
    assert [first.name, second.name, storage.name] == ["x86-1", "x86-2", "SSD-1"]
    change_cluster(admin, first, {"alias": "Fast ones"})
    first.refresh_from_db()
    assert str(first) == "Fast ones"
    assert set(AuditEntry.objects.values_list("verb", flat=True)) == {
        "region.create",
        "cluster.create",
        "cluster.change",
    }


def test_names_are_unique_within_a_region(admin: Actor) -> None:
    region = create_region(admin, "tokyo", "Tokyo")
    create_compute_cluster(admin, region, "one")
    with pytest.raises(Invalid):
        create_compute_cluster(admin, region, "one")
    with pytest.raises(Invalid):
        create_region(admin, "tokyo", "Again")


@pytest.mark.requirement("CL-4")
def test_chosen_tenants_alone_see_a_restricted_cluster(
    admin: Actor, owner: Actor, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    region = factories.make_region()
    compute, storage = factories.make_cluster(region), factories.make_storage(region)
    assert visible_compute_clusters(owner).exists()
    for cluster in (compute, storage):
        permit(admin, cluster, open_to_all=False, tenants=[tenant_b])
    assert not visible_compute_clusters(owner).exists()
    assert not visible_storage_clusters(owner).exists()
    assert visible_compute_clusters(admin).exists()
    permit(admin, compute, open_to_all=False, tenants=[tenant_a])
    assert visible_compute_clusters(owner).exists()


def test_a_cluster_with_hosts_is_not_deleted(admin: Actor) -> None:
    cluster = factories.make_cluster(factories.make_region())
    host = factories.make_host(cluster)
    with pytest.raises(InUse) as refused:
        delete_cluster(admin, cluster)
    assert refused.value.details["resources"] == [{"kind": "host", "id": str(host.pk), "name": host.name}]
    Host.objects.all().delete()
    delete_cluster(admin, cluster)


@pytest.mark.requirement("CL-3")
def test_a_host_is_closed_and_opened_for_new_vms(admin: Actor) -> None:
    host = factories.make_host(factories.make_cluster(factories.make_region()))
    host = close_host(admin, host)
    assert not host.accepts_vms
    with pytest.raises(NotNow):
        close_host(admin, host)
    assert open_host(admin, host).accepts_vms


@pytest.mark.requirement("AC-1")
def test_tenants_neither_see_hosts_nor_change_anything(owner: Actor) -> None:
    region = factories.make_region()
    factories.make_host(factories.make_cluster(region))
    assert not visible_hosts(owner).exists()
    for attempt in (
        lambda: create_region(owner, "x", "x"),
        lambda: create_compute_cluster(owner, region),
        lambda: create_storage_cluster(owner, region, path="/x"),
        lambda: delete_cluster(owner, factories.make_cluster(region)),
    ):
        with pytest.raises(Forbidden):
            attempt()
