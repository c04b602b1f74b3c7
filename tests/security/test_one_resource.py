"""AC-1: a member with a role on one VM, and on nothing else, asks every URL: that VM answers, all else stays unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Role, User
from apps.lifecycle.models import Resource
from tests import factories
from tests.security.answers import TABLE
from tests.security.observers import is_answered
from tests.security.routes import Route
from tests.security.sending import (
    ROUTES,
    accepted_before,
    body_of,
    changed,
    form_of,
    is_api,
    rolled_back,
    url_of,
)
from tests.security.words import ROLES
from tests.security.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1", "SE-1")]

#: What answers with all references of the VM, ids among them.
REFERS = ("api:vms", "api:nics")
#: What is asked of many at once is judged row by row, for whoever may do it with any row.
BULK = {"api:vms-bulk", "api:operations-bulk"}
#: Whoever is no administrator is turned away from the administration, whatever the roles: test_every_route.py.
ASKED = [row for row in TABLE if not row.startswith("admin:") and row.split()[0] != "portal:logout"]

#: So many tests, none of them long, ask for all of them.
PARTS = 4


@pytest.fixture
def una(world: World) -> User:
    """A member with a role on the VM only; its neighbours bear names by which they are known again."""
    accepted_before(world)
    user = factories.make_member_of_nothing(world.tenant, "una")
    factories.grant_resource(user, Role.OPERATOR, world.vm)
    for resource in _others(world):
        kept = "near" if resource.pk in _neighbours(world) else "hidden"
        Resource.objects.filter(pk=resource.pk).update(name=f"{kept}-{resource.kind}-{resource.pk.hex[:6]}")
    world.accepted.clear()
    return user


@pytest.fixture
def browser(una: User, world: World) -> Iterator[Callable[[], Client]]:
    """Return what logs her in: a request that changes her session leaves another cookie behind."""
    accepted_before(world)
    world.cookies["una"] = factories.page_client(una).cookies["sessionid"].value
    yield lambda: world.browser("una")
    del world.cookies["una"]
    world.accepted.clear()


def _others(world: World) -> list[Resource]:
    return list(Resource.objects.filter(tenant=world.tenant).exclude(pk=world.vm.pk))


def _neighbours(world: World) -> set[object]:
    """Return what the VM is plugged into and made of: shown by name."""
    nics = world.vm.nics.select_related("subnet")
    places = {nic.security_group_id for nic in nics} - {None}
    for nic in nics.exclude(subnet=None):
        places |= {nic.subnet_id, nic.subnet.vpc_id}
    return places | set(world.vm.disks.values_list("pk", flat=True))


def _word(route: Route, row: str) -> str:
    """Return the table's word for otto about the VM, a stranger's about other resources, vera's about all else."""
    words = dict(zip(ROLES, TABLE[row].split(), strict=True))
    if row == "portal:vm.set_security_group POST":
        return "no"  # the form does not offer the group: she does not see it
    if route.name in BULK or (route.takes_key and route.segment in {"vms", "nics", "resources"}):
        return words["otto"]
    about_all = {"members", "tenants", "audit", "instance-types", "regions", "external-segments"}
    return words["bob" if route.takes_key and route.segment not in about_all else "vera"]


def _ask(world: World, browser: Client, route: Route, method: str) -> Any:
    url, row = url_of(world, route), f"{route.name} {method}"
    if is_api(route):
        data = body_of(world, row) if method != "GET" else ""
        return browser.generic(method, url, data=data, content_type="application/json")
    return browser.get(url) if method == "GET" else browser.post(url, form_of(world, route))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_member_with_one_vm_is_answered_about_it_and_sees_nothing_else(
    world: World, browser: Callable[[], Client], part: int
) -> None:
    hidden, near = _tokens(world)
    found: list[str] = []
    for row in ASKED[part::PARTS]:
        name, method = row.split(" ")
        route = ROUTES[name]
        word = _word(route, row)
        with rolled_back() as watch:
            response = _ask(world, browser(), route, method)
            body = b"".join(response.streaming_content) if response.streaming else response.content
            if not is_answered(word, response):
                found.append(f"{row}: {response.status_code} instead of {word}")
            if word != "ok" and changed(world, watch):
                found.append(f"{row}: refused, yet something changed")
            unseen = hidden if name.startswith(REFERS) else {**hidden, **near}
            # What was sent is repeated: the address by a refusal, the values by a form.
            asked = f"{url_of(world, route)} {form_of(world, route)}".encode()
            found += [f"{row}: shows {said}" for at, said in unseen.items() if at in body and at not in asked]
    assert not found, "\n".join(found)


def _tokens(world: World) -> tuple[dict[bytes, str], dict[bytes, str]]:
    """Return ids and names that must not be shown, and ids of neighbours, whose pages must not be led to."""
    hidden: dict[bytes, str] = {}
    near: dict[bytes, str] = {}
    for resource in _others(world):
        own = near if resource.pk in _neighbours(world) else hidden
        own[str(resource.pk).encode()] = f"the id of {resource.name}"
        if own is hidden:
            own[resource.name.encode()] = f"the name {resource.name}"
    assert hidden and near
    return hidden, near


def test_the_vm_is_in_lists_search_counts_and_exports_and_nothing_else_is(
    world: World, browser: Callable[[], Client]
) -> None:
    assert [row["id"] for row in browser().get("/api/v1/vms").json()["results"]] == [str(world.vm.pk)]
    for path in (f"/search/?q={world.vm.name}", "/vms/", "/vms/?format=csv", f"/vms/{world.vm.pk}/activity/"):
        response: Any = browser().get(path)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        assert world.vm.name.encode() in body, path
    tiles = {each["label"]: each["count"] for each in browser().get("/").context["tiles"]}
    # Base images are everybody's.
    assert tiles.pop("Images") == 1
    assert sum(tiles.values()) == 1 and browser().get("/api/v1/quotas").json()["quotas"] == []
