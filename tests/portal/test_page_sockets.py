"""SE-1, SE-2: what open pages hear, who may have one, and how many; on the Redis that the product runs on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import transaction
from django.test import Client
from onebox.shell import patience

from apps.accounts.acting import SINCE
from apps.accounts.middleware import MUST_ENROL
from apps.accounts.models import Project, Role, Tenant, User
from apps.accounts.selectors import visible_resource_roles
from apps.accounts.session_limits import BEGAN, SEEN
from apps.compute.models import Vm
from apps.lifecycle import push
from apps.lifecycle.models import Operation
from apps.portal import open_pages, page_access
from apps.portal.consumers import MOST_MESSAGES, TALKATIVE
from apps.portal.page_access import CONNECT_AGAIN, MUST_DO_FIRST, NOT_LOGGED_IN, TOO_MANY
from apps.settings_pages.services import change_settings
from apps.tenancy.services.members import reset_member_password, set_role
from apps.tenancy.services.resource_roles import take_resource_role
from scloud_console.asgi import application
from tests import factories
from tests.console.factories import make_vm
from tests.factories import actor_for_user

pytestmark = [pytest.mark.requirement("SE-1"), pytest.mark.django_db(transaction=True)]

Socket = ApplicationCommunicator


def socket(client: Client) -> Socket:
    """Return the WebSocket of a page open in this browser, through the whole application."""
    headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
    headers.append((b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()))
    scope = {
        "type": "websocket",
        "path": "/ws/page/",
        "headers": headers,
        "query_string": b"",
        "subprotocols": [],
    }
    return Socket(application, scope)


async def opened(page: Socket) -> int:
    """Connect; return 0 once it is ready, or the close code."""
    await page.send_input({"type": "websocket.connect"})
    assert (await page.receive_output(timeout=20))["type"] == "websocket.accept"
    answer = await page.receive_output(timeout=20)
    return int(answer.get("code", 0))


async def closed(page: Socket) -> None:
    await page.send_input({"type": "websocket.disconnect", "code": 1000})
    await page.wait(timeout=20)


async def told(page: Socket, last: str) -> list[str]:
    """Return the ids that the page is told, until `last`, which it is told for certain."""
    heard: list[str] = []
    while last not in heard:
        message = json.loads((await page.receive_output(timeout=20))["text"])
        heard += [
            f"{one['kind']}:{one['id']}" for one in (message if isinstance(message, list) else [message])
        ]
    return heard


async def code(page: Socket) -> int:
    """Return the code with which the page is closed."""
    while True:
        message = await page.receive_output(timeout=20)
        if message["type"] == "websocket.close":
            return int(message["code"])


def asking(scenario: Callable[[], Any]) -> Any:
    return async_to_sync(scenario)()


@pytest.fixture
def other(tenant_a: Tenant) -> Project:
    return factories.make_project(tenant_a, "secret project")


def _changes(vm: Vm) -> list[Callable[[], object]]:
    operation = Operation(
        verb="vm.start",
        target_id=vm.pk,
        target_kind="vm",
        tenant=vm.tenant,
        target_project=vm.project_id,
    )
    return [
        lambda: push.resource_changed(vm),
        lambda: push.operation_changed(operation),
        lambda: push.many_changed("vm", [(vm.tenant_id, vm.project_id)]),
    ]


def _make(changes: list[Callable[[], object]]) -> None:
    for change in changes:
        with transaction.atomic():
            change()


def test_a_member_hears_of_no_other_project_and_an_owner_of_all(
    alice: User, vera: User, project_a: Project, other: Project
) -> None:
    theirs, hers = make_vm(other), make_vm(project_a)
    browsers = [factories.page_client(alice), factories.page_client(vera)]

    async def scenario() -> tuple[list[str], list[str]]:
        owner, member = (socket(browser) for browser in browsers)
        assert [await opened(owner), await opened(member)] == [0, 0]
        await sync_to_async(_make)(_changes(theirs))
        await sync_to_async(_make)([lambda: push.resource_changed(hers)])
        heard = await told(owner, f"vm:{hers.pk}"), await told(member, f"vm:{hers.pk}")
        await closed(owner)
        await closed(member)
        return heard

    owner_heard, member_heard = asking(scenario)
    assert member_heard == [f"vm:{hers.pk}"]
    assert {f"vm:{theirs.pk}", "vm:*", f"vm:{hers.pk}"} < set(owner_heard)


@pytest.mark.requirement("AC-1")
def test_a_member_with_one_resource_hears_of_it_alone_until_the_role_is_revoked(
    alice: User, tenant_a: Tenant, project_a: Project
) -> None:
    una, mine, neighbour = factories.make_member_of_nothing(tenant_a, "una"), *map(make_vm, [project_a] * 2)
    factories.grant_resource(una, Role.VIEWER, mine)
    browser = factories.page_client(una)
    changes = [
        *_changes(neighbour),
        lambda: push.many_changed("vm", [(mine.tenant_id, mine.project_id)], [neighbour.pk]),
        lambda: push.many_changed("disk", [(mine.tenant_id, mine.project_id)], [mine.pk]),
        lambda: push.resource_changed(mine),
    ]

    async def scenario() -> tuple[list[str], int]:
        page = socket(browser)
        assert await opened(page) == 0
        await sync_to_async(_make)(changes)
        heard = await told(page, f"vm:{mine.pk}")
        given = await sync_to_async(visible_resource_roles(actor_for_user(alice)).get)()
        await sync_to_async(take_resource_role)(actor_for_user(alice), given)
        return heard, await code(page)

    assert asking(scenario) == (["disk:*", f"vm:{mine.pk}"], CONNECT_AGAIN)


def test_a_member_hears_of_a_deleted_resource_of_its_project(vera: User, project_a: Project) -> None:
    vm = make_vm(project_a)
    changes = _changes(vm)[1:2]
    Vm.objects.filter(pk=vm.pk).delete()
    browser = factories.page_client(vera)

    async def scenario() -> None:
        page = socket(browser)
        assert await opened(page) == 0
        await sync_to_async(_make)(changes)
        assert f"vm:{vm.pk}" in await told(page, f"vm:{vm.pk}")
        await closed(page)

    asking(scenario)


def test_a_role_that_ends_cuts_the_page_and_it_hears_no_more(
    alice: User, vera: User, project_a: Project, other: Project
) -> None:
    factories.grant(vera, Role.VIEWER, other)
    theirs, hers = make_vm(other), make_vm(project_a)
    browser = factories.page_client(vera)

    async def scenario() -> list[str]:
        page = socket(browser)
        assert await opened(page) == 0
        await sync_to_async(set_role)(actor_for_user(alice), vera, other, None)
        assert await code(page) == CONNECT_AGAIN
        again = socket(browser)
        assert await opened(again) == 0
        await sync_to_async(_make)(_changes(theirs))
        await sync_to_async(_make)([lambda: push.resource_changed(hers)])
        heard = await told(again, f"vm:{hers.pk}")
        await closed(again)
        return heard

    assert asking(scenario) == [f"vm:{hers.pk}"]


@pytest.mark.requirement("SE-2")
def test_who_must_do_something_first_is_not_let_in(alice: User, vera: User, ada: User) -> None:
    User.objects.filter(pk=vera.pk).update(must_change_password=True)
    change_settings(actor_for_user(ada), {"require_admin_two_factor": True})
    admin = factories.page_client(ada)
    session = admin.session
    session[MUST_ENROL] = True
    session.save()
    stale = factories.page_client(alice)
    session = stale.session
    session[BEGAN] = session[SEEN] = time.time() - 10_000_000
    session.save()
    browsers = [factories.page_client(vera), admin, stale]

    async def scenario() -> list[int]:
        return [await opened(socket(browser)) for browser in browsers]

    assert asking(scenario) == [MUST_DO_FIRST, MUST_DO_FIRST, NOT_LOGGED_IN]


@pytest.mark.requirement("SE-2")
def test_a_reset_cuts_the_page_at_once(alice: User, vera: User) -> None:
    browser = factories.page_client(vera)

    async def scenario() -> tuple[int, int]:
        page = socket(browser)
        assert await opened(page) == 0
        await sync_to_async(reset_member_password)(actor_for_user(alice), vera)
        return await code(page), await opened(socket(browser))

    assert asking(scenario) == (NOT_LOGGED_IN, NOT_LOGGED_IN)


@pytest.mark.requirement("SE-2")
def test_a_page_whose_end_nobody_told_is_cut_when_it_is_judged_again(
    vera: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = factories.page_client(vera)
    monkeypatch.setattr(page_access, "AT_LATEST", 0.5)

    async def scenario() -> int:
        page = socket(browser)
        assert await opened(page) == 0
        await sync_to_async(User.objects.filter(pk=vera.pk).update)(must_change_password=True)
        return await code(page)

    assert asking(scenario) == MUST_DO_FIRST


@pytest.mark.requirement("UX-11")
def test_a_page_of_a_tenant_is_cut_when_acting_as_it_ends(ada: User, tenant_a: Tenant) -> None:
    browser = factories.acting_client(ada, tenant_a)

    async def scenario() -> int:
        page = socket(browser)
        assert await opened(page) == 0
        await sync_to_async(browser.post)("/stop-acting/")
        return await code(page)

    assert asking(scenario) == CONNECT_AGAIN


@pytest.mark.requirement("UX-11")
def test_a_page_of_a_tenant_is_cut_when_the_time_of_acting_is_over(ada: User, tenant_a: Tenant) -> None:
    browser = factories.acting_client(ada, tenant_a)
    session = browser.session
    session[SINCE] = time.time() - 3600 + 1.5
    session.save()

    async def scenario() -> int:
        page = socket(browser)
        assert await opened(page) == 0
        return await code(page)

    assert asking(scenario) == CONNECT_AGAIN


@pytest.mark.parametrize(
    ("setting", "pages"), [("open_pages_per_user", "two sessions"), ("open_pages_per_session", "one session")]
)
def test_pages_beyond_the_limit_are_closed_with_a_code_of_their_own(
    ada: User, vera: User, alice: User, setting: str, pages: str
) -> None:
    change_settings(actor_for_user(ada), {setting: 5})
    here = factories.page_client(vera)
    there = factories.page_client(vera) if pages == "two sessions" else here
    somebody_else = factories.page_client(alice)

    async def scenario() -> list[int]:
        first = [socket(here), socket(there), socket(here), socket(there), socket(here)]
        codes = [await opened(page) for page in first]
        codes.append(await opened(socket(there)))
        stranger = socket(somebody_else)
        codes.append(await opened(stranger))
        await closed(first[0])
        again = socket(there)
        codes.append(await opened(again))
        for page in (*first[1:], again, stranger):
            await closed(page)
        return codes

    assert asking(scenario) == [0, 0, 0, 0, 0, TOO_MANY, 0, 0]


def test_what_a_killed_process_held_is_forgotten(vera: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_pages, "KEPT", 1)

    async def scenario() -> None:
        limits = [(open_pages.user_key(f"killed-{vera.uid}"), 1)]
        assert await open_pages.enter(limits) is not None
        assert await open_pages.enter(limits) is None
        deadline = time.monotonic() + patience(20)
        while await open_pages.enter(limits) is None:
            assert time.monotonic() < deadline, "still counted after its time"

    asking(scenario)


@pytest.mark.requirement("SE-8")
def test_a_page_that_goes_on_sending_is_cut(alice: User, project_a: Project) -> None:
    """What it sends before is dropped; the page hears on."""
    browser = factories.page_client(alice)

    async def scenario() -> tuple[list[str], int]:
        page = socket(browser)
        assert await opened(page) == 0
        for number in range(MOST_MESSAGES - 1):
            sent = {"text": "x" * 1_000} if number % 2 else {"bytes": b"\0" * 1_000}
            await page.send_input({"type": "websocket.receive", **sent})
        vm = await sync_to_async(make_vm)(project_a)
        await sync_to_async(_make)([lambda: push.resource_changed(vm)])
        heard = await told(page, f"vm:{vm.pk}")
        await page.send_input({"type": "websocket.receive", "text": "x"})
        return heard, await code(page)

    heard, closed_with = asking(scenario)
    assert heard and closed_with == TALKATIVE
