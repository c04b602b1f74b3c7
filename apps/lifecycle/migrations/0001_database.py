"""What the tables of every app rely on and Django cannot derive from models."""

from django.contrib.postgres.operations import BtreeGistExtension, TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        BtreeGistExtension(),
        TrigramExtension(),
        migrations.RunSQL(
            "CREATE SEQUENCE lifecycle_operation_fence", "DROP SEQUENCE lifecycle_operation_fence"
        ),
    ]
