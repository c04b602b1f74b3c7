"""The column `remark` of resources gets the name it has on the pages. Its index is renamed, not built again."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations
from django.db.models.functions import Upper

RENAME = "ALTER INDEX {} RENAME TO {}"
OLD, NEW = "resource_remark_search", "resource_description_search"


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0015_roles_on_single_resources")]
    operations = [
        # PostgreSQL keeps the index with its column; Django's state of it names the column and would not follow.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveIndex("resource", OLD)]),
        migrations.RenameField("resource", "remark", "description"),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(RENAME.format(OLD, NEW), RENAME.format(NEW, OLD))],
            state_operations=[
                migrations.AddIndex(
                    "resource",
                    GinIndex(OpClass(Upper("description"), name="gin_trgm_ops"), name=NEW),
                )
            ],
        ),
    ]
