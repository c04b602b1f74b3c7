"""Who released an address that is in quarantine; and one picked egress for each IP version."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("network", "0010_ipv6_in_subnets"),
        ("tenancy", "0010_resource_roles_have_uuids"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="eip", name="one_picked_egress_per_carrier"),
        migrations.AddField(
            model_name="segmentaddress",
            name="tenant",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tenancy.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="eip",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_egress", True)),
                fields=("carrier", "segment"),
                name="one_picked_egress_per_carrier_and_segment",
            ),
        ),
    ]
