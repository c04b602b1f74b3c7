"""OP-1: whatever changes something writes it in one transaction, so that a kill at any statement leaves all or nothing.

Every row of the table of answers that changes something is tried as whoever may. Requests that workers carry out are
also killed at each statement, in tests/recovery/test_crash_points.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from tests.security.answers import PEOPLE, ROLES, TABLE
from tests.security.test_every_route import ROUTES, send
from tests.security.world import World

pytestmark = pytest.mark.requirement("OP-1")

#: Written by and by itself: when somebody was last seen, who tried in vain, which answer a key was given.
BESIDE = (
    '"tenancy_session"',
    '"last_used_at"',
    '"tenancy_user" SET "last_login"',
    '"lifecycle_idempotentrequest"',
    '"audit_auditentry"',
)


class Writes:
    """The outermost savepoints in which something was written; each statement outside of one is one by itself."""

    def __init__(self) -> None:
        self.blocks: dict[str, str] = {}

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")) and not any(part in sql for part in BESIDE):
            # The first savepoint is the test's own.
            inside = [block for block in connection.savepoint_ids if block is not None][1:]
            self.blocks.setdefault(inside[0] if inside else f"statement {len(self.blocks)}", sql[:200])
        return execute(sql, params, many, context)


# A bulk request is as many changes as it has rows: each is a transaction, and the batch says how far it came.
CHANGING = sorted(
    row
    for row, answers in TABLE.items()
    if not row.endswith(" GET") and "bulk" not in row and "ok" in answers.split()[1 : len(PEOPLE)]
)


@pytest.mark.parametrize("row", CHANGING)
def test_a_change_is_one_transaction(row: str, world: World) -> None:
    name, method = row.split(" ")
    words = dict(zip(ROLES, TABLE[row].split(), strict=True))
    may = [role for role in PEOPLE if words[role] == "ok"]
    writes = Writes()
    with transaction.atomic():
        with connection.execute_wrapper(writes):
            send(world, may[-1], ROUTES[name], method)
        transaction.set_rollback(True)
    assert len(writes.blocks) <= 1, f"{len(writes.blocks)} transactions: {list(writes.blocks.values())}"
