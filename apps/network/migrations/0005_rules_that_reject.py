"""Rules may drop; those that reject now answer the sender, as their word says.

Until now *reject* dropped silently. Existing rules keep the word their owner chose. Their groups count one generation
more, so that reconciliation writes the new form to the network.
"""

from django.db import migrations, models


def write_groups_again(apps, schema_editor):
    groups = apps.get_model("network", "SecurityGroupRule").objects.filter(action="reject").values("group_id")
    resources = apps.get_model("lifecycle", "Resource").objects.filter(pk__in=groups)
    resources.update(generation=models.F("generation") + 1)


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0012_kept_answers"), ("network", "0004_nics_by_address")]

    operations = [
        migrations.AlterField(
            model_name="securitygrouprule",
            name="action",
            field=models.CharField(
                choices=[("accept", "Accept"), ("reject", "Reject"), ("drop", "Drop")],
                default="accept",
                max_length=8,
            ),
        ),
        migrations.RunPython(write_groups_again, migrations.RunPython.noop),
    ]
