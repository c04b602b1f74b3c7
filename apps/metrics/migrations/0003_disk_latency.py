"""How long operations of a disk take. Partitions take a new column from their table."""

from django.db import migrations

TABLES = ("metrics_sample", "metrics_five_minutes", "metrics_hour")
COLUMNS = ("disk_read_ms", "disk_write_ms")


class Migration(migrations.Migration):
    dependencies = [("metrics", "0002_raw_space_and_rebuilds")]
    operations = [
        migrations.RunSQL(
            [f"ALTER TABLE {table} ADD COLUMN {column} real" for column in COLUMNS],
            [f"ALTER TABLE {table} DROP COLUMN {column}" for column in COLUMNS],
        )
        for table in TABLES
    ]
