"""SE-9: how failures are counted, and that attackers are slowed on every axis while an account's holder gets in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
import time_machine
from django.conf import settings
from django.test import Client, override_settings

from apps.accounts.models import Session, User
from apps.accounts.throttle import checks, store
from apps.accounts.throttle.checks import Source, Throttled, check_secret
from apps.accounts.throttle.local_store import LocalStore
from apps.accounts.throttle.redis_store import RedisStore
from apps.accounts.throttle.rules import Bucket, Rule
from apps.accounts.throttle.store import SafeStore
from apps.audit.models import AuditEntry
from apps.tenancy.factors.codes import new_secret
from apps.tenancy.services.factors import add_app
from scloud_console import settings as product
from tests.factories import PASSWORD, actor_for_user, make_owner, make_tenant, page_client
from tests.tenancy.test_two_factor import app_code

pytestmark = [pytest.mark.requirement("SE-9", "SE-2")]

LOGIN, SECOND = "/login/", "/login/second-step/"
LIMIT = 5
#: A busy machine must not let delays pass between two tries.
still = pytest.mark.usefixtures("db", "clock")


def try_password(
    name: str, password: str = "wrong", address: str = "198.51.100.9", client: Client | None = None
) -> int:
    """Try a password from an address; return the status."""
    sent = {"username": name, "password": password}
    return (client or Client()).post(LOGIN, sent, REMOTE_ADDR=address).status_code


# -- the counters -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["redis", "process"])
def counters(request: pytest.FixtureRequest) -> store.Store:
    """Both stores: they count alike."""
    if request.param == "process":
        return LocalStore()
    return RedisStore(redis.Redis.from_url(settings.REDIS_URL))


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False) as traveller:
        yield traveller


RULE = Rule(free=3, memory=300, step=10, cap=60)


def test_delays_double_up_to_their_cap_and_leak_away(
    counters: store.Store, clock: time_machine.Traveller
) -> None:
    bucket = [Bucket("one", RULE)]
    waits = []
    for _ in range(8):
        while (wait := counters.admit(bucket)) > 0:
            waits.append(round(wait))
            clock.shift(timedelta(seconds=wait))
    assert waits[:3] == [10, 20, 40] and max(waits) == 60
    clock.shift(timedelta(seconds=RULE.memory * 3))
    assert [counters.admit(bucket) for _ in range(RULE.free)] == [0, 0, 0]
    assert counters.admit(bucket) == pytest.approx(10)


def test_a_try_that_was_right_counts_no_more(counters: store.Store, clock: time_machine.Traveller) -> None:
    bucket = [Bucket("two", RULE)]
    for _ in range(10):
        assert counters.admit(bucket) == 0
        counters.take_back(bucket)
    assert [counters.admit(bucket) > 0 for _ in range(RULE.free + 1)] == [False] * RULE.free + [True]


def test_one_shut_bucket_refuses_and_counts_in_none(
    counters: store.Store, clock: time_machine.Traveller
) -> None:
    shut, open_ = Bucket("shut", RULE), Bucket("open", RULE)
    for _ in range(RULE.free):
        counters.admit([shut])
    for _ in range(10):
        assert counters.admit([open_, shut]) > 0
    assert [counters.admit([open_]) for _ in range(RULE.free)] == [0, 0, 0]


def test_tries_at_the_same_moment_are_all_counted(counters: store.Store) -> None:
    bucket = [Bucket("rush", RULE)]
    start, admitted = threading.Barrier(16), []

    def rush() -> None:
        start.wait()
        admitted.append(counters.admit(bucket) == 0)

    threads = [threading.Thread(target=rush) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == RULE.free


def test_memory_is_bounded() -> None:
    own = LocalStore(most=100)
    for number in range(1000):
        own.admit([Bucket(f"name-{number}", RULE)])
    assert len(own) == 100
    client = redis.Redis.from_url(settings.REDIS_URL)
    RedisStore(client).admit([Bucket("ends", RULE)])
    assert 0 < client.ttl(f"{settings.THROTTLE_PREFIX}ends") <= 2 * RULE.memory + RULE.cap


def test_while_redis_is_away_the_process_counts_by_itself() -> None:
    away = redis.Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    safe = SafeStore(RedisStore(away), LocalStore())
    bucket = [Bucket("alone", RULE)]
    assert [safe.admit(bucket) > 0 for _ in range(RULE.free + 1)] == [False] * RULE.free + [True]
    assert safe.known("anybody", ["n:192.0.2.0/24"]) == [False]


def test_looking_counts_nothing(counters: store.Store, clock: time_machine.Traveller) -> None:
    bucket = [Bucket("seen", RULE)]
    assert [counters.wait(bucket) for _ in range(10)] == [0] * 10
    for _ in range(RULE.free):
        assert counters.admit(bucket) == 0
    assert counters.wait(bucket) == pytest.approx(10) == counters.admit(bucket)


def test_many_who_log_in_at_once_from_one_network_all_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule(free=3, memory=3600, step=30, cap=300)
    for name in ("NETWORK", "STRANGERS"):
        monkeypatch.setattr(checks, name, rule)
    start, let_in = threading.Barrier(12), []

    def log_in() -> None:
        start.wait()
        let_in.append(check_secret(Source("192.0.2.1"), None, lambda: True, costly=True))

    threads = [threading.Thread(target=log_in) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let_in == [True] * 12


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("", "none"),
        ("unix:", "none"),
    ],
)
def test_a_network_is_24_or_64_bits(address: str, network: str) -> None:
    assert Source(address).network == network


@pytest.mark.django_db
def test_only_so_many_hashes_are_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "HASH_PATIENCE", 0.05)
    monkeypatch.setattr(checks, "_hashes", threading.BoundedSemaphore(1))
    go_on, running = threading.Event(), threading.Event()

    def slow() -> bool:
        running.set()
        return go_on.wait(10)

    busy = threading.Thread(target=lambda: check_secret(Source("192.0.2.1"), None, slow, costly=True))
    busy.start()
    assert running.wait(5)
    asked: list[int] = []
    with pytest.raises(Throttled):
        check_secret(Source("192.0.2.2"), None, lambda: asked.append(1) is None, costly=True)
    go_on.set()
    busy.join()
    assert not asked and check_secret(Source("192.0.2.2"), None, lambda: True, costly=True)


# -- attacks ----------------------------------------------------------------------------------------------------------


@still
def test_one_password_against_forty_names_from_one_network_is_slowed(db: None) -> None:
    statuses = [try_password(f"name-{n}", address=f"198.51.100.{n}") for n in range(40)]
    assert statuses.count(200) == checks.NETWORK.free and statuses[-20:] == [429] * 20


@still
def test_sixty_codes_from_fifteen_networks_are_slowed(alice: User) -> None:
    secret = new_secret()
    add_app(actor_for_user(alice), secret, app_code(secret))
    judged = 0
    for number in range(15):
        client, address = Client(), f"203.0.{number}.1"
        if try_password("alice", PASSWORD, address, client) != 302:
            continue
        statuses = [
            client.post(SECOND, {"code": "000000"}, REMOTE_ADDR=address).status_code for _ in range(4)
        ]
        judged += statuses.count(422)
    assert judged == LIMIT
    assert AuditEntry.objects.filter(outcome="login.second_step_failed").count() == judged


@still
def test_all_strangers_together_are_slowed(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "STRANGERS", Rule(free=10, memory=600, step=30, cap=30))
    statuses = [try_password(f"name-{n}", address=f"203.0.{n}.1") for n in range(20)]
    assert statuses == [200] * 10 + [429] * 10


@still
def test_whoever_attacks_an_account_does_not_lock_its_holder_out(alice: User) -> None:
    known, home = Client(), "192.0.2.10"
    assert try_password("alice", PASSWORD, home, known) == 302
    known.post("/logout/")
    for number in range(40):
        try_password("alice", address=f"203.0.{number}.1")
    assert try_password("alice", PASSWORD, "203.0.113.5") == 429  # a stranger, though with the right password
    assert try_password("alice", PASSWORD, home) == 302  # another browser at home
    travelling = Client()
    travelling.cookies = known.cookies
    assert try_password("alice", PASSWORD, "203.0.113.5", travelling) == 302  # the same browser elsewhere


@still
def test_a_neighbour_in_the_same_network_does_not_lock_a_known_browser_out(alice: User) -> None:
    known, office = Client(), "192.0.2.10"
    assert try_password("alice", PASSWORD, office, known) == 302
    known.post("/logout/")
    for number in range(80):
        try_password("alice", address=f"192.0.2.{number}")
    assert try_password("alice", PASSWORD, office) == 429
    assert try_password("alice", PASSWORD, office, known) == 302


@still
def test_a_known_browser_has_a_budget_too_and_an_invented_cookie_has_none(alice: User) -> None:
    client = Client()
    assert try_password("alice", PASSWORD, client=client) == 302
    client.post("/logout/")
    statuses = [try_password("alice", client=client) for _ in range(LIMIT + 1)]
    assert statuses == [200] * LIMIT + [429]
    for number in range(LIMIT + 1):
        other = Client()
        other.cookies["device"] = f"invented-{number}"
        status = try_password("alice", address="203.0.113.5", client=other)
    assert status == 429


@still
def test_an_own_account_gives_an_attacker_no_new_tries(alice: User) -> None:
    make_owner(make_tenant(), "mallory")
    judged = 0
    for number in range(40):
        judged += try_password(f"name-{number}") == 200
        try_password("mallory", PASSWORD)
    assert judged <= checks.KNOWN_NETWORK.free  # the network is known from now on: more, not without end
    more = sum(try_password(f"more-{number}") == 200 for number in range(40))
    assert judged + more <= checks.KNOWN_NETWORK.free


@still
def test_what_is_refused_is_not_judged_says_when_to_try_again_and_ends(
    alice: User, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    for _ in range(LIMIT):
        assert try_password("alice") == 200
    judged: list[str] = []
    monkeypatch.setattr(User, "check_password", lambda user, raw: bool(judged.append(raw)))
    refused = Client().post(LOGIN, {"username": "alice", "password": PASSWORD}, REMOTE_ADDR="198.51.100.9")
    assert refused.status_code == 429 and not judged
    wait = refused["Retry-After"]
    assert 0 < int(wait) <= 30 and f"Try again in {wait} seconds" in refused.content.decode()
    monkeypatch.undo()
    clock.shift(timedelta(seconds=31))
    assert try_password("alice", PASSWORD) == 302


@still
def test_names_that_do_not_exist_are_throttled_in_the_same_way(db: None) -> None:
    assert [try_password("nobody") for _ in range(LIMIT + 1)] == [200] * LIMIT + [429]


@still
def test_no_name_stands_in_a_counter(db: None) -> None:
    try_password("my-secret-password")
    client = redis.Redis.from_url(settings.REDIS_URL)
    keys = list(client.scan_iter(f"{settings.THROTTLE_PREFIX}*"))
    assert keys and not any(b"secret" in key for key in keys)


@still
def test_confirming_and_changing_the_password_share_a_sessions_budget(alice: User) -> None:
    client = page_client(alice)
    confirm, change = "/account/confirm/", "/account/security/"
    new = {"current": "wrong", "new": "a-quite-different-one", "again": "a-quite-different-one"}
    statuses = [client.post(confirm, {"password": "wrong"}).status_code for _ in range(3)]
    statuses += [client.post(change, new).status_code for _ in range(3)]
    assert statuses == [422] * LIMIT + [429]
    answer = client.post(
        "/api/v1/account/password", {"current": PASSWORD, "new": new["new"]}, content_type="application/json"
    )
    assert answer.status_code == 429 and answer.json()["code"] == "login.throttled"
    assert 0 < int(answer["Retry-After"]) <= 30
    assert page_client(alice).post(confirm, {"password": PASSWORD}).status_code == 302
    outcomes = AuditEntry.objects.filter(verb="account.log_in_failed").values_list("outcome", flat=True)
    assert sorted(outcomes) == ["login.confirmation_failed"] * 3 + ["login.password_change_failed"] * 2


@still
@pytest.mark.requirement("SE-8")
def test_a_refused_try_costs_a_fraction_of_a_judged_one(alice: User) -> None:
    def cost(status: int) -> float:
        began = time.process_time()
        assert try_password("alice") == status
        return time.process_time() - began

    with override_settings(PASSWORD_HASHERS=product.PASSWORD_HASHERS):
        alice.set_password(PASSWORD)
        alice.save()
        judged = [cost(200) for _ in range(LIMIT)]
        refused = [cost(429) for _ in range(LIMIT)]
    assert min(refused) < min(judged) / 2 and min(judged) < 0.5, (min(judged), min(refused))


@still
@pytest.mark.parametrize("cookie", ["", "a" * 32])
def test_nobody_makes_any_number_of_sessions(cookie: str) -> None:
    """Beginning needs no secret, and each beginning in a new browser makes a row."""

    def begin(address: str) -> int:
        browser = Client()
        if cookie:
            browser.cookies["sessionid"] = cookie  # names no session: no way around
        return browser.post("/login/passkey/options/", REMOTE_ADDR=address).status_code

    free = checks.LOGIN_STARTS.free
    assert [begin(f"198.51.100.{number % 250}") for number in range(free + 20)] == [200] * free + [429] * 20
    assert Session.objects.count() == free
    # Others begin, who has started goes on, and passwords are another matter.
    assert begin("203.0.113.5") == 200
    make_owner(make_tenant("acme"), "alice")
    assert try_password("alice", PASSWORD) == 302
