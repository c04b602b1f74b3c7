"""Of VMs that exist: the key pairs that are still there. User data has been erased, of most."""

from django.db import migrations, models


def note_key_pairs(apps, schema_editor):
    key_pairs = apps.get_model("compute", "KeyPair")
    vms = apps.get_model("compute", "Vm").objects.exclude(ssh_keys=[])
    for vm in vms.only("tenant", "ssh_keys").iterator():
        rows = key_pairs.objects.filter(tenant_id=vm.tenant_id, public_key__in=vm.ssh_keys).order_by("name")
        vm.key_pairs = [{"id": str(row.pk), "name": row.name, "fingerprint": row.fingerprint} for row in rows]
        vm.save(update_fields=["key_pairs"])


class Migration(migrations.Migration):
    dependencies = [("compute", "0005_names_of_all_key_types"), ("lifecycle", "0012_kept_answers")]

    operations = [
        migrations.AddField(
            model_name="vm",
            name="user_data_sha256",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="vm",
            name="key_pairs",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                editable=False,
            ),
        ),
        migrations.RunPython(note_key_pairs, migrations.RunPython.noop),
    ]
