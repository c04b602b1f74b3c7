import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0009_remark_is_description")]

    operations = [
        # The database's default is volatile: rows that exist get a value each.
        migrations.AddField(
            model_name="resourceuserobjectpermission",
            name="uid",
            field=models.UUIDField(db_default=RandomUUID(), default=uuid.uuid4, editable=False, unique=True),
        ),
    ]
