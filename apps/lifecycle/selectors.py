"""Reading operations and resources for lists."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Prefetch, QuerySet

from apps.lifecycle.models import Operation, Resource

R = TypeVar("R", bound=Resource)


def with_open_operations(queryset: QuerySet[R]) -> QuerySet[R]:
    """Prefetch what words and possibilities need: one more query per page, none per row."""
    running = Operation.objects.open().filter(exclusive=True)
    return queryset.prefetch_related(Prefetch("operations", queryset=running, to_attr="open_operations"))
