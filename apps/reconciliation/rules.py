"""The written rules: what counts as a difference, and who repairs it.

R1 stale. A row says something is there, and the backend has it not: domain, volume, image, VPC, subnet, port, security
   group.
R2 orphan. The backend has something of ours and no row knows it. Ours are domains named after their own UUID, files in
   `volumes/` and `images/` of a pool named after one, and OVN rows with `scloud:kind`. Anything else is never touched
   and never listed.
R3 unsynced. Both are there and differ:
   generation  what is there was made from an older generation of the row than is wanted;
   ahead       it was made from a newer one: the database has gone back, as after a restore from a backup;
   power       wanted on and seen off, or wanted off and seen on;
   misplaced   a VM is on another host than its row says, and not on its own;
   doubled     a VM is defined on its own host and on another one;
   size        a volume is smaller than its row says;
   protection  a VPC, subnet or port lacks a limit or an always-on rule that all of its kind have;
   detached    a disk is attached to a VM by its row, and the VM has it not;
   attached    a VM has a disk that no row says is attached to it, or a NIC that no row knows;
   limits      a VM has a disk with other limits than its row says;
   guest_size  a running VM sees a disk smaller than its row says;
   unplugged   an elastic NIC is bound to a VM by its row, and the VM has it not;
   plugged     a VM has an elastic NIC that its row says is bound to another one, or to none.
R4 miscounted. What is counted differs from what exists: a tenant's quota, the room promised on a host, the address to
   be given out next in a subnet, an address outside its subnet.

When it counts. Only rows that have been at rest for `GRACE` are judged: ready, no operation open, nothing locked, no
change. A difference counts when two looks in a row have seen it; an orphan, whose age nobody knows, also must have been
seen for `GRACE`. What is said to be stale is looked for again by the operation that repairs it.

Who repairs it stands in what each kind declares (`safe`), and in docs/concepts/reconciliation.md with the reasons. The
platform repairs only where no data can be lost and no running guest be stopped; everything else is listed for the
administrator.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apps.lifecycle.models import Operation, OperationLock, State

#: What has changed within this time is not judged.
GRACE = timedelta(minutes=2)
#: Between two looks at a place.
LOOK_EVERY = timedelta(seconds=30)
#: A difference must be seen so often in a row.
LOOKS = 2
#: The platform tries so often automatically within `TRIES_WITHIN`, then it is the administrator's.
MOST_TRIES = 3
TRIES_WITHIN = timedelta(hours=1)
#: An unfinished file nobody has written to for so long was left by a process that is dead: imports write all the time.
ABANDONED = timedelta(hours=24)
#: Settled findings are kept for so long.
KEPT = timedelta(days=90)

(
    GENERATION,
    AHEAD,
    POWER,
    MISPLACED,
    DOUBLED,
    SIZE,
    PROTECTION,
    PARTIAL,
    DETACHED,
    ATTACHED,
    LIMITS,
    GUEST_SIZE,
    UNPLUGGED,
    PLUGGED,
) = (
    "generation",
    "ahead",
    "power",
    "misplaced",
    "doubled",
    "size",
    "protection",
    "partial",
    "detached",
    "attached",
    "limits",
    "guest_size",
    "unplugged",
    "plugged",
)

#: A VM whose power differs runs, or rests, against what is wanted.
RUNS, RESTS = "runs", "rests"


def is_id(text: str) -> bool:
    """Whether it is an identifier as the platform writes them: what is called otherwise is not ours."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def at_rest(prefix: str = "") -> Q:
    """Return the condition that a resource may be judged; `prefix` leads to it ("resource__")."""
    key = OuterRef(f"{prefix}pk")
    at_work = Operation.objects.open().filter(resource=key, exclusive=True)
    locked = OperationLock.objects.filter(resource=key)
    still = Q(
        **{f"{prefix}state": State.READY, f"{prefix}updated_at__lt": timezone.now() - GRACE},
    )
    return still & ~Q(Exists(at_work)) & ~Q(Exists(locked))


#: `at_rest` in SQL, for a row called `r` of lifecycle_resource; its one parameter is `GRACE`.
AT_REST = """
    r.state = 'ready' AND r.updated_at < now() - %(grace)s::interval
    AND NOT EXISTS (SELECT FROM lifecycle_operation o
                     WHERE o.resource_id = r.id AND o.exclusive AND o.status IN ('queued', 'running'))
    AND NOT EXISTS (SELECT FROM lifecycle_operationlock l WHERE l.resource_id = r.id)
"""
