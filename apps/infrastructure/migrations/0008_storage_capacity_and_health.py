"""Storage clusters that are Ceph pools; allocated space, health, limits of their disks."""

from django.db import migrations, models
from django.db.models import Sum


def count_provisioned(apps, schema_editor):
    """Set what the disks of each cluster add up to."""
    clusters = apps.get_model("infrastructure", "StorageCluster").objects
    disks = apps.get_model("storage", "Disk").objects
    for row in disks.order_by().values("cluster").annotate(gib=Sum("size_gib")):
        clusters.filter(pk=row["cluster"]).update(provisioned_gib=row["gib"])


NUMBER = models.PositiveIntegerField(null=True)
COLUMNS = {
    "monitors": models.JSONField(default=list),
    "pool_user": models.CharField(blank=True, default="", max_length=64),
    "sealed_key": models.TextField(blank=True, default="", editable=False),
    "accepts_disks": models.BooleanField(default=True),
    "overcommit": models.PositiveIntegerField(default=300),
    "provisioned_gib": models.BigIntegerField(default=0),
    "warned_percent": models.PositiveSmallIntegerField(default=0),
    "health": models.JSONField(default=dict),
    "health_at": models.DateTimeField(null=True),
    "qos_iops": NUMBER,
    "qos_iops_per_gib": NUMBER,
    "qos_iops_most": NUMBER,
    "qos_mib": NUMBER,
    "qos_mib_per_gib": models.FloatField(null=True),
    "qos_mib_most": NUMBER,
    "qos_burst": models.PositiveSmallIntegerField(default=1),
    "qos_burst_seconds": models.PositiveSmallIntegerField(default=1),
}


class Migration(migrations.Migration):
    dependencies = [
        ("infrastructure", "0007_regions_open_when_ready"),
        ("storage", "0001_initial"),
    ]

    operations = [
        *(migrations.AddField("storagecluster", name, field.clone()) for name, field in COLUMNS.items()),
        migrations.RunPython(count_provisioned, migrations.RunPython.noop),
    ]
