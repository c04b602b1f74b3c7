"""VMs that get another size at their next start, and up to what those that run can grow."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0011_guests_behind"),
        ("infrastructure", "0011_speed_for_existing_disks"),
    ]

    operations = [
        migrations.AddField(
            model_name="vm",
            name="resize_type",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="compute.instancetype",
            ),
        ),
        migrations.AddField(
            model_name="vm",
            name="resize_vcpu",
            field=models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="vm",
            name="resize_memory_mib",
            field=models.PositiveIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="vm",
            name="resize_host",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="infrastructure.host",
            ),
        ),
        migrations.AddField(
            model_name="vm",
            name="resize_unsettled",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="vm",
            name="hot_vcpu",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="vm",
            name="hot_memory_mib",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
