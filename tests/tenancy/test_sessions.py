"""SE-2: a user's own sessions, listed and ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Session, User
from apps.accounts.sessions import browser_name, session_uid
from apps.audit.models import AuditEntry
from apps.tenancy.services.members import end_member_sessions
from apps.tenancy.services.sessions import end_other_sessions, end_session
from scloud_console.asgi import application
from tests.factories import PASSWORD, actor_for_user, api_client, page_client, session_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-2")]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.1 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
    "Safari/537.36 Edg/142.0.0.0"
)


def log_in(user: str, agent: str = FIREFOX, address: str = "198.51.100.9") -> Client:
    client = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    assert client.post("/login/", {"username": user, "password": PASSWORD}).status_code == 302
    return client


def uid_of(client: Client) -> str:
    key = client.session.session_key
    assert key is not None
    return str(session_uid(key))


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (FIREFOX, "Firefox 146 on Linux"),
        (IPHONE, "Safari 26 on iPhone"),
        (EDGE, "Edge 142 on Windows"),
        ("curl/8.1", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_browsers_have_plain_names(agent: str, shown: str) -> None:
    assert browser_name(agent) == shown


def test_the_list_shows_ones_own_sessions_with_the_present_one_marked(alice: User, bob: User) -> None:
    here, _there, _foreign = log_in("alice"), log_in("alice", IPHONE, "203.0.113.5"), log_in("bob", EDGE)
    here.get("/account/sessions/")
    page = here.get("/account/sessions/").content.decode()
    assert "Firefox 146 on Linux" in page and "Safari 26 on iPhone" in page and "203.0.113.5" in page
    assert "Edge" not in page
    assert page.index("This session") < page.index("Safari 26") and page.count("This session") == 1
    assert here.session.session_key not in page


def test_an_ended_session_is_logged_out_with_its_next_request(alice: User) -> None:
    here, there = log_in("alice"), log_in("alice", IPHONE)
    assert there.get("/members/").status_code == 200
    assert here.post(f"/account/sessions/{uid_of(there)}/end/")["Location"] == "/account/sessions/"
    assert there.get("/members/")["Location"].startswith("/login/")
    assert there.get("/api/v1/me").status_code == 401
    assert here.get("/members/").status_code == 200
    assert AuditEntry.objects.get(verb="account.end_session").args["browser"] == "Safari 26 on iPhone"


def test_all_others_end_at_once_and_keys_stay(alice: User) -> None:
    program = api_client(alice)
    here, others = log_in("alice"), [log_in("alice", IPHONE), log_in("alice", EDGE)]
    here.post("/account/sessions/end-others/")
    assert [client.get("/api/v1/me").status_code for client in (here, *others)] == [200, 401, 401]
    assert program.get("/api/v1/me").status_code == 200


def test_nobody_ends_a_session_of_somebody_else(alice: User, vera: User, bob: User) -> None:
    theirs = log_in("vera")
    for user in (alice, bob):
        assert page_client(user).post(f"/account/sessions/{uid_of(theirs)}/end/").status_code == 404
    assert theirs.get("/account/").status_code == 200


def test_an_owner_ends_all_sessions_of_a_member_without_seeing_them(alice: User, vera: User) -> None:
    theirs = [log_in("vera"), log_in("vera", IPHONE)]
    assert session_client(alice).post(f"/api/v1/members/{vera.uid}/end-sessions").status_code == 200
    assert [client.get("/api/v1/me").status_code for client in theirs] == [401, 401]
    assert AuditEntry.objects.get(verb="member.end_sessions").target_name == "vera"


def test_a_new_password_leaves_no_other_session_in_the_list(alice: User) -> None:
    here, _there = log_in("alice"), log_in("alice", IPHONE)
    new = "a-quite-different-one"
    here.post("/account/security/", {"current": PASSWORD, "new": new, "again": new})
    assert [str(row.uid) for row in Session.objects.filter(user=alice)] == [uid_of(here)]
    assert here.get("/account/").status_code == 200


def test_logging_out_takes_the_session_off_the_list(alice: User) -> None:
    client = log_in("alice")
    client.post("/logout/")
    assert not Session.objects.filter(user=alice).exists()


def test_being_seen_is_not_written_with_every_request(alice: User) -> None:
    client = log_in("alice")
    client.get("/account/")
    with CaptureQueriesContext(connection) as queries:
        client.get("/account/")
    assert not [q["sql"] for q in queries if q["sql"].startswith(("UPDATE", "INSERT"))]
    first = Session.objects.get(user=alice).seen_at
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5)):
        client.get("/account/")
    later = Session.objects.get(user=alice).seen_at
    assert first is not None and later is not None and later - first > timedelta(minutes=4)


def test_the_list_costs_as_many_queries_for_many_sessions(alice: User) -> None:
    client = log_in("alice")
    client.get("/account/sessions/")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get("/account/sessions/")
        return len(queries)

    before = cost()
    for _ in range(5):
        log_in("alice", IPHONE)
    assert cost() == before


# -- open pages -----------------------------------------------------------------------------------------------------


def _end_by_user(user: User, owner: User, session: Session) -> None:
    end_session(actor_for_user(user), session)


def _end_others(user: User, owner: User, session: Session) -> None:
    end_other_sessions(actor_for_user(user))


def _end_by_owner(user: User, owner: User, session: Session) -> None:
    end_member_sessions(actor_for_user(owner), user)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", [_end_by_user, _end_others, _end_by_owner])
def test_an_open_page_of_the_session_is_closed_and_others_stay(
    vera: User, alice: User, end: Callable[[User, User, Session], None]
) -> None:
    theirs, other = page_client(vera), page_client(alice)
    row = Session.objects.get(user=vera)

    async def connected(client: Client) -> ApplicationCommunicator:
        cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
        headers = [(b"origin", b"http://localhost"), (b"host", b"localhost"), (b"cookie", cookie)]
        scope = {
            "type": "websocket",
            "path": "/ws/page/",
            "headers": headers,
            "query_string": b"",
            "subprotocols": [],
        }
        page = ApplicationCommunicator(application, scope)
        await page.send_input({"type": "websocket.connect"})
        for _ in range(2):  # accepted, ready
            await page.receive_output(timeout=20)
        return page

    async def scenario() -> tuple[dict[str, Any], bool]:
        page, stays = await connected(theirs), await connected(other)
        await sync_to_async(end)(vera, alice, row)
        told: dict[str, Any] = await page.receive_output(timeout=20)
        quiet = await stays.receive_nothing(timeout=0.5)
        for each in (page, stays):
            await each.send_input({"type": "websocket.disconnect", "code": 1000})
            await each.wait(timeout=20)
        return told, quiet

    told, quiet = async_to_sync(scenario)()
    assert (told["type"], told["code"]) == ("websocket.close", 4401)
    assert quiet


@pytest.mark.django_db(transaction=True)
def test_a_page_cannot_connect_between_the_two_steps(alice: User) -> None:
    from apps.tenancy.factors.codes import new_secret
    from apps.tenancy.services.factors import add_app
    from tests.security.test_websockets import _stays
    from tests.tenancy.test_two_factor import app_code

    secret = new_secret()
    add_app(actor_for_user(alice), secret, app_code(secret))
    client = Client()
    client.post("/login/", {"username": "alice", "password": PASSWORD})
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    assert not _stays(
        "ws/page/", [(b"origin", b"http://localhost"), (b"host", b"localhost"), (b"cookie", cookie)]
    )
