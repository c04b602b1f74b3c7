import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_which_api_key_acted"), ("tenancy", "0005_drop_lockout_tables")]

    operations = [
        migrations.AlterField(
            model_name="auditentry",
            name="tenant",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="tenancy.tenant"
            ),
        ),
    ]
