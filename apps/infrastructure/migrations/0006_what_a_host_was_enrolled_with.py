from django.db import migrations, models
from django.db.models import F


def as_enrolled(apps, schema_editor):
    """Take what each host has now for what it was enrolled with."""
    host = apps.get_model("infrastructure", "Host")
    host.objects.exclude(driver="memory").update(
        enrolled_vcpus=F("vcpus"), enrolled_memory_mib=F("memory_mib")
    )


class Migration(migrations.Migration):
    dependencies = [
        ("infrastructure", "0005_reports_have_two_times"),
    ]

    operations = [
        migrations.AddField("host", "enrolled_vcpus", models.PositiveIntegerField(default=0)),
        migrations.AddField("host", "enrolled_memory_mib", models.PositiveIntegerField(default=0)),
        migrations.AddField("host", "claims_more", models.BooleanField(default=False)),
        migrations.RunPython(as_enrolled, migrations.RunPython.noop),
    ]
