"""Takes over the table of kept answers from the API."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0004_kept_answers_move_to_lifecycle"),
        ("lifecycle", "0011_attempts_that_cannot_be_stopped"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="IdempotentRequest",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("caller", models.CharField(blank=True, default="", max_length=36)),
                        ("key", models.CharField(max_length=255)),
                        ("fingerprint", models.CharField(max_length=64)),
                        ("status", models.PositiveSmallIntegerField(null=True)),
                        ("location", models.CharField(blank=True, default="", max_length=255)),
                        ("body", models.JSONField(null=True)),
                        ("project_id", models.BigIntegerField(null=True)),
                        ("tenant_id", models.BigIntegerField(null=True)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ],
                    options={
                        "indexes": [models.Index(fields=["created_at"], name="idempotent_expiry")],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("user", "caller", "key"), name="one_request_per_key"
                            )
                        ],
                    },
                ),
            ],
        ),
    ]
