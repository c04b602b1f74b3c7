"""A changed rule for the speed of disks can be applied to those that exist."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("infrastructure", "0010_pool_keys_of_hosts")]

    operations = [migrations.AddField("storagecluster", "speed_due_at", models.DateTimeField(null=True))]
