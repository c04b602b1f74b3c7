"""Whose turn it is to be looked at, so that any number of workers and beats may run at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

# Whoever moves the time forward has the turn; nobody else does until it is due again.
_TAKE = """
INSERT INTO reconciliation_look (place, at) SELECT place, now() FROM unnest(%s::text[]) AS t(place) ORDER BY place
ON CONFLICT (place) DO UPDATE SET at = excluded.at WHERE reconciliation_look.at < excluded.at - %s::interval
RETURNING place
"""


def claim_due(places: Sequence[str], every: timedelta) -> set[str]:
    """Return which of the places are due, and count them as looked at now: one statement."""
    if not places:
        return set()
    values: list[Any] = [list(places), every]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        return {place for (place,) in cursor.fetchall()}
