from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_initial")]

    operations = [
        migrations.AddField(model_name="auditentry", name="api_key_id", field=models.UUIDField(null=True)),
        migrations.AddField(
            model_name="auditentry",
            name="api_key_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=63),
        ),
    ]
