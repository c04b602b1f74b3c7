"""Forms keep their answers in this table as well: it stands below both kits now. Its rows stay."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0003_answers_belong_to_their_caller"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AlterModelTable("idempotentrequest", "lifecycle_idempotentrequest"),
            ],
            state_operations=[
                migrations.DeleteModel("IdempotentRequest"),
            ],
        ),
    ]
