"""Keeping what a recount has put right (R4), and asking for the recounts that apps declare.

Counting under the row's lock is exact, so drift is put right at once, with a line in the operation log, and kept as a
finding that is repaired already. It should never happen: each is a bug to be looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.accounts.models import Tenant
from apps.quotas.recount import Difference as Miscount
from apps.reconciliation.declared import counts
from apps.reconciliation.difference import Difference, Place
from apps.reconciliation.finding_writer import finding_of, push_findings
from apps.reconciliation.models import FindingState, Rule


def recount_all() -> None:
    """Have every declared count compared with what exists."""
    for counted in counts().values():
        if counted.recount is not None:
            counted.recount()


def note_quotas(tenant: Tenant, miscounts: Sequence[Miscount]) -> None:
    """Keep as findings what a recount of quotas has put right; called in its transaction, which also logs it."""
    place = Place("")
    for miscount in miscounts:
        note_repaired(
            Difference(
                Rule.MISCOUNTED,
                "quota",
                tenant.uid,
                place,
                aspect=miscount.metric,
                name=tenant.name,
                tenant=tenant.pk,
                values={"found": miscount.used, "wanted": miscount.exists},
            )
        )


def note_repaired(difference: Difference) -> None:
    """Keep a difference that has just been put right. Call in the transaction that did."""
    finding = finding_of(difference, timezone.now())
    finding.state, finding.settled_at = FindingState.REPAIRED, finding.last_seen_at
    finding.save(force_insert=True)
    push_findings()


def ids_from(statement: str) -> list[UUID]:
    """Return the ids that a statement selects: rows that seem to be counted wrongly."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [id for (id,) in cursor.fetchall()]
