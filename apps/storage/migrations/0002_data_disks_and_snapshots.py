"""Data disks with slots, limits of their own and copies; snapshots."""

import django.db.models.deletion
from django.db import migrations, models

SLOTS = """
UPDATE storage_disk d SET slot = s.slot FROM (
    SELECT k.resource_id, row_number() OVER (
               PARTITION BY k.vm_id ORDER BY k.role DESC, r.created_at, r.id
           ) - CASE WHEN bool_or(k.role = 'system') OVER (PARTITION BY k.vm_id) THEN 1 ELSE 0 END AS slot
      FROM storage_disk k JOIN lifecycle_resource r ON r.id = k.resource_id WHERE k.vm_id IS NOT NULL
) s WHERE s.resource_id = d.resource_id
"""
# The constraints below cannot be added to a table with events of this transaction still to come.
SETTLED = "SET CONSTRAINTS ALL IMMEDIATE"


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0006_what_vms_were_created_with"),
        ("infrastructure", "0008_storage_capacity_and_health"),
        ("lifecycle", "0003_initial"),
        ("storage", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                (
                    "resource",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        parent_link=True,
                        primary_key=True,
                        related_name="as_%(class)s",
                        serialize=False,
                        to="lifecycle.resource",
                    ),
                ),
                ("size_gib", models.PositiveIntegerField()),
                (
                    "consistency",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("filesystem", "File-system-consistent"),
                            ("crash", "Crash-consistent"),
                            ("offline", "Taken while not in use"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("group", models.UUIDField(blank=True, db_index=True, null=True)),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
                (
                    "disk",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="snapshots",
                        to="storage.disk",
                    ),
                ),
            ],
            options={"verbose_name": "snapshot", "verbose_name_plural": "snapshots"},
            bases=("lifecycle.resource",),
        ),
        migrations.AddField(
            "disk", "size_before_gib", models.PositiveIntegerField(blank=True, editable=False, null=True)
        ),
        migrations.AddField("disk", "slot", models.PositiveSmallIntegerField(blank=True, null=True)),
        migrations.AddField("disk", "iops_set", models.PositiveIntegerField(blank=True, null=True)),
        migrations.AddField("disk", "bytes_set", models.BigIntegerField(blank=True, null=True)),
        migrations.AddField(
            "disk",
            "copied_from",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="copies",
                to="storage.disk",
            ),
        ),
        migrations.AddField(
            "disk",
            "from_snapshot",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="copies",
                to="storage.snapshot",
            ),
        ),
        migrations.AddField(
            "disk", "independent_at", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.AddField("disk", "copy_point", models.UUIDField(blank=True, editable=False, null=True)),
        migrations.RunSQL(SLOTS, migrations.RunSQL.noop),
        migrations.RunSQL(SETTLED, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "disk", models.UniqueConstraint(fields=("vm", "slot"), name="one_disk_per_slot")
        ),
        migrations.AddConstraint(
            "disk",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("slot__isnull", True), ("vm__isnull", True)),
                    models.Q(("slot__isnull", False), ("vm__isnull", False)),
                    _connector="OR",
                ),
                name="attached_disk_has_a_slot",
            ),
        ),
        migrations.AddIndex(
            "disk",
            models.Index(
                condition=models.Q(("independent_at__isnull", True)),
                fields=["copied_from"],
                name="disk_being_copied",
            ),
        ),
    ]
