"""Permissions of roles on single resources; kept answers know the resource they were about."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0014_operations_of_deleted_tenants_stay")]

    operations = [
        migrations.AlterModelOptions(
            name="resource",
            options={
                "permissions": [
                    ("view_resources", "See the resource"),
                    ("operate_resources", "Start, stop, open the console of the resource"),
                    ("manage_resources", "Change and delete the resource"),
                ]
            },
        ),
        migrations.AddField(
            model_name="idempotentrequest",
            name="resource_id",
            field=models.UUIDField(null=True),
        ),
    ]
