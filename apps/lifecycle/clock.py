"""PostgreSQL's clock, the one by which machines that may disagree about the time compare what one another wrote."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """Return the time by PostgreSQL's clock. In a query of its own rather use `Now()`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
