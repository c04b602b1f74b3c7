"""The host that a VM is on its way to; its room is reserved there, too, until that is settled."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0014_images_of_vms_and_firmware"),
        ("infrastructure", "0011_speed_for_existing_disks"),
    ]

    operations = [
        migrations.AddField(
            model_name="vm",
            name="next_host",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="arriving_vms",
                to="infrastructure.host",
            ),
        ),
        migrations.AddIndex(
            model_name="vm",
            index=models.Index(
                condition=models.Q(("next_host__isnull", False)), fields=["next_host"], name="vm_next_host"
            ),
        ),
    ]
