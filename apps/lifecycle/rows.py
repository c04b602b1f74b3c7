"""Inserting many kinds' rows with few statements."""

from __future__ import annotations

from collections.abc import Sequence

from apps.lifecycle.models import Kind, Resource

_PARENT_FIELDS = [field.attname for field in Resource._meta.concrete_fields]


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
