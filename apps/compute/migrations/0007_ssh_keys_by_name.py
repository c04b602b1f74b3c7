"""What users read: an SSH key, not a key pair."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("compute", "0006_what_vms_were_created_with")]
    operations = [
        migrations.AlterModelOptions(
            "keypair", {"verbose_name": "SSH key", "verbose_name_plural": "SSH keys"}
        ),
    ]
