"""The column `remark` of tenants and projects gets the name it has on the pages."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0008_roles_on_single_resources")]
    operations = [
        migrations.RenameField("tenant", "remark", "description"),
        migrations.RenameField("project", "remark", "description"),
    ]
