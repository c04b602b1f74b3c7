"""Which hosts count as in reach when work is given out.

Pages say how old what they show is. Placement asks something else: has this host been silent, or has nobody listened?
While no worker collects reports (all were killed, the broker is away) no host's silence means anything, and what is
accepted meanwhile waits as operations do.
"""

from __future__ import annotations

from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, Subquery
from django.db.models.functions import Least, Now

from apps.infrastructure.models import SILENCE, Collection, Host


def silent_since() -> ExpressionWrapper[Any]:
    """Return, for a query, the moment up to which a host's last report means that it is silent.

    LEAST leaves NULL out: before the first round it is the present that counts. `capacity_forecast` has the same
    in SQL.
    """
    looked = Subquery(Collection.objects.values("at")[:1])
    return ExpressionWrapper(Least(looked, Now()) - SILENCE, DateTimeField())


def is_silent(host: Host) -> bool:
    """Return whether a host was listened for without success, as of now and not of when its row was read."""
    return not Host.objects.filter(pk=host.pk, last_report_at__gt=silent_since()).exists()


def collection_recorded_now() -> None:
    """Note that every host's report has been looked for."""
    row = Collection(pk=1, at=Now())
    Collection.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["id"], update_fields=["at"]
    )  # one statement
