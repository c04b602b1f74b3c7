"""Databases of tests: copied from what the present migrations make, and left as they were found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import TransactionTestCase

from apps.accounts.models import Tenant, User
from tests import committed_rows, databases, factories


@pytest.mark.django_db
def test_a_copy_has_every_migration() -> None:
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


def test_another_migration_makes_another_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, of = databases.fingerprint(), databases._migrations
    assert databases.fingerprint() == usual
    new = tmp_path / "0099_new.py"

    def with_new(app: Any) -> Iterator[Path]:
        yield from of(app)
        if app.label == "tenancy":
            yield new

    monkeypatch.setattr(databases, "_migrations", with_new)
    new.write_text("operations = []")
    added = databases.fingerprint()
    new.write_text("operations = [1]")
    assert len({usual, added, databases.fingerprint()}) == 3


def test_every_sequence_with_a_random_start_gets_another_in_each_copy() -> None:
    ours = [app for app in apps.get_app_configs() if app.name.startswith("apps.")]
    texts = [file.read_text() for app in ours for file in databases._migrations(app)]
    random = {name for text in texts for name in re.findall(r"'CREATE SEQUENCE (\w+)[^']* START %s", text)}
    assert random == set(databases.RANDOM_STARTS)


@pytest.mark.django_db(transaction=True)
def test_what_a_test_committed_is_deleted() -> None:
    factories.make_owner(factories.make_tenant("left"))
    committed_rows.delete_committed(TransactionTestCase("__init__"))
    assert not Tenant.objects.exists() and not User.objects.exists()
    assert Permission.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_rows_that_were_there_before_are_restored() -> None:
    before = set(Permission.objects.values_list("codename", "name"))
    Permission.objects.update(name="changed")
    committed_rows.delete_committed(TransactionTestCase("__init__"))
    assert set(Permission.objects.values_list("codename", "name")) == before
