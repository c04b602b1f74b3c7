"""Numbers that must be unique over the whole platform, from the sequences of `migrations/0001_database.py`."""

from django.db import models

#: 24 bits, as in the header of a VXLAN or Geneve packet.
NEXT_VNI = models.Func(
    models.Value("network_vni"), function="nextval", output_field=models.PositiveIntegerField()
)

#: Locally administered unicast addresses (IEEE 802: second-lowest bit of the first byte set), as "02:xx:xx:xx:xx:xx".
NEXT_MAC = models.Func(
    models.Value("network_mac"),
    template="lpad(to_hex(nextval(%(expressions)s)), 12, '0')::macaddr::text",
    output_field=models.CharField(max_length=17),
)
