"""Names and remarks in Unicode's form C, so that one name is one text. Those that would not fit stay."""

from django.db import migrations

COMPOSE = """
UPDATE lifecycle_resource SET name = normalize(name), remark = normalize(remark)
 WHERE (name IS NOT NORMALIZED OR remark IS NOT NORMALIZED)
   AND char_length(normalize(name)) <= 63 AND char_length(normalize(remark)) <= 255
"""


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0012_kept_answers")]
    operations = [migrations.RunSQL(COMPOSE, migrations.RunSQL.noop)]
