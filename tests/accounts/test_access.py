"""Who sees and may do what: roles in projects, owners, admins, strangers."""

from __future__ import annotations

import pytest

from apps.accounts.access import (
    allow,
    begin,
    get_visible,
    may,
    visible,
    visible_projects,
)
from apps.accounts.models import (
    ApiKey,
    Project,
    Role,
    Tenant,
    User,
)
from apps.accounts.rights import Rights
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Forbidden, NotFound
from apps.lifecycle.models import Resource, State
from apps.lifecycle.verbs import ANY_STATE, Verb
from tests import factories
from tests.factories import actor_for_user, make_project

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]

VERBS = {
    permission: Verb(f"thing.{permission}", permission, permission, permission=permission, states=ANY_STATE)
    for permission in ("view", "operate", "manage", "owner", "admin")
}


@pytest.fixture
def thing(project_a: Project) -> Resource:
    return Resource.objects.create(
        kind="thing", name="one", tenant=project_a.tenant, project=project_a, state=State.READY
    )


@pytest.mark.requirement("AC-5")
def test_a_member_sees_only_projects_with_a_grant(alice: User, vera: User, project_a: Project) -> None:
    make_project(project_a.tenant, "secret")
    assert [p.name for p in visible_projects(actor_for_user(vera))] == ["default"]
    assert [p.name for p in visible_projects(actor_for_user(alice))] == ["default", "secret"]


@pytest.mark.requirement("SE-1")
@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        ("vera", {"view"}),
        ("otto", {"view", "operate"}),
        ("mia", {"view", "operate", "manage"}),
        ("alice", {"view", "operate", "manage", "owner"}),
        ("bob", set()),
        ("ada", {"view", "operate", "manage", "owner", "admin"}),
    ],
)
def test_a_role_covers_what_its_row_says(
    who: str, allowed: set[str], thing: Resource, request: pytest.FixtureRequest
) -> None:
    actor = actor_for_user(request.getfixturevalue(who))
    found = {name for name, verb in VERBS.items() if may(actor, verb, thing.project_id, thing.tenant_id)}
    judged = {n for n, verb in VERBS.items() if Rights(actor).covers(verb, thing.project_id, thing.tenant_id)}
    assert found == judged == allowed


def test_an_admin_acting_as_a_tenant_may_what_its_owner_may(ada: User, thing: Resource) -> None:
    actor = actor_for_user(ada, tenant=thing.tenant)
    assert {
        n for n, v in VERBS.items() if may(actor, v, thing.project_id, thing.tenant_id)
    } == VERBS.keys() - {"admin"}


def test_nobody_may_nothing_and_the_platform_everything(thing: Resource) -> None:
    for verb in VERBS.values():
        assert not may(Actor(user=None), verb, thing.project_id, thing.tenant_id)
        assert may(SYSTEM, verb, thing.project_id, thing.tenant_id)


def test_a_read_only_key_may_see_only(alice: User, thing: Resource) -> None:
    actor = Actor(user=alice, tenant=alice.tenant, api_key=ApiKey(scope=ApiKey.Scope.READ))
    assert {n for n, v in VERBS.items() if may(actor, v, thing.project_id, thing.tenant_id)} == {"view"}


def test_what_another_tenant_or_project_has_is_not_found(bob: User, alice: User, thing: Resource) -> None:
    with pytest.raises(NotFound):
        get_visible(actor_for_user(bob), Resource.objects.all(), thing.pk)
    nina = factories.make_member(thing.tenant, Role.MANAGER, "nina", project=make_project(thing.tenant))
    with pytest.raises(NotFound):
        begin(actor_for_user(nina), VERBS["manage"], thing)
    assert begin(actor_for_user(alice), VERBS["manage"], thing).row == thing


def test_a_viewer_is_told_that_the_role_does_not_allow_it(vera: User, thing: Resource) -> None:
    with pytest.raises(Forbidden) as refused:
        begin(actor_for_user(vera), VERBS["operate"], thing)
    assert refused.value.hint


def test_what_belongs_to_the_tenant_as_a_whole_is_seen_by_members_and_changed_by_owners(
    alice: User, mia: User, bob: User, tenant_a: Tenant
) -> None:
    shared = Resource.objects.create(kind="thing", name="all", tenant=tenant_a, state=State.READY)
    assert shared in visible(actor_for_user(mia), Resource.objects.all())
    assert shared not in visible(actor_for_user(mia), Resource.objects.all(), "manage")
    assert shared not in visible(actor_for_user(bob), Resource.objects.all())
    with pytest.raises(Forbidden):
        begin(actor_for_user(mia), VERBS["manage"], shared)
    begin(actor_for_user(alice), VERBS["manage"], shared)


def test_a_project_of_another_tenant_is_refused_whatever_tenant_is_named(
    alice: User, tenant_a: Tenant, project_b: Project
) -> None:
    with pytest.raises(NotFound):
        allow(actor_for_user(alice), VERBS["manage"], project=project_b, tenant_id=tenant_a.pk)


def test_the_grants_of_a_project_of_another_tenant_count_for_nothing(vera: User, project_b: Project) -> None:
    factories.grant(vera, Role.MANAGER, project_b)
    theirs = Resource.objects.create(kind="thing", name="b", tenant=project_b.tenant, project=project_b)
    assert theirs not in visible(actor_for_user(vera), Resource.objects.all())
    assert not may(actor_for_user(vera), VERBS["view"], project_b.pk, project_b.tenant_id)


def test_every_factory_makes_a_row_the_database_takes() -> None:
    region = factories.make_region()
    host = factories.make_host(factories.make_cluster(region))
    assert host.region == factories.make_storage(region).region
