"""The written rules: what counts as a difference, and who mends it.

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
   protection  a VPC, subnet or port lacks a limit or an always-on rule that all of its kind have.
R4 miscounted. What is counted differs from what exists: a tenant's quota, the room promised on a host, the address to
   be given out next in a subnet, an address outside its subnet.

When it counts. Only rows that have been at rest for `GRACE` are judged: ready, no operation open, nothing locked, no
change. A difference counts when two looks in a row have seen it; an orphan, whose age nobody knows, also must have been
seen for `GRACE`. What is said to be stale is looked for again by the operation that mends it.

Who mends it stands in `BY_ITSELF`, and in docs/concepts/reconciliation.md with the reasons. The platform mends only
where no data can be lost and no running guest be stopped; everything else is listed for the administrator.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.lifecycle.models import Operation, OperationLock, State
from apps.reconciliation.models import Rule

#: What has changed within this time is not judged.
GRACE = timedelta(minutes=2)
#: Between two looks at a place.
LOOK_EVERY = timedelta(seconds=30)
#: A difference must be seen so often in a row.
LOOKS = 2
#: The platform tries so often by itself within `TRIES_WITHIN`, then it is the administrator's.
MOST_TRIES = 3
TRIES_WITHIN = timedelta(hours=1)
#: An unfinished file nobody has written to for so long was left by a process that is dead: imports write all the time.
ABANDONED = timedelta(hours=24)
#: Settled findings are kept for so long.
KEPT = timedelta(days=90)

GENERATION, AHEAD, POWER, MISPLACED, DOUBLED, SIZE, PROTECTION, PARTIAL = (
    "generation",
    "ahead",
    "power",
    "misplaced",
    "doubled",
    "size",
    "protection",
    "partial",
)

#: A VM whose power differs runs, or rests, against what is wanted.
RUNS, RESTS = "runs", "rests"

#: (rule, aspect, kind) of what the platform mends by itself, by a resync; an orphan's file by removing it.
BY_ITSELF = frozenset(
    {
        (Rule.STALE, "", "vm"),
        (Rule.STALE, "", "vpc"),
        (Rule.STALE, "", "subnet"),
        (Rule.STALE, "", "security_group"),
        (Rule.STALE, "", "nic"),
        (Rule.UNSYNCED, GENERATION, "vm"),
        (Rule.UNSYNCED, GENERATION, "vpc"),
        (Rule.UNSYNCED, GENERATION, "subnet"),
        (Rule.UNSYNCED, GENERATION, "security_group"),
        (Rule.UNSYNCED, GENERATION, "nic"),
        (Rule.UNSYNCED, PROTECTION, "vpc"),
        (Rule.UNSYNCED, PROTECTION, "subnet"),
        (Rule.UNSYNCED, PROTECTION, "nic"),
        (Rule.UNSYNCED, SIZE, "disk"),
        (Rule.ORPHAN, PARTIAL, "disk"),
        (Rule.ORPHAN, PARTIAL, "image"),
    }
)

#: The sentence of each difference; values come from what was seen.
TEXTS: dict[tuple[str, str], str] = {
    (Rule.STALE, "vm"): _("Host %(place)s does not have it."),
    (Rule.STALE, "disk"): _("Its volume is not in %(place)s."),
    (Rule.STALE, "image"): _("Its file is not in %(place)s."),
    (Rule.STALE, "nic"): _("The network of %(place)s has no port for its address %(ip)s."),
    (Rule.STALE, ""): _("The network of %(place)s does not have it."),
    (Rule.ORPHAN, "vm"): _("Host %(place)s has this VM, and no row knows it."),
    (Rule.ORPHAN, "disk"): _("%(place)s has this volume, and no row knows it."),
    (Rule.ORPHAN, "image"): _("%(place)s has this image, and no row knows it."),
    (Rule.ORPHAN, PARTIAL): _("%(place)s has unfinished files of it that nobody writes to."),
    (Rule.ORPHAN, ""): _("The network of %(place)s has it, and no row knows it."),
    (Rule.UNSYNCED, GENERATION): _("At %(place)s it is of generation %(found)s, wanted is %(wanted)s."),
    (Rule.UNSYNCED, AHEAD): _("At %(place)s it is of generation %(found)s, the row knows only %(wanted)s."),
    (Rule.UNSYNCED, RUNS): _("It is to be off, and runs on host %(place)s."),
    (Rule.UNSYNCED, RESTS): _("It is to run, and is off on host %(place)s."),
    (Rule.UNSYNCED, MISPLACED): _("It is on host %(place)s; its row says %(wanted)s, which has it not."),
    (Rule.UNSYNCED, DOUBLED): _("It is defined on host %(place)s as well as on its own, %(wanted)s."),
    (Rule.UNSYNCED, PROTECTION): _("The network of %(place)s lacks its limits or always-on rules."),
    (Rule.UNSYNCED, SIZE): _("Its volume has %(found)s GiB, wanted are %(wanted)s GiB."),
    (Rule.MISCOUNTED, "quota"): _("%(found)s were counted as used, %(wanted)s exist. Put right."),
    (Rule.MISCOUNTED, "host"): _("%(found)s were promised (vCPU/MiB), its VMs take %(wanted)s. Put right."),
    (Rule.MISCOUNTED, "subnet"): _("Its next address was searched behind %(found)s, outside it. Put right."),
    (Rule.MISCOUNTED, "nic"): _("Its address %(found)s is not one of subnet %(wanted)s."),
}


def text_of(rule: str, aspect: str, kind: str, found: object = None) -> str:
    """Return the template for a difference: that of its aspect, of its kind, or of its rule."""
    if aspect == POWER:
        return TEXTS[rule, RUNS if found == "on" else RESTS]
    return TEXTS.get((rule, aspect or kind)) or TEXTS.get((rule, kind)) or TEXTS[rule, ""]


def mends_itself(rule: str, aspect: str, kind: str) -> bool:
    """Whether the platform mends such a difference without being asked."""
    return (rule, aspect, kind) in BY_ITSELF


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
