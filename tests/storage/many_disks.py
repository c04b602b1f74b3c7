"""Many disks with many snapshots, inserted in two statements."""

from __future__ import annotations

from django.db import connection

from apps.accounts.models import Tenant
from apps.infrastructure.models import StorageCluster
from tests import factories

_INSERT_DISKS = """
WITH disk AS (
    INSERT INTO lifecycle_resource (id, kind, name, description, tenant_id, project_id, region_id, state, generation,
                                    observed_generation, error, created_at, updated_at)
    SELECT gen_random_uuid(), 'disk', 'disk-' || n, '', %(tenant)s, %(project)s, %(region)s, 'ready', 1, 1, '{}',
           now() - n * interval '1 second', now()
      FROM generate_series(1, %(count)s) n
    RETURNING id
)
INSERT INTO storage_disk (resource_id, role, cluster_id, size_gib, iops, bytes_per_second)
SELECT id, 'data', %(cluster)s, 20, 1000, 1 << 20 FROM disk
"""
_INSERT_SNAPSHOTS = """
WITH snapshot AS (
    INSERT INTO lifecycle_resource (id, kind, name, description, tenant_id, project_id, region_id, state, generation,
                                    observed_generation, error, created_at, updated_at)
    SELECT gen_random_uuid(), 'snapshot', disk.id::text, '', tenant_id, project_id, region_id, 'ready', 1, 1, '{}',
           created_at + n * interval '1 second', now()
      FROM lifecycle_resource disk, generate_series(1, %(each)s) n
     WHERE disk.kind = 'disk' AND disk.tenant_id = %(tenant)s
    RETURNING id, name
)
INSERT INTO storage_snapshot (resource_id, disk_id, size_gib, consistency, taken_at)
SELECT id, name::uuid, 20, 'filesystem', now() FROM snapshot
"""


def insert_disks(tenant: Tenant, cluster: StorageCluster, count: int, snapshots_each: int) -> None:
    """Insert so many disks of a tenant, each with so many snapshots."""
    values = {
        "tenant": tenant.pk,
        "project": factories.default_project(tenant).pk,
        "region": cluster.region_id,
        "cluster": cluster.pk,
        "count": count,
        "each": snapshots_each,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_DISKS, values)
        cursor.execute(_INSERT_SNAPSHOTS, values)
        cursor.execute("ANALYZE lifecycle_resource, storage_disk, storage_snapshot")
