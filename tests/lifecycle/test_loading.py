"""Rows made without `__init__` are the rows that Django makes."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Project, Tenant
from apps.lifecycle.models import Loaded

LOADED = [model for model in apps.get_models() if issubclass(model, Loaded)]


@pytest.mark.parametrize("model", LOADED, ids=lambda model: model.__name__)
def test_no_column_needs_its_value_to_be_set_through_a_descriptor(model: type[models.Model]) -> None:
    """As a file's would; that of a foreign key only forgets what it referred to before."""
    for field in model._meta.concrete_fields:
        descriptor = model.__dict__.get(field.attname)
        assert field.is_relation or not hasattr(descriptor, "__set__"), field


def test_a_row_that_was_read_is_as_django_makes_it(project_a: Project) -> None:
    read = Project.objects.select_related("tenant").get(pk=project_a.pk)
    usual = Project(
        **{field.attname: getattr(read, field.attname) for field in Project._meta.concrete_fields}
    )
    assert read == usual and not read._state.adding and read._state.db == "default"
    assert {**vars(read), "_state": 0} == {**vars(usual), "_state": 0}
    assert read._state.fields_cache == {"tenant": project_a.tenant}


def test_what_was_left_out_is_read_when_it_is_used(project_a: Project) -> None:
    read = Project.objects.only("name").get(pk=project_a.pk)
    assert read.get_deferred_fields() >= {"tenant_id", "description"}
    with CaptureQueriesContext(connection) as asked:
        seen = (read.name, read.description, read.tenant.pk)
    assert seen == (project_a.name, project_a.description, project_a.tenant_id)
    assert len(asked) == 3  # description, the tenant's key, the tenant


def test_a_row_that_was_read_is_saved_and_read_again(tenant_a: Tenant) -> None:
    read = Tenant.objects.get(pk=tenant_a.pk)
    read.name = "renamed"
    read.save(update_fields=["name"])
    Tenant.objects.filter(pk=tenant_a.pk).update(description="later")
    read.refresh_from_db()
    assert (read.name, read.description) == ("renamed", "later")
