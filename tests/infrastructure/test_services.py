"""Regions, clusters and hosts as admins change them."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant, User
from apps.api.declarations import KindApi
from apps.audit.models import AuditEntry
from apps.infrastructure.models import Host
from apps.infrastructure.selectors import visible_compute_clusters, visible_hosts, visible_storage_clusters
from apps.infrastructure.services.clusters import (
    change_cluster,
    create_compute_cluster,
    delete_cluster,
    permit,
)
from apps.infrastructure.services.hosts import close_host, open_host
from apps.infrastructure.services.regions import create_region
from apps.infrastructure.services.storage_clusters import create_storage_cluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, InUse, Invalid, NotNow
from apps.lifecycle.models import Resource
from tests import factories
from tests.security.routes import all_routes

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


@pytest.mark.requirement("IN-2")
def test_a_region_is_deleted_once_nothing_is_in_it_and_what_is_is_named(admin: Actor, ada: User) -> None:
    region = factories.make_region("north")
    cluster = factories.make_cluster(region, "compute-1")
    client = factories.session_client(ada)
    refused = client.delete("/api/v1/regions/north")
    assert (refused.status_code, refused.json()["code"]) == (409, "resource.in_use")
    assert refused.json()["details"]["resources"] == [
        {"kind": "compute_cluster", "id": str(cluster.pk), "name": "compute-1"}
    ]
    delete_cluster(admin, cluster)
    Resource.objects.create(kind="vpc", name="vpc-1", region=region)
    assert "vpc-1" in client.delete("/api/v1/regions/north").json()["title"]
    Resource.objects.all().delete()
    pages = factories.page_client(ada)
    assert pages.post("/admin/regions/north/delete/", {"typed_name": "south"}).status_code == 422
    assert client.delete("/api/v1/regions/north").status_code == 204
    assert client.get("/api/v1/regions/north").status_code == 404


@pytest.mark.requirement("IN-2")
def test_every_kind_that_can_be_created_can_be_deleted() -> None:
    views = {route.callback.cls for route in all_routes() if hasattr(route.callback, "cls")}
    kinds = [view for view in views if issubclass(view, KindApi)]
    assert [view.__name__ for view in kinds if view.create and not view.delete] == []
