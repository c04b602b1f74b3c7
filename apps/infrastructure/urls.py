"""The physical side's paths, in the API and in the administration."""

from __future__ import annotations

from django.urls import path

from apps.api.routes import routes
from apps.infrastructure.api.clusters import ComputeClusterApi, ComputeClusterMetrics
from apps.infrastructure.api.hosts import HostApi, HostMetrics
from apps.infrastructure.api.regions import RegionApi
from apps.infrastructure.api.storage_clusters import StorageClusterApi, StorageClusterMetrics
from apps.infrastructure.pages.compute_clusters import (
    COMPUTE_CLUSTER,
    ComputeClusterCreate,
    ComputeClusterDetail,
    ComputeClusterList,
)
from apps.infrastructure.pages.home import AdminHome
from apps.infrastructure.pages.hosts import HOST, HostDetail, HostEnrol, HostList, HostRenew
from apps.infrastructure.pages.regions import REGION, RegionCreate, RegionDetail, RegionList
from apps.infrastructure.pages.storage_clusters import (
    STORAGE_CLUSTER,
    StorageClusterCreate,
    StorageClusterDetail,
    StorageClusterList,
)
from apps.portal.kind_urls import kind_paths

api_routes = [
    *routes("regions", RegionApi),
    *routes("compute-clusters", ComputeClusterApi),
    path(
        "compute-clusters/<int:key>/metrics",
        ComputeClusterMetrics.as_view(),
        name="compute-clusters-metrics",
    ),
    *routes("storage-clusters", StorageClusterApi),
    *routes("hosts", HostApi),
    path(
        "storage-clusters/<int:key>/metrics", StorageClusterMetrics.as_view(), name="storage-clusters-metrics"
    ),
    path("hosts/<id:key>/metrics", HostMetrics.as_view(), name="hosts-metrics"),
]

_renew = next(do for do in HOST.actions if do.opens == "host.renew_key")

admin_patterns = [
    path("", AdminHome.as_view(admin=True), name="home"),
    *kind_paths(REGION, list=RegionList, detail=RegionDetail, create=RegionCreate, admin=True),
    *kind_paths(
        COMPUTE_CLUSTER,
        list=ComputeClusterList,
        detail=ComputeClusterDetail,
        create=ComputeClusterCreate,
        admin=True,
    ),
    *kind_paths(
        STORAGE_CLUSTER,
        list=StorageClusterList,
        detail=StorageClusterDetail,
        create=StorageClusterCreate,
        admin=True,
    ),
    *kind_paths(HOST, list=HostList, detail=HostDetail, create=HostEnrol, admin=True),
    path("hosts/<uuid:key>/renew/", HostRenew.as_view(of=HOST, do=_renew, admin=True), name="host.renew_key"),
]
