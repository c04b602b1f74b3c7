"""Inserting and removing rows of several kinds with few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import models

from apps.lifecycle.models import Kind, Resource

_PARENT_FIELDS = [field.attname for field in Resource._meta.concrete_fields]


def own_row(resource: Resource) -> Resource:
    """Return a resource as its kind's own row, with the kind's columns: one query, unless that was fetched with it."""
    own: Resource = getattr(resource, f"as_{resource.kind.replace('_', '')}")
    return own


def insert(rows: Sequence[Kind]) -> None:
    """Insert new resources, of one or several kinds: one statement for all parents and one for each child row.

    `save()` would take two for each, and Django has no `bulk_create` for models with a parent's table.
    """
    Resource.objects.bulk_create(
        [Resource(**{name: getattr(row, name) for name in _PARENT_FIELDS}) for row in rows]
    )
    for row in rows:
        row.resource_id = row.pk or row.id
        row.save_base(raw=True, force_insert=True)


def remove(rows: Sequence[Kind]) -> None:
    """Remove resources, of one or several kinds, with what goes with them; call in a transaction.

    `delete()` would take seven statements and more for each. What must not go with them (`PROTECT`) is looked for by
    the database when the transaction ends, which then raises IntegrityError.
    """
    ids = [row.pk for row in rows]
    _let_go(Resource, ids)
    for kind in dict.fromkeys(type(row) for row in rows):
        own = [row.pk for row in rows if isinstance(row, kind)]
        _let_go(kind, own)
        _delete(kind, own)
    _delete(Resource, ids)


def _let_go(model: type[models.Model], ids: Sequence[UUID]) -> None:
    """Do with the rows that refer to these what their foreign keys say."""
    for field in _references(model):
        referring = field.model._base_manager.filter(**{f"{field.name}__in": ids})
        if field.remote_field.on_delete is models.CASCADE:
            referring.delete()
        elif field.remote_field.on_delete is models.SET_NULL:
            referring.update(**{field.name: None})


def _references(model: type[models.Model]) -> Iterator[models.ForeignObject[Any, Any]]:
    """Yield the foreign keys to a model itself, but for the links of kinds to their row in `Resource`."""
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and relation.model is model and not relation.parent_link:
            yield relation.field


def _delete(model: type[models.Model], ids: Sequence[UUID]) -> None:
    rows = model._base_manager.filter(pk__in=ids)
    rows._raw_delete(rows.db)  # this table's rows alone
