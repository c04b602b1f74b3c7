from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0006_names_in_one_form")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="requests_per_minute",
            field=models.PositiveIntegerField(null=True),
        ),
    ]
