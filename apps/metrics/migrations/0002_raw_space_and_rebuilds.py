"""What is measured of distributed storage. Partitions take a new column from their table."""

from django.db import migrations

TABLES = ("metrics_sample", "metrics_five_minutes", "metrics_hour")
COLUMNS = ("raw_used_bytes", "raw_total_bytes", "rebuild_bytes_per_second")


class Migration(migrations.Migration):
    dependencies = [("metrics", "0001_tables")]
    operations = [
        migrations.RunSQL(
            [f"ALTER TABLE {table} ADD COLUMN {column} real" for column in COLUMNS],
            [f"ALTER TABLE {table} DROP COLUMN {column}" for column in COLUMNS],
        )
        for table in TABLES
    ]
