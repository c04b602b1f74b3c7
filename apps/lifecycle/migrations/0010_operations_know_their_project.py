"""Operations keep the project of what they act on, so that only pages of that project are told of them."""

from django.db import migrations, models

FILL = """
UPDATE lifecycle_operation SET target_project = resource.project_id
FROM lifecycle_resource resource
WHERE resource.id = lifecycle_operation.resource_id AND status IN ('queued', 'running')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0009_many_attempts"),
    ]

    operations = [
        migrations.AddField(
            model_name="operation",
            name="target_project",
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
