import django.db.models.deletion
import netfields.fields
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0017_locks_that_take_turns"),
        ("network", "0007_eips_leave_their_carriers"),
    ]

    operations = [
        migrations.AddField(
            model_name="eni",
            name="chosen",
            field=netfields.fields.InetAddressField(blank=True, max_length=39, null=True),
        ),
        migrations.AddField(
            model_name="eni",
            name="next_slot",
            field=models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="eni",
            name="next_vm",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="arriving_nics",
                to="lifecycle.resource",
            ),
        ),
        migrations.AddConstraint(
            model_name="eni",
            constraint=models.UniqueConstraint(
                fields=("next_vm", "next_slot"), name="one_elastic_nic_per_next_slot"
            ),
        ),
        migrations.AddConstraint(
            model_name="eni",
            constraint=models.CheckConstraint(
                condition=Q(("next_slot__isnull", True), ("next_vm__isnull", True))
                | Q(("next_slot__isnull", False), ("next_vm__isnull", False)),
                name="next_slot_while_binding",
            ),
        ),
    ]
