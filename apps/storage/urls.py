"""Storage's paths, in the API and in both portals."""

from __future__ import annotations

from apps.api.routes import routes
from apps.portal.kind_urls import kind_paths
from apps.storage.api.disks import DiskApi
from apps.storage.api.snapshots import SnapshotApi
from apps.storage.pages import DISK, DiskDetail, DiskList

api_routes = [*routes("disks", DiskApi), *routes("snapshots", SnapshotApi)]
tenant_patterns = [*kind_paths(DISK, list=DiskList, detail=DiskDetail)]
admin_patterns = [*kind_paths(DISK, list=DiskList, detail=DiskDetail, admin=True)]
