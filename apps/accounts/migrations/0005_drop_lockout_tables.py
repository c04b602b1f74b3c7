"""Drop the tables of django-axes: failures are counted in Redis (apps/accounts/throttle)."""

from django.db import migrations

_TABLES = ("accessattemptexpiration", "accessattempt", "accessfailurelog", "accesslog")


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0004_keys_have_parents")]

    operations = [
        migrations.RunSQL(
            [f"DROP TABLE IF EXISTS axes_{name} CASCADE" for name in _TABLES]
            + ["DELETE FROM django_migrations WHERE app = 'axes'"],
            migrations.RunSQL.noop,
        )
    ]
