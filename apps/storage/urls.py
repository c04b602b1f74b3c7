"""Storage's paths, in the API and in both portals."""

from __future__ import annotations

from django.urls import path

from apps.api.routes import routes
from apps.portal.kind_urls import kind_paths
from apps.storage.api.disks import DiskApi, DiskMetrics
from apps.storage.api.snapshots import SnapshotApi
from apps.storage.pages.disk_create import DiskCreate
from apps.storage.pages.disk_detail import DiskDetail
from apps.storage.pages.disks import DISK, DiskList
from apps.storage.pages.snapshots import SNAPSHOT, SnapshotCreate, SnapshotDetail, SnapshotList

api_routes = [
    *routes("disks", DiskApi),
    path("disks/<id:key>/metrics", DiskMetrics.as_view(), name="disks-metrics"),
    *routes("snapshots", SnapshotApi),
]
tenant_patterns = [
    *kind_paths(DISK, list=DiskList, detail=DiskDetail, create=DiskCreate),
    *kind_paths(SNAPSHOT, list=SnapshotList, detail=SnapshotDetail, create=SnapshotCreate),
]
admin_patterns = [
    *kind_paths(DISK, list=DiskList, detail=DiskDetail, admin=True),
    *kind_paths(SNAPSHOT, list=SnapshotList, detail=SnapshotDetail, admin=True),
]
