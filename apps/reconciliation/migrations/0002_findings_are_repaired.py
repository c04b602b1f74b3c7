"""Two states get the word of the pages: mending becomes repairing, mended becomes repaired."""

from __future__ import annotations

import re
from typing import Any

from django.db import migrations, models
from django.db.models import Q

RENAMED = {"mending": "repairing", "mended": "repaired"}
LIVE = ("suspected", "open", "repairing", "dismissed")


def rename(apps: Any, words: dict[str, str]) -> None:
    findings = apps.get_model("reconciliation", "Finding").objects
    for old, new in words.items():
        findings.filter(state=old).update(state=new)
    # Saved views of the list keep their filters as a query string.
    views = apps.get_model("portal", "SavedView").objects.filter(list_key__endswith="finding")
    for view in views.filter(query__contains="state"):
        query = re.sub(r"(?<![^&?])(state=)(\w+)", lambda m: m[1] + words.get(m[2], m[2]), view.query)
        if query != view.query:
            views.filter(pk=view.pk).update(query=query)


def forwards(apps: Any, schema_editor: Any) -> None:
    """Rename the states of findings and in saved views."""
    rename(apps, RENAMED)


def backwards(apps: Any, schema_editor: Any) -> None:
    """Rename them back."""
    rename(apps, {new: old for old, new in RENAMED.items()})


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0001_initial"),
        ("portal", "0001_list_settings_and_saved_views"),
    ]

    operations = [
        migrations.RemoveConstraint("finding", "one_live_finding"),
        migrations.AlterField(
            "finding",
            "state",
            models.CharField(
                choices=[
                    ("suspected", "Suspected"),
                    ("open", "Open"),
                    ("repairing", "Repairing"),
                    ("repaired", "Repaired"),
                    ("gone", "Gone"),
                    ("dismissed", "Dismissed"),
                ],
                default="suspected",
                max_length=12,
            ),
        ),
        migrations.RunPython(forwards, backwards),
        migrations.AddConstraint(
            "finding",
            models.UniqueConstraint(
                fields=["rule", "aspect", "kind", "target_id", "host", "storage_cluster", "region"],
                condition=Q(state__in=LIVE),
                nulls_distinct=False,
                name="one_live_finding",
            ),
        ),
    ]
