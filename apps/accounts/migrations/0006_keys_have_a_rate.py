from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0005_drop_lockout_tables")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="requests_per_minute",
            field=models.PositiveIntegerField(null=True),
        ),
    ]
