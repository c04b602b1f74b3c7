import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0013_names_in_one_form"), ("tenancy", "0005_drop_lockout_tables")]

    operations = [
        migrations.AlterField(
            model_name="operation",
            name="tenant",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="tenancy.tenant"
            ),
        ),
    ]
