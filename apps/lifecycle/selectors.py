"""Reading operations and resources for lists."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import FilteredRelation, Q, QuerySet, Value

from apps.lifecycle.models import Resource
from apps.lifecycle.models.operation import OPEN

R = TypeVar("R", bound=Resource)


def with_open_operations(queryset: QuerySet[R]) -> QuerySet[R]:
    """Read what words and possibilities need with the rows themselves, in one statement.

    Read in a second one, the operation could have ended in between: a VM would be shown as stopped, between starting
    and running. There is one open exclusive operation at most, so that the join adds no rows.
    """
    still_open = Q(operations__status__in=OPEN, operations__exclusive=True)
    rows: QuerySet[Any] = queryset.annotate(
        open_operation=FilteredRelation("operations", condition=still_open), open_operation_read=Value(True)
    )
    return rows.select_related("open_operation")
