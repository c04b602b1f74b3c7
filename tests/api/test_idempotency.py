"""`Idempotency-Key`: the same request twice makes one resource."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.lifecycle.idempotency import KEPT, forget_old
from apps.lifecycle.models import IdempotentRequest
from tests import factories

PATH = "/api/v1/vpcs"
BODY = {"name": "net", "cidr": "10.0.0.0/16"}


@pytest.fixture(autouse=True)
def region(db: None) -> None:
    factories.make_region("here")


def post(user: User, key: str, body: dict[str, Any] = BODY) -> Any:
    return factories.session_client(user).post(PATH, body, format="json", headers={"Idempotency-Key": key})


def count() -> int:
    from apps.network.models import Vpc

    return Vpc.objects.count()


@pytest.mark.requirement("OP-5")
def test_the_second_answer_is_the_first_one_again(alice: User) -> None:
    first, second = post(alice, "k1"), post(alice, "k1")
    assert first.status_code == second.status_code == 202, first.content
    assert first.json() == second.json()
    assert first["Location"] == second["Location"]
    assert second["Idempotency-Replayed"] == "true"
    assert count() == 1


@pytest.mark.requirement("OP-5")
def test_another_request_under_the_same_key_is_refused(alice: User) -> None:
    post(alice, "k1")
    answer = post(alice, "k1", {**BODY, "name": "other"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.mismatch")
    assert count() == 1


@pytest.mark.requirement("OP-5")
def test_a_refused_request_may_be_sent_again_under_its_key(alice: User) -> None:
    wrong = {**BODY, "cidr": "8.8.8.0/24"}
    assert post(alice, "k1", wrong).status_code >= 400
    assert post(alice, "k1").status_code == 202


@pytest.mark.requirement("OP-5")
def test_keys_of_two_users_do_not_meet(alice: User, bob: User) -> None:
    assert post(alice, "k1").status_code == post(bob, "k1").status_code == 202
    assert count() == 2


@pytest.mark.requirement("OP-5")
def test_a_key_expires_after_a_day(alice: User) -> None:
    post(alice, "k1")
    IdempotentRequest.objects.update(created_at=timezone.now() - KEPT - timedelta(seconds=1))
    assert post(alice, "k1", {**BODY, "cidr": "172.16.0.0/16"}).status_code == 202
    assert count() == 2
    assert forget_old() == 0


@pytest.mark.requirement("OP-5")
def test_no_key_no_memory(alice: User) -> None:
    client = factories.api_client(alice)
    for _ in range(2):
        assert client.post(PATH, BODY, format="json").status_code == 202
    assert not IdempotentRequest.objects.exists()


@pytest.fixture
def tenant_owner(transactional_db: None) -> Iterator[User]:
    factories.make_region("there")
    yield factories.make_owner(factories.make_tenant("parallel"))


@pytest.mark.requirement("OP-5")
@pytest.mark.django_db(transaction=True)
def test_the_same_request_many_times_at_once_makes_one_resource(tenant_owner: User) -> None:
    starting = Barrier(8)

    def send(_: int) -> tuple[int, Any]:
        client = factories.session_client(tenant_owner)
        starting.wait()
        try:
            answer = client.post(
                PATH, {**BODY, "region": "there"}, format="json", headers={"Idempotency-Key": "same"}
            )
            return answer.status_code, answer.json()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    assert {status for status, _ in answers} == {202}, answers
    assert all(body == answers[0][1] for _, body in answers)
    assert count() == 1
