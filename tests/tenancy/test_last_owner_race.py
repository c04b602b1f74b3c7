"""Two owners who remove each other at the same moment: one of them stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.lifecycle.errors import NotNow
from apps.tenancy.services.members import deactivate_member
from tests.factories import actor_for_user, make_owner, make_tenant


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("AC-1")
def test_two_owners_who_deactivate_each_other_leave_one() -> None:
    tenant = make_tenant()
    one, other = make_owner(tenant), make_owner(tenant)
    start = Barrier(2, timeout=20)

    def deactivate(pair: tuple[User, User]) -> bool:
        try:
            start.wait()
            deactivate_member(actor_for_user(pair[0]), pair[1])
        except NotNow:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(deactivate, [(one, other), (other, one)]))
    assert sorted(done) == [False, True]
    assert User.objects.filter(tenant=tenant, is_active=True).count() == 1
