"""The sequences behind network identifiers and MAC addresses; see `apps/network/models/numbers.py`.

Both start at a random place. Two installations on one physical network then have different MACs: 02, 16 random bits,
24 bits to count in. And an installation whose database was made anew meets none of the identifiers still in its fabric.
OVN takes identifiers up to 2^24 - 2^16.
"""

from django.db import migrations

CREATE_IDENTIFIERS = """
DO $$
BEGIN
    EXECUTE format(
        'CREATE SEQUENCE network_vni START %s MAXVALUE 16711680',
        1000 + floor(random() * 8388608)::bigint
    );
END $$
"""

CREATE_MACS = """
DO $$
BEGIN
    EXECUTE format(
        'CREATE SEQUENCE network_mac MINVALUE 1 START %s',
        (x'020000000000'::bigint | (floor(random() * 65536)::bigint << 24)) + 1
    );
END $$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(CREATE_IDENTIFIERS, "DROP SEQUENCE network_vni"),
        migrations.RunSQL(CREATE_MACS, "DROP SEQUENCE network_mac"),
    ]
