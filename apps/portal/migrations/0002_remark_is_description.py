"""Saved columns, filters and sort orders name the column `remark` as it is called now: `description`."""

from __future__ import annotations

import re
from typing import Any

from django.db import migrations

OLD, NEW = "remark", "description"


def rename(apps: Any, old: str, new: str) -> None:
    """Rename the column in what users have saved of their lists."""
    for model in ("ListSetting", "SavedView"):
        rows = apps.get_model("portal", model).objects
        for row in rows.filter(columns__contains=[old]):
            columns = [new if column == old else column for column in row.columns]
            rows.filter(pk=row.pk).update(columns=columns)
    views = apps.get_model("portal", "SavedView").objects
    for view in views.filter(query__contains=old):
        views.filter(pk=view.pk).update(query=_renamed(view.query, old, new))


def _renamed(query: str, old: str, new: str) -> str:
    """Return a query string with the filter and the column renamed; text that users typed stays as it is."""
    # Columns are named by the values of `sort` and `not`: `-remark`, or `name,remark` with its comma encoded.
    column = re.compile(rf"(?:(?<![A-Za-z_])|(?<=%2C)){old}(?![A-Za-z_])")
    query = re.sub(r"(?<![^&?])(?:sort|not)=[^&]*", lambda found: column.sub(new, found[0]), query)
    return re.sub(rf"(?<![^&?]){old}(?==)", new, query)


def forwards(apps: Any, schema_editor: Any) -> None:
    """Use the new name."""
    rename(apps, OLD, NEW)


def backwards(apps: Any, schema_editor: Any) -> None:
    """Use the old name."""
    rename(apps, NEW, OLD)


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_list_settings_and_saved_views")]
    operations = [migrations.RunPython(forwards, backwards)]
