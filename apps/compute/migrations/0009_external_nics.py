"""VMs that exist get their external NIC; running ones have it plugged in when an EIP is bound, or at their next start."""

from django.db import migrations

# The column's default gives each its MAC. The external group is that of the internal NIC, as for new VMs.
ADD = """
INSERT INTO network_nic (id, owner_id, role, security_group_id, mbit_in, mbit_out, created_at)
SELECT gen_random_uuid(), vm.resource_id, 'external', internal.security_group_id, 0, 0, now()
  FROM compute_vm vm
  LEFT JOIN network_nic internal ON internal.owner_id = vm.resource_id AND internal.role = 'internal'
 WHERE NOT EXISTS (SELECT FROM network_nic nic WHERE nic.owner_id = vm.resource_id AND nic.role = 'external')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0008_image_copies"),
        ("network", "0007_eips_leave_their_carriers"),
    ]

    operations = [migrations.RunSQL(ADD, "DELETE FROM network_nic WHERE role = 'external'")]
