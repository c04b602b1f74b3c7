"""Whether a storage cluster could be reached when it was last looked at, and why not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("infrastructure", "0008_storage_capacity_and_health")]

    operations = [
        migrations.AddField("storagecluster", "check_asked_at", models.DateTimeField(null=True)),
        migrations.AddField("storagecluster", "checked_at", models.DateTimeField(null=True)),
        migrations.AddField("storagecluster", "check_error", models.JSONField(default=dict)),
    ]
