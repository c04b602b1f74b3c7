import django.contrib.postgres.constraints
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0017_locks_that_take_turns"),
        ("network", "0009_deliveries_are_chosen"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="nic",
            index=models.Index(
                condition=models.Q(("ip6__isnull", False)), fields=["ip6"], name="nic_ipv6_address"
            ),
        ),
        migrations.AddConstraint(
            model_name="nic",
            constraint=models.CheckConstraint(
                condition=models.Q(("ip6__isnull", True), ("subnet__isnull", False), _connector="OR"),
                name="ipv6_address_in_a_subnet",
            ),
        ),
        migrations.AddConstraint(
            model_name="subnet",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("vpc", "="),
                    (django.contrib.postgres.indexes.OpClass("cidr6", "inet_ops"), "&&"),
                ],
                name="ipv6_prefixes_of_a_vpc_do_not_overlap",
            ),
        ),
        migrations.AddConstraint(
            model_name="subnet",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cidr6__isnull", True), ("gateway6__isnull", True)),
                    models.Q(("cidr6__isnull", False), ("gateway6__isnull", False)),
                    _connector="OR",
                ),
                name="ipv6_gateway_with_the_prefix",
            ),
        ),
    ]
