"""Accounts over the API: everything the portal does, and secrets in one answer only."""

from __future__ import annotations

import pytest

from apps.accounts.models import ApiKey, Project, Tenant, User
from apps.lifecycle.models import IdempotentRequest
from tests.factories import api_client, make_project, session_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-4")]


def test_an_admin_makes_a_tenant_whose_owner_makes_a_sub_account_with_a_role(ada: User) -> None:
    made = session_client(ada).post(
        "/api/v1/tenants", {"name": "acme", "owner_username": "anna"}, format="json"
    )
    assert made.status_code == 201 and made["Cache-Control"] == "no-store"
    owner = User.objects.get(username="anna")
    assert owner.check_password(made.json()["owner_password"])

    User.objects.filter(pk=owner.pk).update(must_change_password=False)
    client = session_client(owner)
    project = client.get("/api/v1/projects").json()["results"][0]
    body = {"username": "nina", "project": project["id"], "role": "operator"}
    member = client.post("/api/v1/members", body, format="json").json()
    assert member["roles"] == [{"project": {"id": project["id"], "name": "default"}, "role": "operator"}]
    assert User.objects.get(username="nina").check_password(member["password"])
    assert client.get(f"/api/v1/members/{member['id']}").json()["password"] is None


@pytest.mark.requirement("OP-5")
@pytest.mark.requirement("SE-4")
def test_the_same_request_again_makes_one_key_and_does_not_show_it_again(alice: User) -> None:
    client = session_client(alice)
    body, header = {"name": "ci", "scope": "read"}, {"HTTP_IDEMPOTENCY_KEY": "once-only"}
    first = client.post("/api/v1/api-keys", body, format="json", **header)
    again = client.post("/api/v1/api-keys", body, format="json", **header)
    token = first.json()["token"]
    assert token.startswith("sk_") and again.json() == {**first.json(), "token": None}
    assert ApiKey.objects.filter(name="ci").count() == 1
    assert token not in str(list(IdempotentRequest.objects.values()))


def test_a_member_is_changed_by_actions(alice: User, vera: User) -> None:
    client, url = session_client(alice), f"/api/v1/members/{vera.uid}"
    other = make_project(vera.tenant, "other")
    role = client.post(
        f"{url}/set-role", {"project": str(other.uid), "role": "manager"}, format="json"
    ).json()
    assert {each["project"]["name"]: each["role"] for each in role["roles"]} == {
        "default": "viewer",
        "other": "manager",
    }
    assert client.post(f"{url}/deactivate").json()["is_active"] is False
    assert client.post(f"{url}/deactivate").json()["code"] == "state.not_allowed"
    assert client.post(f"{url}/activate").json()["is_active"] is True
    assert client.post(f"{url}/set-owner", {"owner": True}, format="json").json()["is_owner"] is True
    password = client.post(f"{url}/reset-password").json()["password"]
    assert User.objects.get(pk=vera.pk).check_password(password)
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_a_project_is_made_renamed_and_deleted(alice: User, tenant_a: Tenant) -> None:
    client = api_client(alice)
    made = client.post("/api/v1/projects", {"name": "shop"}, format="json").json()
    url = f"/api/v1/projects/{made['id']}"
    assert client.patch(url, {"name": "store"}, format="json").json()["name"] == "store"
    assert client.delete(url).status_code == 204
    assert list(Project.objects.filter(tenant=tenant_a).values_list("name", flat=True)) == ["default"]


def test_an_admin_names_the_tenant_and_a_tenant_cannot_name_another(
    ada: User, bob: User, tenant_a: Tenant
) -> None:
    body = {"name": "shop", "tenant": str(tenant_a.uid)}
    assert api_client(bob).post("/api/v1/projects", body, format="json").status_code == 422
    assert api_client(ada).post("/api/v1/projects", {"name": "x"}, format="json").status_code == 422
    made = api_client(ada).post("/api/v1/projects", body, format="json").json()
    assert made["tenant"]["name"] == "acme"


@pytest.mark.requirement("AC-2")
def test_quotas_are_read_by_the_tenant_and_set_by_admins(ada: User, alice: User, tenant_a: Tenant) -> None:
    url = f"/api/v1/tenants/{tenant_a.uid}/quotas"
    assert api_client(alice).patch(url, {"limits": {"vm": 7}}, format="json").status_code == 403
    assert api_client(ada).patch(url, {"limits": {"vm": 7}}, format="json").status_code == 200
    quotas = {q["metric"]: q for q in api_client(alice).get("/api/v1/quotas").json()["quotas"]}
    assert (quotas["vm"]["limit"], quotas["vm"]["used"], quotas["vm"]["over"]) == (7, 0, False)
    wrong = api_client(ada).patch(url, {"limits": {"vm": -1}}, format="json")
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["field"] == "limits.vm"


def test_a_read_only_key_changes_nothing(alice: User) -> None:
    client = api_client(alice, scope="read")
    assert client.get("/api/v1/members").status_code == 200
    refused = client.post("/api/v1/projects", {"name": "x"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
