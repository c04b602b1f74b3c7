"""The migration that renames the column `remark` in what users have saved of their lists."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps

from apps.portal.models import ListSetting, SavedView
from tests.factories import make_admin

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-12")]

migration = importlib.import_module("apps.portal.migrations.0002_remark_is_description")

OLD = "remark=shop&sort=-remark&not=name%2Cremark&not=remark&q=remark&name=remark"
NEW = "description=shop&sort=-description&not=name%2Cdescription&not=description&q=remark&name=remark"


def test_saved_columns_filters_and_orders_are_renamed_and_back() -> None:
    user = make_admin()
    setting = ListSetting.objects.create(user=user, list_key="admin.vm", columns=["name", "remark", "id"])
    view = SavedView.objects.create(
        user=user, list_key="admin.vm", name="mine", query=OLD, columns=["remark", "name"]
    )

    migration.forwards(apps, None)
    setting.refresh_from_db()
    view.refresh_from_db()
    assert setting.columns == ["name", "description", "id"]
    assert (view.columns, view.query) == (["description", "name"], NEW)

    migration.backwards(apps, None)
    setting.refresh_from_db()
    view.refresh_from_db()
    assert setting.columns == ["name", "remark", "id"]
    assert (view.columns, view.query) == (["remark", "name"], OLD)
