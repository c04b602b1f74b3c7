"""The migration that gives two states of findings the word of the pages."""

from __future__ import annotations

import importlib
import uuid

import pytest
from django.apps import apps

from apps.portal.models import SavedView
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.pages.lists import FindingList
from tests.factories import make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-12")]

migration = importlib.import_module("apps.reconciliation.migrations.0002_findings_are_repaired")


def _view(list_key: str, query: str) -> SavedView:
    return SavedView.objects.create(user=make_admin(), list_key=list_key, name="mine", query=query)


def test_stored_states_and_saved_filters_are_renamed_and_back() -> None:
    finding = Finding.objects.create(rule=Rule.STALE, kind="vm", target_id=uuid.uuid4(), state="mending")
    mine = _view(f"admin.{FindingList.of.kind}", "state=open&state=mending&q=mending")
    other = _view("admin.vm", "state=mending")

    migration.forwards(apps, None)
    for row in (finding, mine, other):
        row.refresh_from_db()
    assert finding.state == "repairing"
    assert (mine.query, other.query) == ("state=open&state=repairing&q=mending", "state=mending")

    migration.backwards(apps, None)
    finding.refresh_from_db()
    mine.refresh_from_db()
    assert (finding.state, mine.query) == ("mending", "state=open&state=mending&q=mending")
