"""Numbers that must be unique over the whole platform, from the sequences of `migrations/0001_database.py`.

Drawing from a sequence outlives a rollback, and these are small: 24 bits each. A dry run, which is always rolled back
(`apps.lifecycle.dry_run`), therefore gets a number by chance from beyond what is ever given out.
"""

from django.db import models

_DRY_RUN = "current_setting('scloud.rehearsal', true) = 'on'"

#: 24 bits, as in the header of a VXLAN or Geneve packet.
NEXT_VNI = models.Func(
    models.Value("network_vni"),
    template=f"CASE WHEN {_DRY_RUN} THEN 16777216 + floor(random() * 2130706431)::bigint"
    " ELSE nextval(%(expressions)s) END",
    output_field=models.PositiveIntegerField(),
)

#: Locally administered unicast addresses (IEEE 802: second-lowest bit of the first byte set), as "02:xx:xx:xx:xx:xx".
NEXT_MAC = models.Func(
    models.Value("network_mac"),
    template=f"lpad(to_hex(CASE WHEN {_DRY_RUN} THEN x'060000000000'::bigint + floor(random() * 4294967296)::bigint"
    " ELSE nextval(%(expressions)s) END), 12, '0')::macaddr::text",
    output_field=models.CharField(max_length=17),
)
