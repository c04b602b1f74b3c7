"""Guests that are to be told of changed addresses once their host answers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compute", "0010_networks_of_guests")]

    operations = [
        migrations.AddField(
            model_name="vm",
            name="guest_behind",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="vm",
            index=models.Index(
                condition=models.Q(("guest_behind", True)), fields=["host"], name="vm_guest_behind"
            ),
        ),
    ]
