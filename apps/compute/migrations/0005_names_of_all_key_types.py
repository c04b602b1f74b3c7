"""The type of a security key of ECDSA has 34 letters."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compute", "0004_no_plain_user_data")]
    operations = [
        migrations.AlterField(model_name="keypair", name="algorithm", field=models.CharField(max_length=64))
    ]
