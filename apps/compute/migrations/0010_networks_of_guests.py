"""What hosts report of the networks in their guests."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compute", "0009_external_nics")]

    operations = [
        migrations.AddField(
            model_name="vm",
            name="guest_configured",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="vm",
            name="guest_network_reason",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=16),
        ),
    ]
