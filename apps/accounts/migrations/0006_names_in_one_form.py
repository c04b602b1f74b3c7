"""Names of tenants and projects in Unicode's form C. One that would then be another's stays as it is."""

from django.db import migrations

COMPOSE = """
UPDATE tenancy_tenant t SET name = normalize(name)
 WHERE name IS NOT NORMALIZED AND char_length(normalize(name)) <= 63
   AND NOT EXISTS (SELECT FROM tenancy_tenant o WHERE o.id <> t.id AND normalize(o.name) = normalize(t.name));
UPDATE tenancy_project p SET name = normalize(name)
 WHERE name IS NOT NORMALIZED AND char_length(normalize(name)) <= 63
   AND NOT EXISTS (
       SELECT FROM tenancy_project o
        WHERE o.id <> p.id AND o.tenant_id = p.tenant_id AND normalize(o.name) = normalize(p.name)
   )
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0005_drop_lockout_tables")]
    operations = [migrations.RunSQL(COMPOSE, migrations.RunSQL.noop)]
