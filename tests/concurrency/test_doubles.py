"""The same thing asked for twice at the same instant: forms, buttons, API calls under one key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import acting
from apps.accounts.keys import issue_key
from apps.accounts.models import Role, Tenant, User
from apps.compute.models import Vm
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.models import IdempotentRequest, Operation
from apps.network.models import Subnet, Vpc
from apps.platform_settings.models import PlatformSetting
from apps.portal.prefill import shown_values
from apps.quotas.models import Quota
from apps.quotas.services import set_limits
from tests import factories
from tests.compute.factories import Cloud, make_cloud, make_vm
from tests.concurrency.together import at_once, deadlocks
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("OP-5")]

VPC = {"name": "net", "cidr": "10.0.0.0/16"}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Iterator[Cloud]:
    monkeypatch.setattr(backends, "_process_world", World())
    before = deadlocks()
    made = make_cloud(backends.memory_world())
    Host.objects.update(last_report_at=timezone.now() + timedelta(hours=1))
    yield made
    assert deadlocks() == before


@pytest.fixture
def subnet(cloud: Cloud, tenant_a: Tenant) -> Subnet:
    return cloud.network(tenant_a)


# -- forms -----------------------------------------------------------------------------------------------------------


def as_shown(client: Client, path: str, **typed: Any) -> dict[str, Any]:
    """Return what the browser would send of the page's form, with what is typed."""
    page = client.get(path)
    found = re.search(r'name="form_token" value="([^"]+)"', page.content.decode())
    assert found
    values = dict(shown_values(page.context["form"]).lists())
    return {**values, "form_token": found.group(1), **typed}


def sending(client: Client, path: str, values: dict[str, Any]) -> Callable[[], Any]:
    """Return a task that sends the form in a browser tab of its own, in the same session."""

    def send() -> Any:
        tab = Client()
        tab.cookies = client.cookies
        return tab.post(path, values)

    return send


def test_a_form_sent_twice_at_the_same_instant_makes_one_vm(
    cloud: Cloud, subnet: Subnet, alice: User
) -> None:
    client = factories.page_client(alice)
    values = as_shown(client, "/vms/create/", name="web")
    answers = at_once([sending(client, "/vms/create/", values)] * 4)
    vm = Vm.objects.get()
    assert {(a.status_code, a["Location"]) for a in answers} == {(302, f"/vms/{vm.pk}/")}
    assert Operation.objects.filter(target_id=vm.pk).count() == 1
    assert client.post("/vms/create/", values)["Location"] == f"/vms/{vm.pk}/"
    assert "sent twice" in client.get(f"/vms/{vm.pk}/").content.decode()


def test_going_back_and_changing_the_form_makes_another_one(cloud: Cloud, alice: User) -> None:
    client = factories.page_client(alice)
    values = as_shown(client, "/vpcs/create/", **VPC)
    for name in ("one", "two", "two"):
        assert client.post("/vpcs/create/", {**values, "name": name}).status_code == 302
    assert sorted(Vpc.objects.values_list("name", flat=True)) == ["one", "two"]


def test_a_form_that_was_refused_may_be_sent_again(cloud: Cloud, alice: User, tenant_a: Tenant) -> None:
    client = factories.page_client(alice)
    values = as_shown(client, "/vpcs/create/", **VPC)
    Quota.objects.filter(tenant=tenant_a, metric="vpc").update(limit=0)
    assert client.post("/vpcs/create/", values).status_code == 409
    Quota.objects.filter(tenant=tenant_a, metric="vpc").update(limit=1)
    assert client.post("/vpcs/create/", values).status_code == 302


def test_forms_of_two_people_do_not_meet_though_they_have_one_token(
    cloud: Cloud, alice: User, bob: User
) -> None:
    token = as_shown(factories.page_client(alice), "/vpcs/create/")["form_token"]
    for user in (alice, bob):
        client = factories.page_client(user)
        values = as_shown(client, "/vpcs/create/", **VPC) | {"form_token": token}
        assert client.post("/vpcs/create/", values).status_code == 302
    assert Vpc.objects.count() == 2


def test_what_is_kept_of_a_form_says_nothing_of_a_password(cloud: Cloud, subnet: Subnet, alice: User) -> None:
    client = factories.page_client(alice)
    values = as_shown(client, "/vms/create/", name="web", password="Correct-Horse-1")
    assert client.post("/vms/create/", values).status_code == 302
    kept = IdempotentRequest.objects.get()
    assert (kept.body, kept.fingerprint) == (None, "")


@pytest.mark.parametrize("action", ["power-off", "restart", "shut-down", "delete"])
def test_a_button_pressed_twice_at_the_same_instant_starts_one_operation(
    cloud: Cloud, subnet: Subnet, alice: User, action: str
) -> None:
    vm = make_vm(factories.actor_for_user(alice), cloud, subnet)
    client = factories.page_client(alice)
    path = f"/vms/{vm.pk}/{action}/"
    if client.get(path).status_code == 404:
        path = path.replace("-", "_").replace(str(vm.pk).replace("-", "_"), str(vm.pk))
    answers = at_once([sending(client, path, {"typed_name": vm.name})] * 4)
    assert sorted(a.status_code for a in answers) == [302, 409, 409, 409]
    assert Operation.objects.filter(target_id=vm.pk, status="queued").count() == 1
    assert Operation.objects.filter(target_id=vm.pk).count() == 2  # its creation, and this


# -- keys ------------------------------------------------------------------------------------------------------------


def posting(token: str, key: str, body: dict[str, Any], path: str = "/api/v1/vpcs") -> Callable[[], Any]:
    """Return a POST by a client of its own; an Idempotency-Key belongs to the API key that sends it."""
    client = factories.api_client(token=token)
    return lambda: client.post(path, body, format="json", headers={"Idempotency-Key": key})


def test_one_key_from_two_clients_of_one_user_at_the_same_instant_makes_one(
    cloud: Cloud, alice: User
) -> None:
    token = factories.api_token(alice)
    answers = at_once([posting(token, "same", VPC) for _ in range(8)])
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["operation"]["id"] for a in answers}) == Vpc.objects.count() == 1


def test_one_key_from_many_users_at_the_same_instant_makes_one_for_each(
    cloud: Cloud, alice: User, mia: User, bob: User
) -> None:
    users = [alice, mia, bob] * 3
    tokens = {user.username: factories.api_token(user) for user in (alice, mia, bob)}
    answers = at_once([posting(tokens[user.username], "same", VPC) for user in users])
    assert {a.status_code for a in answers} == {202}
    seen = {
        user.username: {a.json()["operation"]["id"] for a, u in zip(answers, users, strict=True) if u is user}
        for user in (alice, mia, bob)
    }
    assert all(len(ids) == 1 for ids in seen.values())
    assert len(set.union(*seen.values())) == Vpc.objects.count() == 3


def test_one_key_with_several_bodies_at_the_same_instant_makes_one_and_names_the_mistake(
    cloud: Cloud, alice: User
) -> None:
    token = factories.api_token(alice)
    answers = at_once([posting(token, "same", {**VPC, "name": f"net{n}"}) for n in range(6)])
    assert sorted(a.status_code for a in answers) == [202] + [422] * 5
    codes = {a.json()["code"] for a in answers if a.status_code == 422}
    assert codes == {"idempotency.mismatch"} and Vpc.objects.count() == 1


def test_one_key_whose_first_request_is_refused_lets_the_next_one_through(
    cloud: Cloud, alice: User, tenant_a: Tenant
) -> None:
    """Room for one, asked for by several under keys of their own and one key: one is made, nobody hangs."""
    Quota.objects.filter(tenant=tenant_a, metric="vpc").update(limit=1)
    token = factories.api_token(alice)
    answers = at_once([posting(token, f"key{n % 3}", VPC) for n in range(9)])
    assert {a.status_code for a in answers} <= {202, 409}
    made = {a.json()["operation"]["id"] for a in answers if a.status_code == 202}
    assert len(made) == Vpc.objects.count() == 1


def test_an_admins_key_is_another_one_when_acting_for_another_tenant(
    cloud: Cloud, ada: User, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    client = factories.page_client(ada)

    def ask_as(tenant: Tenant) -> Any:
        session = client.session
        acting.start(session, tenant, "to try it")
        session.save()
        return client.post(
            "/api/v1/vpcs", VPC, content_type="application/json", headers={"Idempotency-Key": "same"}
        )

    first, second = ask_as(tenant_a), ask_as(tenant_b)
    assert first.status_code == 202, first.content
    assert second.status_code == 422 and second.json()["code"] == "idempotency.mismatch"


# -- admins ----------------------------------------------------------------------------------------------------------


def test_two_admins_set_the_same_limits_at_the_same_instant(ada: User, tenant_a: Tenant) -> None:
    admin = factories.actor_for_user(ada)
    orders = [{"vm": 1, "vcpu": 2, "disk": 3}, {"disk": 30, "vcpu": 20, "vm": 10}] * 4
    before = deadlocks()
    assert at_once([lambda o=order: set_limits(admin, tenant_a, o) for order in orders]) == [None] * 8  # type: ignore[misc]
    limits = dict(Quota.objects.filter(tenant=tenant_a).values_list("metric", "limit"))
    assert (limits["vm"], limits["vcpu"], limits["disk"]) in {(1, 2, 3), (10, 20, 30)}
    assert deadlocks() == before


def test_two_admins_change_the_same_settings_at_the_same_instant(ada: User) -> None:
    client = factories.api_client(ada)
    names = [row["name"] for row in client.get("/api/v1/settings").json()["settings"]]
    quotas = [name for name in names if name.startswith("default_quota")][:3]
    before = deadlocks()

    def change(value: int) -> Callable[[], Any]:
        mine = factories.api_client(ada)
        given = dict.fromkeys(quotas if value % 2 else reversed(quotas), value)
        return lambda: mine.patch("/api/v1/settings", {"settings": given}, format="json")

    answers = at_once([change(value) for value in range(1, 9)])
    assert {a.status_code for a in answers} == {200}, [a.content for a in answers]
    kept = set(PlatformSetting.objects.filter(name__in=quotas).values_list("value", flat=True))
    assert len(kept) == 1, kept
    assert deadlocks() == before


def asking(user: User, path: str, body: dict[str, Any]) -> Callable[[], Any]:
    client = factories.session_client(user)
    return lambda: client.post(path, body, format="json")


def test_a_name_that_must_be_unique_given_twice_at_the_same_instant_is_refused_once(
    cloud: Cloud, ada: User, alice: User
) -> None:
    bodies = {
        ("/api/v1/tenants", ada): {"name": "twin", "owner_username": "twin-owner"},
        ("/api/v1/regions", ada): {"name": "twin", "label": "Twin"},
        ("/api/v1/projects", alice): {"name": "twin"},
        ("/api/v1/members", alice): {"username": "twin-member"},
    }
    for (path, user), body in bodies.items():
        answers = at_once([asking(user, path, body) for _ in range(4)])
        assert sorted(a.status_code for a in answers) == [201, 422, 422, 422], (
            path,
            [a.content for a in answers],
        )


def test_a_role_may_be_given_and_taken_at_the_same_instant(alice: User, otto: User, tenant_a: Tenant) -> None:
    from apps.tenancy.services.members import remove_member, set_role

    owner, project = factories.actor_for_user(alice), factories.default_project(tenant_a)
    tasks = [lambda: set_role(owner, otto, project, Role.VIEWER), lambda: remove_member(owner, otto)]
    before = deadlocks()
    at_once(tasks)
    assert not User.objects.filter(pk=otto.pk).exists() and deadlocks() == before
    assert issue_key(alice, "still", "read", None)
