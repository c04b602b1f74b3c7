"""User data stands sealed beside it: see 0003."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("compute", "0003_guests_have_a_user_each")]
    operations = [migrations.RemoveField(model_name="vm", name="user_data")]
