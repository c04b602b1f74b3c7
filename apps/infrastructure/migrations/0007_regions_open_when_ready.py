"""Regions are opened to tenants by an administrator. Those that exist are in use: they stay open."""

from django.db import migrations, models


def open_all(apps, schema_editor):
    apps.get_model("infrastructure", "Region").objects.update(open_to_tenants=True)


class Migration(migrations.Migration):
    dependencies = [("infrastructure", "0006_what_a_host_was_enrolled_with")]

    operations = [
        migrations.AddField("region", "open_to_tenants", models.BooleanField(default=False)),
        migrations.AddField("region", "default_networks_due", models.BooleanField(default=False)),
        migrations.AddField("region", "fabric_seen_at", models.DateTimeField(null=True)),
        migrations.RunPython(open_all, migrations.RunPython.noop),
    ]
