"""Kept answers belong to the API key that asked, and know where it was done.

What is kept now is forgotten: nothing says where that was done.
"""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("api", "0002_initial"),
    ]

    operations = [
        migrations.RunSQL("DELETE FROM api_idempotentrequest", migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="idempotentrequest", name="one_request_per_key"),
        migrations.AddField(
            model_name="idempotentrequest",
            name="caller",
            field=models.CharField(blank=True, default="", max_length=36),
        ),
        migrations.AddField(
            model_name="idempotentrequest", name="project_id", field=models.BigIntegerField(null=True)
        ),
        migrations.AddField(
            model_name="idempotentrequest", name="tenant_id", field=models.BigIntegerField(null=True)
        ),
        migrations.AddConstraint(
            model_name="idempotentrequest",
            constraint=models.UniqueConstraint(fields=("user", "caller", "key"), name="one_request_per_key"),
        ),
    ]
