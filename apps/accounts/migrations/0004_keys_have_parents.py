"""Keys for managing accounts, and keys that end with the key they were made with."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0003_keys_that_operate"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="scope",
            field=models.CharField(
                choices=[
                    ("read", "Read only"),
                    ("operate", "Read and operate"),
                    ("write", "Read and change"),
                    ("accounts", "Read, change and manage accounts"),
                ],
                default="read",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="children",
                to="tenancy.apikey",
            ),
        ),
    ]
