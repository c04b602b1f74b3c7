"""The sequences behind network identifiers and MAC addresses; see `apps/network/models/numbers.py`."""

from django.db import migrations

# Every installation starts at a random place, so that two of them on one physical network do not clash: 02, 16 random
# bits, and 24 bits to count in.
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
        migrations.RunSQL(
            "CREATE SEQUENCE network_vni START 1000 MAXVALUE 16777215", "DROP SEQUENCE network_vni"
        ),
        migrations.RunSQL(CREATE_MACS, "DROP SEQUENCE network_mac"),
    ]
