"""SE-1, SE-2: what ends somebody's access ends it for a request on many rows that is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.signals import post_save
from django.test import Client

from apps.accounts import access_recheck, acting
from apps.accounts.models import ApiKey, Session, Tenant, User
from apps.compute.models import Power, Vm
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.models import BatchItem, Operation
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-1"), pytest.mark.requirement("SE-2")]


@pytest.fixture
def vms(owner: Actor, cloud: Cloud, subnet: Subnet, monkeypatch: pytest.MonkeyPatch) -> list[Vm]:
    made = [make_vm(owner, cloud, subnet, name=f"web-{number}") for number in range(3)]
    Vm.objects.update(power=Power.ON, power_seen=Power.ON)
    monkeypatch.setattr(access_recheck, "EVERY", 0.0)
    return made


@contextmanager
def after_the_first(end: Callable[[], Any]) -> Iterator[None]:
    """Have `end` come between the first row and the second."""

    def ends(created: bool, **_given: Any) -> None:
        if created and Operation.objects.open().count() == 1:
            end()

    post_save.connect(ends, sender=Operation)
    try:
        yield
    finally:
        post_save.disconnect(ends, sender=Operation)


def outcomes() -> list[tuple[str, str]]:
    return list(BatchItem.objects.order_by("position").values_list("outcome", "code"))


CUT = [("accepted", ""), ("refused", "access.ended"), ("refused", "access.ended")]


def _stop_acting(user: User) -> None:
    for row in Session.objects.filter(user=user):
        store = access_recheck.SessionStore(row.session_key)
        acting.stop(store)
        store.save()


ENDS: dict[str, Callable[[User], Any]] = {
    "deactivated": lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    "no owner any more": lambda user: User.objects.filter(pk=user.pk).update(is_tenant_owner=False),
    "tenant disabled": lambda user: Tenant.objects.filter(pk=user.tenant_id).update(enabled=False),
    "must set a new password": lambda user: User.objects.filter(pk=user.pk).update(must_change_password=True),
}
OF_SESSION: dict[str, Callable[[User], Any]] = {
    "session ended": lambda user: Session.objects.filter(user=user).delete()
}
OF_KEY: dict[str, Callable[[User], Any]] = {
    "key revoked": lambda user: ApiKey.objects.filter(user=user).delete()
}


@pytest.mark.parametrize("how", [*ENDS, *OF_KEY])
def test_the_api_stops_in_the_middle_for_a_key(vms: list[Vm], alice: User, how: str) -> None:
    client = factories.api_client(alice)
    with after_the_first(lambda: (ENDS | OF_KEY)[how](alice)):
        answer = client.post(
            "/api/v1/vms/bulk", {"action": "restart", "ids": [str(vm.pk) for vm in vms]}, format="json"
        )
    assert answer.status_code == 207 and outcomes() == CUT


@pytest.mark.parametrize("how", [*ENDS, *OF_SESSION])
def test_the_api_stops_in_the_middle_for_a_session(vms: list[Vm], alice: User, how: str) -> None:
    with after_the_first(lambda: (ENDS | OF_SESSION)[how](alice)):
        factories.session_client(alice).post(
            "/api/v1/vms/bulk", {"action": "restart", "ids": [str(vm.pk) for vm in vms]}, format="json"
        )
    assert outcomes() == CUT


def _on_page(client: Client, vms: list[Vm]) -> None:
    form = {
        "action": "restart",
        "key": [str(vm.pk) for vm in vms],
        "token": str(uuid4()),
        "typed": "restart 3",
    }
    client.post("/vms/bulk/", form)


@pytest.mark.parametrize("how", [*ENDS, *OF_SESSION])
def test_a_page_stops_in_the_middle(vms: list[Vm], alice: User, how: str) -> None:
    client = factories.page_client(alice)
    with after_the_first(lambda: (ENDS | OF_SESSION)[how](alice)):
        _on_page(client, vms)
    assert outcomes() == CUT


def test_an_administrator_stops_in_the_middle_once_acting_has_ended(
    vms: list[Vm], ada: User, tenant_a: Tenant
) -> None:
    client = factories.acting_client(ada, tenant_a)
    with after_the_first(lambda: _stop_acting(ada)):
        _on_page(client, vms)
    assert outcomes() == CUT


def test_a_deleted_tenant_is_no_longer_acted_as(ada: User, tenant_b: Tenant) -> None:
    factories.acting_client(ada, tenant_b)
    session = Session.objects.get(user=ada)
    actor = replace(factories.actor_for_user(ada, tenant_b), session=session.uid)
    access_recheck.ensure_access_holds(actor)
    Tenant.objects.filter(pk=tenant_b.pk).delete()
    with pytest.raises(access_recheck.AccessEnded):
        access_recheck.ensure_access_holds(actor)


def test_without_an_end_all_rows_are_done(vms: list[Vm], alice: User, ada: User, tenant_a: Tenant) -> None:
    for client in (factories.page_client(alice), factories.acting_client(ada, tenant_a)):
        BatchItem.objects.all().delete()
        Operation.objects.all().delete()
        _on_page(client, vms)
        assert outcomes() == [("accepted", "")] * 3


def test_the_platform_itself_goes_on() -> None:
    access_recheck.ensure_access_holds(SYSTEM)
