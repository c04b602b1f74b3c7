"""The user and group that a VM's QEMU runs as, from the sequence of `migrations/0003_guests_have_a_user_each.py`.

A number is never given out twice, so that nothing a deleted VM left on a host or in a pool can become another VM's. A
dry run, which is always rolled back (`apps.lifecycle.dry_run`), gets one by chance from below the sequence.
"""

from django.db import models

NEXT_GUEST_UID = models.Func(
    models.Value("compute_guest_uid"),
    template="CASE WHEN current_setting('scloud.rehearsal', true) = 'on'"
    " THEN 65536 + floor(random() * 1700000000)::integer ELSE nextval(%(expressions)s)::integer END",
    output_field=models.PositiveIntegerField(),
)
