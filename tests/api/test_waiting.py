"""Waiting for an operation without polling, and without holding anything meanwhile."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connection

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, User
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation
from apps.network.models import Subnet
from scloud_console.asgi import application
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("IN-2")]
PATIENCE = 20


@pytest.fixture
def operation(owner: Actor, cloud: Cloud, subnet: Subnet) -> Operation:
    return ask_for_vms(owner, cloud, subnet)[0]


def request(operation: Operation, token: str, wait: object) -> ApplicationCommunicator:
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/api/v1/operations/{operation.pk}",
        "query_string": f"wait={wait}".encode(),
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())],
    }
    return ApplicationCommunicator(application, scope)


async def sent(asked: ApplicationCommunicator) -> ApplicationCommunicator:
    await asked.send_input({"type": "http.request", "body": b""})
    return asked


async def answer(asked: ApplicationCommunicator) -> tuple[int, dict[str, Any]]:
    start = await asked.receive_output(timeout=PATIENCE)
    body = await asked.receive_output(timeout=PATIENCE)
    return start["status"], json.loads(body["body"])


async def is_waiting(asked: ApplicationCommunicator) -> bool:
    return bool(await asked.receive_nothing(timeout=0.3))


def threads_of_requests() -> int:
    return sum(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate())


def test_the_answer_comes_when_the_operation_has_finished(alice: User, operation: Operation) -> None:
    token = factories.api_token(alice)

    async def scenario() -> tuple[int, dict[str, Any]]:
        asked = await sent(request(operation, token, 30))
        assert await is_waiting(asked)
        await sync_to_async(execute)(operation.pk)
        return await answer(asked)

    status, body = async_to_sync(scenario)()
    assert (status, body["status"]) == (200, "done")


def test_it_comes_at_once_when_there_is_nothing_to_wait_for(alice: User, operation: Operation) -> None:
    execute(operation.pk)
    token = factories.api_token(alice)

    async def scenario() -> tuple[int, dict[str, Any]]:
        return await answer(await sent(request(operation, token, 30)))

    assert async_to_sync(scenario)()[1]["status"] == "done"


def test_it_comes_when_the_time_is_over(alice: User, operation: Operation) -> None:
    token = factories.api_token(alice)

    async def scenario() -> tuple[int, dict[str, Any]]:
        return await answer(await sent(request(operation, token, 1)))

    status, body = async_to_sync(scenario)()
    assert (status, body["status"]) == (200, "queued")


def test_who_waits_holds_no_thread_and_no_connection(alice: User, operation: Operation) -> None:
    token = factories.api_token(alice)

    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            )
            return int(cursor.fetchone()[0])

    async def scenario() -> None:
        before = threads_of_requests()
        asked = [await sent(request(operation, token, 30)) for _ in range(8)]
        for each in asked:
            assert await is_waiting(each)
        assert threads_of_requests() <= before
        assert await sync_to_async(connections)() == 1  # the one that counts them
        await sync_to_async(execute)(operation.pk)
        assert {(await answer(each))[1]["status"] for each in asked} == {"done"}

    async_to_sync(scenario)()


def test_a_key_has_so_many_waiting_requests_and_no_more(
    alice: User, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scloud_console.waiting.MOST_AT_ONCE", 1)
    token, other = factories.api_token(alice), factories.api_token(alice)

    async def scenario() -> None:
        first = await sent(request(operation, token, 30))
        assert await is_waiting(first)
        status, body = await answer(await sent(request(operation, token, 30)))
        assert (status, body["code"]) == (429, "wait.too_many")
        assert await is_waiting(await sent(request(operation, other, 1)))
        await first.send_input({"type": "http.disconnect"})
        await first.wait(timeout=PATIENCE)
        assert await is_waiting(await sent(request(operation, token, 1)))

    async_to_sync(scenario)()


def test_keys_that_a_key_created_share_its_waiting_requests(
    alice: User, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scloud_console.waiting.MOST_AT_ONCE", 1)
    parent, token = issue_key(alice, "parent", ApiKey.Scope.ACCOUNTS, None)
    children = [issue_key(alice, name, ApiKey.Scope.READ, None, parent=parent)[1] for name in ("one", "two")]

    async def scenario() -> list[tuple[int, dict[str, Any]]]:
        asked = [await sent(request(operation, each, 30)) for each in (*children, token)]
        answers = [asyncio.create_task(answer(each)) for each in asked]
        refused = [await each for _, each in zip(children, asyncio.as_completed(answers), strict=False)]
        await sync_to_async(execute)(operation.pk)
        await asyncio.wait(answers)
        return refused

    refused = async_to_sync(scenario)()
    assert [(status, body["code"]) for status, body in refused] == [(429, "wait.too_many")] * 2


def test_a_key_that_is_revoked_meanwhile_reads_nothing_more(alice: User, operation: Operation) -> None:
    key, token = issue_key(alice, "short", ApiKey.Scope.READ, None)

    async def scenario() -> tuple[int, dict[str, Any]]:
        asked = await sent(request(operation, token, 30))
        assert await is_waiting(asked)
        await sync_to_async(key.delete)()
        await sync_to_async(execute)(operation.pk)
        return await answer(asked)

    assert async_to_sync(scenario)()[0] == 401


@pytest.mark.parametrize("wait", ["31", "-1", "x", "1e1"])
def test_what_is_no_number_of_seconds_is_refused(alice: User, operation: Operation, wait: str) -> None:
    token = factories.api_token(alice)

    async def scenario() -> tuple[int, dict[str, Any]]:
        return await answer(await sent(request(operation, token, wait)))

    status, body = async_to_sync(scenario)()
    assert (status, body["errors"][0]["field"]) == (400, "wait")


def test_strangers_do_not_wait(bob: User, operation: Operation) -> None:
    token = factories.api_token(bob)

    async def scenario() -> tuple[int, dict[str, Any]]:
        return await answer(await sent(request(operation, token, 30)))

    assert async_to_sync(scenario)()[0] == 404
