"""A user and group for each VM's QEMU, why a VM is paused, and first-boot data that is sealed and erased after use.

The sequence lies between what systemd gives to containers and what it keeps for other machines' users (the ranges of
https://systemd.io/UIDS-GIDS), and starts at a random place: an installation whose database was made again does not give
VMs the users of those that may still be on its hosts.
"""

from typing import Any

from django.db import migrations, models

from apps.accounts.secrets import seal, unseal

CREATE_UIDS = """
DO $$
BEGIN
    EXECUTE format(
        'CREATE SEQUENCE compute_guest_uid MINVALUE 1900000000 MAXVALUE 2147352575 START %s NO CYCLE',
        1900000000 + floor(random() * 100000000)::bigint
    );
END $$
"""
PAUSE_REASONS = [
    ("no_space", "The storage pool is full"),
    ("io_error", "Disk I/O error"),
    ("watchdog", "Watchdog timer expired"),
    ("migration", "Being migrated"),
    ("other", "Paused on the host"),
]


def seal_all(apps: Any, schema_editor: Any) -> None:
    """Seal the user data of VMs that exist."""
    vms = apps.get_model("compute", "Vm").objects
    for pk, user_data in vms.exclude(user_data="").values_list("pk", "user_data").iterator(100):
        vms.filter(pk=pk).update(sealed_user_data=seal(user_data))


def unseal_all(apps: Any, schema_editor: Any) -> None:
    """Put back what `seal_all` sealed."""
    vms = apps.get_model("compute", "Vm").objects
    for pk, sealed in vms.exclude(sealed_user_data="").values_list("pk", "sealed_user_data").iterator(100):
        vms.filter(pk=pk).update(user_data=unseal(sealed))


class Migration(migrations.Migration):
    dependencies = [("compute", "0002_initial")]
    operations = [
        migrations.RunSQL(CREATE_UIDS, "DROP SEQUENCE compute_guest_uid"),
        migrations.AddField(
            model_name="vm",
            name="guest_uid",
            field=models.PositiveIntegerField(
                db_default=models.Func(
                    models.Value("compute_guest_uid"),
                    output_field=models.PositiveIntegerField(),
                    template="CASE WHEN current_setting('scloud.rehearsal', true) = 'on'"
                    " THEN 65536 + floor(random() * 1700000000)::integer"
                    " ELSE nextval(%(expressions)s)::integer END",
                ),
                editable=False,
                unique=True,
            ),
        ),
        migrations.AddField(
            model_name="vm",
            name="pause_reason",
            field=models.CharField(blank=True, choices=PAUSE_REASONS, default="", max_length=16),
        ),
        migrations.AddField(
            model_name="vm",
            name="sealed_user_data",
            field=models.TextField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            model_name="vm",
            name="first_boot_done_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddIndex(
            model_name="vm",
            index=models.Index(
                condition=models.Q(
                    ("first_boot_done_at__isnull", True),
                    models.Q(("sealed_password_hash", ""), ("sealed_user_data", ""), _negated=True),
                ),
                fields=["power_seen_at"],
                name="vm_first_boot",
            ),
        ),
        migrations.RunPython(seal_all, unseal_all),
    ]
