"""SE-2: logging in at an OpenID Connect provider: a real one, on loopback."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
import time_machine
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings

from apps.accounts.models import Role, Session, Tenant, User
from apps.accounts.selectors import held_roles
from apps.audit.models import AuditEntry
from apps.tenancy.ceremonies import CEREMONIES
from apps.tenancy.factors.codes import new_secret
from apps.tenancy.oidc.claims import checked_claims
from apps.tenancy.oidc.providers import providers
from apps.tenancy.oidc.refused import OidcRefused
from apps.tenancy.services import members
from apps.tenancy.services.factors import add_app
from apps.tenancy.services.linked import unlink_member_log_ins
from apps.tenancy.services.profile import edit_profile
from tests.factories import PASSWORD, actor_for_user, api_client, page_client
from tests.tenancy.test_two_factor import app_code

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-2")]

START, BACK = "/login/with/corp/", "/login/with/corp/back/"
SECRET = "a-secret-of-the-client"
Configure = Callable[..., None]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider that knows whom it is told of and signs with a key of its own."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def configure(issuer: str, tmp_path: Path) -> Iterator[Configure]:
    """Write the file of providers, with what a test wants different."""
    # Not the whole cache: other counters stand there, and other processes of the run have theirs.
    cache.delete(f"oidc-description:{issuer}")
    changed = override_settings(OIDC_FILE=str(tmp_path / "oidc.toml"))

    def write(**given: Any) -> None:
        values = {
            "label": "Acme sign-on",
            "issuer": issuer,
            "client_id": "scloud",
            "client_secret": SECRET,
            "tenant": "acme",
            "link_by_email": True,
            **given,
        }
        lines = [
            f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
            for name, value in values.items()
        ]
        (tmp_path / "oidc.toml").write_text("\n".join(["[corp]", *lines]))

    with changed:
        yield write


def tell(issuer: str, subject: str, **claims: Any) -> None:
    """Have the provider know a person."""
    assert httpx.put(f"{issuer}/users/{subject}", json=claims).status_code == 204


def at_provider(url: str, subject: str) -> str:
    """Log in there, as a person in the browser would; return where it sends the browser."""
    answer = httpx.post(url, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def log_in(client: Client, subject: str, onward: str = "") -> Any:
    """Go the whole way and return our answer to the browser that comes back."""
    started = client.get(START + (f"?next={onward}" if onward else ""))
    assert started.status_code == 302
    back = urlsplit(at_provider(started["Location"], subject))
    assert back.path == BACK
    return client.get(f"{back.path}?{back.query}")


def flow_of(client: Client, purpose: str = "oidc.log_in") -> dict[str, Any]:
    """Return what the session keeps of the flow."""
    kept: dict[str, Any] = client.session[CEREMONIES][purpose]["kept"]
    return kept


def who(client: Client) -> str | None:
    answer = client.get("/api/v1/me")
    return answer.json()["username"] if answer.status_code == 200 else None


@pytest.fixture
def known(alice: User, configure: Configure, issuer: str) -> User:
    """Alice, whom the provider knows by her address."""
    User.objects.filter(pk=alice.pk).update(email="alice@acme.example")
    configure()
    tell(issuer, "al1ce", email="Alice@acme.example", email_verified=True, preferred_username="al")
    return alice


def test_the_log_in_page_offers_it_and_leads_there_with_pkce_state_and_nonce(
    client: Client, known: User, issuer: str
) -> None:
    assert "Log in with Acme sign-on" in client.get("/login/").content.decode()
    url = urlsplit(client.get(START)["Location"])
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    kept = flow_of(client)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(kept["verifier"].encode()).digest()).rstrip(b"=")
    assert f"{url.scheme}://{url.netloc}" == issuer
    assert asked["redirect_uri"] == f"http://testserver{BACK}"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["code_challenge"] == challenge.decode()
    assert (asked["state"], asked["nonce"]) == (kept["state"], kept["nonce"])
    assert set(asked["scope"].split()) == {"openid", "email", "profile"}
    assert SECRET not in url.query and kept["verifier"] not in url.query


def test_a_verified_address_finds_the_account_and_links_it(client: Client, known: User, issuer: str) -> None:
    assert log_in(client, "al1ce", "/members/")["Location"] == "/members/"
    assert who(client) == "alice"
    assert Session.objects.get(user=known).method == "provider"
    # From now on the link counts, not the address.
    tell(issuer, "al1ce", email="other@acme.example", email_verified=True)
    again = Client()
    log_in(again, "al1ce")
    assert who(again) == "alice"
    assert list(
        AuditEntry.objects.filter(verb__startswith="account.").values_list("verb", flat=True).order_by("pk")
    ) == [
        "account.link_log_in",
        "account.log_in",
        "account.log_in",
    ]


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"email": "alice@acme.example"}, "oidc.no_account"),
        ({"email": "alice@acme.example", "email_verified": False}, "oidc.no_account"),
        ({"email": "alice@acme.example", "email_verified": "true"}, "oidc.no_account"),
        ({"email": "stranger@acme.example", "email_verified": True}, "oidc.no_account"),
        ({}, "oidc.no_account"),
    ],
)
def test_who_is_not_known_gets_a_page_that_says_what_to_do(
    client: Client, known: User, issuer: str, claims: dict[str, Any], code: str
) -> None:
    tell(issuer, "stranger", **claims)
    answer = log_in(client, "stranger")
    page = answer.content.decode()
    assert answer.status_code == 403 and code in page and "ask your administrator" in page
    assert who(client) is None and not SocialAccount.objects.exists()


def test_an_address_that_a_user_typed_does_not_count(
    client: Client, known: User, vera: User, issuer: str
) -> None:
    edit_profile(actor_for_user(vera), email="boss@acme.example")
    tell(issuer, "boss", email="boss@acme.example", email_verified=True)
    assert log_in(client, "boss").status_code == 403
    assert who(client) is None


def test_accounts_of_other_tenants_and_admins_are_out_of_its_reach(
    client: Client, known: User, bob: User, ada: User, issuer: str
) -> None:
    User.objects.filter(pk__in=(bob.pk, ada.pk)).update(email="both@acme.example")
    tell(issuer, "both", email="both@acme.example", email_verified=True)
    assert log_in(client, "both").status_code == 403
    SocialAccount.objects.create(provider="corp", uid="both", user=ada)
    assert log_in(client, "both").status_code == 403
    assert who(client) is None


@pytest.mark.parametrize("table", [User, Tenant])
def test_inactive_users_and_disabled_tenants_stay_out(
    client: Client, known: User, table: type[User] | type[Tenant]
) -> None:
    log_in(Client(), "al1ce")
    if table is User:
        User.objects.update(is_active=False)
    else:
        Tenant.objects.update(enabled=False)
    answer = log_in(client, "al1ce")
    assert answer.status_code == 403 and "oidc.account_disabled" in answer.content.decode()
    assert who(client) is None


def test_the_second_step_is_asked_unless_the_provider_is_trusted_with_it(
    client: Client, known: User, configure: Configure, tmp_path: Path
) -> None:
    secret = new_secret()
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=10)):
        add_app(actor_for_user(known), secret, app_code(secret))
    assert log_in(client, "al1ce", "/members/")["Location"] == "/login/second-step/"
    assert who(client) is None
    assert client.post("/login/second-step/", {"code": app_code(secret)})["Location"] == "/members/"
    assert who(client) == "alice"
    trusted = Path(str(tmp_path / "trusted.toml"))
    configure(trusted_second_factor=True)
    trusted.write_text((tmp_path / "oidc.toml").read_text())
    with override_settings(OIDC_FILE=str(trusted)):
        other = Client()
        assert log_in(other, "al1ce")["Location"] == "/"
        assert who(other) == "alice"


def test_new_users_are_made_where_the_file_says_so(
    client: Client, tenant_a: Tenant, configure: Configure, issuer: str, vera: User
) -> None:
    configure(new_users=True, role="operator")
    tell(
        issuer,
        "n1",
        email="Vera@acme.example",
        email_verified=True,
        preferred_username="Vera",
        name="Vera Two",
    )
    assert log_in(client, "n1")["Location"] == "/"
    made = User.objects.get(username="vera-2")
    assert (made.tenant, made.first_name, made.email) == (tenant_a, "Vera Two", "Vera@acme.example")
    assert list(held_roles(made).values()) == [Role.OPERATOR] and not made.is_tenant_owner
    assert not made.has_usable_password() and not made.must_change_password
    log_in(Client(), "n1")
    assert User.objects.filter(username__startswith="vera").count() == 2


@pytest.mark.parametrize("change", ["state", "late", "other browser", "no code", "twice"])
def test_what_was_not_started_here_logs_nobody_in(client: Client, known: User, change: str) -> None:
    back = urlsplit(at_provider(client.get(START)["Location"], "al1ce"))
    query = back.query
    if change == "state":
        query = query.replace("state=", "state=x")
    if change == "no code":
        query = f"state={flow_of(client)['state']}&error=access_denied"
    browser = Client() if change == "other browser" else client
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11 if change == "late" else 0)):
        answer = browser.get(f"{BACK}?{query}")
    if change == "twice":
        browser.post("/logout/")
        answer = browser.get(f"{BACK}?{query}")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert ("oidc.denied" if change == "no code" else "oidc.state") in page
    assert who(browser) is None


def test_a_token_with_another_nonce_is_refused(client: Client, known: User) -> None:
    back = urlsplit(at_provider(client.get(START)["Location"], "al1ce"))
    session = client.session
    started = session[CEREMONIES]
    started["oidc.log_in"]["kept"]["nonce"] = "another"
    session[CEREMONIES] = started
    session.save()
    answer = client.get(f"{BACK}?{back.query}")
    assert answer.status_code == 403 and "oidc.provider_failed" in answer.content.decode()
    assert who(client) is None


def test_a_token_for_another_client_or_of_another_issuer_is_refused(
    client: Client, known: User, issuer: str
) -> None:
    started = client.get(START)["Location"].replace("client_id=scloud", "client_id=else")
    back = urlsplit(at_provider(started, "al1ce"))
    assert client.get(f"{BACK}?{back.query}").status_code == 403
    described = httpx.get(f"{issuer}/.well-known/openid-configuration").json()
    back = urlsplit(at_provider(client.get(START)["Location"], "al1ce"))
    cache.set(f"oidc-description:{issuer}", described | {"issuer": "https://else.example"})
    assert client.get(f"{BACK}?{back.query}").status_code == 403
    assert who(client) is None


def test_a_provider_that_does_not_answer_is_said_to_be_one(
    client: Client, known: User, configure: Configure, tmp_path: Path
) -> None:
    configure(issuer="http://localhost:9")
    gone = tmp_path / "gone.toml"
    gone.write_text((tmp_path / "oidc.toml").read_text())
    with override_settings(OIDC_FILE=str(gone)):
        answer = client.get(START)
    page = answer.content.decode()
    assert answer.status_code == 403 and "oidc.provider_failed" in page and "Acme sign-on" in page


def test_next_leads_nowhere_else(client: Client, known: User) -> None:
    assert log_in(client, "al1ce", "https://evil.test/")["Location"] == "/"


# -- linking --------------------------------------------------------------------------------------------------------


def link(client: Client, subject: str) -> Any:
    url = client.post("/account/linked/corp/link/").context["url"]
    back = urlsplit(at_provider(url, subject))
    return client.get(f"{back.path}?{back.query}")


def test_a_log_in_is_linked_and_unlinked_on_the_account_page(client: Client, vera: User, known: User) -> None:
    client.post("/login/", {"username": "vera", "password": PASSWORD})
    assert link(client, "somebody")["Location"] == "/account/linked/"
    assert "You can now log in with Acme sign-on" in client.get("/account/linked/").content.decode()
    other = Client()
    log_in(other, "somebody")
    assert who(other) == "vera"
    assert client.post("/account/linked/corp/unlink/")["Location"] == "/account/linked/"
    assert log_in(Client(), "somebody").status_code == 403


def test_a_log_in_of_somebody_else_is_not_linked(known: User, vera: User) -> None:
    log_in(Client(), "al1ce")
    answer = link(page_client(vera), "al1ce")
    assert answer.status_code == 403 and "oidc.linked_elsewhere" in answer.content.decode()


def test_a_link_is_made_for_the_account_that_asked_only(known: User, vera: User) -> None:
    client = page_client(vera)
    url = client.post("/account/linked/corp/link/").context["url"]
    back = urlsplit(at_provider(url, "somebody"))
    other = page_client(known)
    session = other.session
    session[CEREMONIES] = client.session[CEREMONIES]
    session.save()
    assert other.get(f"{back.path}?{back.query}").status_code == 403
    assert not SocialAccount.objects.exists()


def test_the_only_way_in_is_not_unlinked(
    client: Client, tenant_a: Tenant, configure: Configure, issuer: str
) -> None:
    configure(new_users=True)
    tell(issuer, "n2", email="nora@acme.example", email_verified=True)
    log_in(client, "n2")
    answer = client.post("/account/linked/corp/unlink/")
    assert answer.status_code == 409 and "only login of your account" in answer.content.decode()
    assert SocialAccount.objects.count() == 1


def test_whoever_the_provider_is_not_for_cannot_link_it(known: User, bob: User) -> None:
    assert page_client(bob).post("/account/linked/corp/link/").status_code == 404


# -- look-alikes and claims ----------------------------------------------------------------------------------------


#: Addresses that PostgreSQL's upper(), Python's lower() or NFKC take for chris@acme.example, or that only look like it.
LOOK_ALIKES = [
    "chri\u017f@acme.example",
    "\u0441hris@acme.example",
    "chris\u200b@acme.example",
    "chr\u0131s@acme.example",
    "\uff43hris@acme.example",
    "chris@\u0430cme.example",
    "chris@acme\u3002example",
    "ch\u0155is@acme.example",
    "c\u0327hris@acme.example",
]


@pytest.mark.requirement("SE-9")
@pytest.mark.parametrize("new_users", [False, True])
@pytest.mark.parametrize("address", LOOK_ALIKES)
def test_an_address_that_looks_alike_is_refused_and_links_nothing(
    client: Client, alice: User, configure: Configure, issuer: str, address: str, new_users: bool
) -> None:
    User.objects.filter(pk=alice.pk).update(email="chris@acme.example")
    configure(new_users=new_users)
    tell(issuer, "mallory", email=address, email_verified=True)
    answer = log_in(client, "mallory")
    assert answer.status_code == 403 and "oidc.bad_claims" in answer.content.decode()
    assert who(client) is None and not SocialAccount.objects.exists()
    assert set(User.objects.values_list("username", flat=True)) == {"alice"}


@pytest.mark.requirement("SE-9")
def test_a_look_alike_of_an_administrator_is_not_the_administrator(
    client: Client, ada: User, configure: Configure, issuer: str
) -> None:
    User.objects.filter(pk=ada.pk).update(email="chris@acme.example")
    configure(tenant="", administrators=True)
    tell(issuer, "mallory", email="chri\u017f@acme.example", email_verified=True)
    assert log_in(client, "mallory").status_code == 403
    tell(issuer, "chris", email="Chris@ACME.example", email_verified=True)
    assert log_in(client, "chris").status_code == 302 and who(client) == "ada"


@pytest.mark.requirement("SE-9")
@pytest.mark.parametrize("stored", ["chri\u017f@acme.example", "CHR\u0130S@acme.example"])
def test_a_stored_look_alike_is_not_found_by_the_plain_address(
    client: Client, alice: User, configure: Configure, issuer: str, stored: str
) -> None:
    User.objects.filter(pk=alice.pk).update(email=stored)
    configure()
    tell(issuer, "chris", email="chris@acme.example", email_verified=True)
    assert log_in(client, "chris").status_code == 403 and who(client) is None


@pytest.mark.requirement("SE-9")
@pytest.mark.parametrize(
    "claims",
    [
        {"email": "a\x00b@acme.example"},
        {"name": "Vera\x00Two"},
        {"name": "Vera\nTwo"},
        {"name": "x" * 151},
        {"preferred_username": "v\u202eera"},
        {"preferred_username": "v" * 5000},
        {"email": ["vera@acme.example"]},
        {"name": {"first": "Vera"}},
        {"email": 7},
    ],
    ids=repr,
)
def test_claims_that_cannot_be_kept_are_refused_with_their_name(
    client: Client, tenant_a: Tenant, configure: Configure, issuer: str, claims: dict[str, Any]
) -> None:
    configure(new_users=True)
    tell(issuer, "odd", **{"email": "vera@acme.example", "email_verified": True, **claims})
    answer = log_in(client, "odd")
    page = answer.content.decode()
    assert answer.status_code == 403 and "oidc.bad_claims" in page and next(iter(claims)) in page
    assert not User.objects.exists() and who(client) is None


@pytest.mark.requirement("SE-9")
@pytest.mark.parametrize("subject", ["", " ", "s" * 192, "s\x00", "\u0455ub", 7, None, ["s"]], ids=repr)
def test_a_subject_must_be_printable_ascii_text(configure: Configure, subject: Any) -> None:
    configure()
    with pytest.raises(OidcRefused) as refused:
        checked_claims(providers()[0], {"sub": subject})
    assert refused.value.code == "oidc.bad_claims" and "sub" in refused.value.message


@pytest.mark.requirement("SE-9")
def test_an_address_links_nothing_unless_the_file_says_so(
    client: Client, known: User, configure: Configure, tmp_path: Path
) -> None:
    configure(link_by_email=False)
    plain = tmp_path / "plain.toml"
    plain.write_text((tmp_path / "oidc.toml").read_text())
    with override_settings(OIDC_FILE=str(plain)):
        answer = log_in(client, "al1ce")
        assert answer.status_code == 403 and "link this login" in answer.content.decode()
        assert not SocialAccount.objects.exists()
        assert link(page_client(known), "al1ce").status_code == 302
        assert log_in(client, "al1ce").status_code == 302 and who(client) == "alice"


@pytest.mark.requirement("SE-9")
def test_a_key_given_to_another_issuer_logs_nobody_in(client: Client, known: User) -> None:
    log_in(Client(), "al1ce")
    row = SocialAccount.objects.get()
    SocialAccount.objects.update(extra_data={**row.extra_data, "issuer": "https://before.example"})
    answer = log_in(client, "al1ce")
    assert answer.status_code == 403 and "oidc.issuer_changed" in answer.content.decode()
    assert who(client) is None


# -- the end of links ----------------------------------------------------------------------------------------------

ENDS: dict[str, Callable[[Any, User], Any]] = {
    "password": members.reset_member_password,
    "sessions": members.end_member_sessions,
    "deactivated": members.deactivate_member,
    "unlinked": unlink_member_log_ins,
}


@pytest.mark.requirement("SE-9")
@pytest.mark.parametrize("end", ENDS)
def test_linked_log_ins_end_with_what_the_owner_does(
    alice: User, vera: User, configure: Configure, end: str
) -> None:
    configure(link_by_email=False)
    assert link(page_client(vera), "thief").status_code == 302
    before = Client()
    log_in(before, "thief")
    assert who(before) == "vera"
    ENDS[end](actor_for_user(alice), vera)
    if end == "deactivated":
        members.activate_member(actor_for_user(alice), vera)
    assert not SocialAccount.objects.exists() and who(before) is None
    assert log_in(Client(), "thief").status_code == 403


@pytest.mark.requirement("SE-9")
def test_owner_and_holder_see_links_and_the_holder_is_told_of_new_ones(
    alice: User, known: User, vera: User, issuer: str
) -> None:
    User.objects.filter(pk=vera.pk).update(email="vera@acme.example")
    tell(issuer, "v1", email="vera@acme.example", email_verified=True)
    log_in(Client(), "v1")
    owner = page_client(alice).get(f"/members/{vera.uid}/").content.decode()
    assert "Acme sign-on as vera@acme.example" in owner
    shown = api_client(alice).get(f"/api/v1/members/{vera.uid}").json()["linked_log_ins"]
    assert [each["provider"] for each in shown] == ["Acme sign-on"]
    told = page_client(vera).get("/account/").content.decode()
    assert "New linked login: Acme sign-on" in told and "Matched by your email address" in told
    assert "New linked login" not in page_client(alice).get("/account/").content.decode()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31)):
        assert "New linked login" not in page_client(vera).get("/account/").content.decode()
    entry = AuditEntry.objects.get(verb="account.link_log_in")
    assert entry.args == {"provider": "corp", "by": "email"} and entry.target_name == "vera"


@pytest.mark.requirement("SE-9")
def test_failed_log_ins_there_are_in_the_log_and_throttled(client: Client, known: User) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):  # a delay must not pass on a busy machine
        statuses = [client.get(f"{BACK}?state=guess-{n}&code=x").status_code for n in range(21)]
    assert statuses == [403] * 20 + [429]
    assert AuditEntry.objects.filter(outcome="oidc.state").count() == 20


@pytest.mark.requirement("SE-9")
def test_a_flow_to_link_does_not_log_in_and_one_to_log_in_does_not_link(known: User, vera: User) -> None:
    client = page_client(vera)
    url = client.post("/account/linked/corp/link/").context["url"]
    back = urlsplit(at_provider(url, "somebody"))
    # The session's holder is gone: what was started for them is nobody's login.
    session, kept = Client(), client.session[CEREMONIES]
    session.get("/login/")
    store = session.session
    store[CEREMONIES] = kept
    store.save()
    assert session.get(f"{back.path}?{back.query}").status_code == 403 and who(session) is None
    started = urlsplit(at_provider(client.get(START)["Location"], "somebody"))
    client.get(f"{started.path}?{started.query}")
    assert not SocialAccount.objects.filter(user=vera).exists()


# -- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"issuer": "http://sso.example"}, "https"),
        ({"tenant": ""}, "name a tenant"),
        ({"administrators": True}, "name a tenant"),
        ({"role": "king", "new_users": True}, "roles"),
        ({"colour": "blue"}, "unknown: colour"),
        ({"client_secret_file": "/nowhere"}, "/nowhere"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start_and_says_why(
    configure: Configure, wrong: dict[str, Any], said: str
) -> None:
    configure(**wrong)
    with pytest.raises(ImproperlyConfigured, match=said):
        providers()


def test_without_a_file_there_is_no_provider(client: Client, db: None) -> None:
    assert client.get(START).status_code == 404
    assert "Log in with Acme" not in client.get("/login/").content.decode()
