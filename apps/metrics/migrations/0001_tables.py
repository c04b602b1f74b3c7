"""Tables partitioned by time, which Django's models cannot say."""

from django.db import migrations

COLUMNS = """
    at timestamptz NOT NULL,
    subject uuid NOT NULL,
    cpu_percent real,
    memory_bytes real,
    memory_total_bytes real,
    disk_read_bytes_per_second real,
    disk_write_bytes_per_second real,
    disk_read_ops_per_second real,
    disk_write_ops_per_second real,
    net_rx_bytes_per_second real,
    net_tx_bytes_per_second real,
    load real,
    disk_used_bytes real,
    disk_total_bytes real,
    PRIMARY KEY (at, subject)
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(f"CREATE TABLE {table} ({COLUMNS}) PARTITION BY RANGE (at)", f"DROP TABLE {table}")
        for table in ("metrics_sample", "metrics_five_minutes", "metrics_hour")
    ]
