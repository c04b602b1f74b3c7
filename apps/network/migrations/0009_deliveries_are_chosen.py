"""Whether the delivery of an EIP was chosen by its owner."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("network", "0008_elastic_nics_move"),
    ]

    operations = [
        migrations.AddField(
            model_name="eip",
            name="delivery_chosen",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
