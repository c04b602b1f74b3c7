"""SE-1: whatever a backend says when it fails, tenants read no host, address, path or program of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import pytest
from django.test import Client

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.tenant_texts import CAUSES
from tests.factories import page_client
from tests.kinds import RECIPES
from tests.no_lease_renewal import no_lease_renewal
from tests.recovery.crash.environment import Environment, hosts_reported, load_environment, make_environment
from tests.touched import of_verb

__all__ = ["no_lease_renewal"]

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-1", "OP-4")]

SAID = {
    "host": "hv-secret-7",
    "address": "10.66.77.88",
    "reason": "/var/lib/scloud/pool/x.qcow2",
    "size": "libvirtd",
}
#: Nothing of this may be in what a tenant is answered.
WORDS = (
    *SAID.values(),
    "libvirt",
    "qemu-img",
    "northbound",
    "ovn-central",
    "ovs-vswitchd",
    "/var/lib",
    "/etc/",
)
TEMPLATE = (
    "libvirtd of %(host)s (%(address)s): qemu-img %(reason)s, %(size)s, ovn-central, northbound, ovs-vswitchd"
)
#: Where causes are listed, searched and exported, and the pages and endpoints of an operation and of its target.
LISTS = (
    "/",
    "/operations/",
    "/operations/?format=csv",
    "/audit/",
    "/audit/?format=csv",
    "/api/v1/operations",
    "/api/v1/audit",
)


@pytest.fixture
def environment() -> Iterator[Environment]:
    make_environment()
    hosts_reported()
    world = backends.memory_world()
    before = world.on_call
    yield load_environment()
    world.on_call = before


@contextmanager
def _broken(code: str) -> Iterator[None]:
    """Have every call of a driver fail with words that tenants must not read."""

    def fail(verb: str, when: str) -> None:
        raise DriverError(
            TEMPLATE,
            values=SAID,
            code=code,
            permanent=True,
            hint="See /etc/scloud on hv-secret-7 (libvirtd).",
        )

    world = backends.memory_world()
    before, world.on_call = world.on_call, fail
    try:
        yield
    finally:
        world.on_call = before


def _found(browser: Client, path: str, words: tuple[str, ...]) -> list[str]:
    response: Any = browser.get(path)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    text = body.decode(errors="replace")
    return [f"{path}: {text[max(0, text.find(w) - 60) : text.find(w) + 40]!r}" for w in words if w in text]


def _pages_of(operation: Operation) -> list[str]:
    plural = {"security_group": "security-groups", "key_pair": "key-pairs"}.get(
        operation.target_kind, f"{operation.target_kind}s"
    )
    one = f"/operations/{operation.pk}/"
    target = f"{plural}/{operation.target_id}"
    return [
        *(one, f"{one}toast/", f"/api/v1{one}".rstrip("/")),
        *(f"/{target}/", f"/{target}/activity/", f"/{target}/menu/", f"/api/v1/{target}"),
        *(f"/{plural}/", f"/{plural}/?format=csv", f"/api/v1/{plural}"),
    ]


@pytest.mark.campaign("causes told to tenants", of_verb)
@pytest.mark.parametrize("verb", sorted(RECIPES))
def test_no_answer_to_a_tenant_says_where_and_by_what_a_verb_failed(
    verb: str, environment: Environment
) -> None:
    code = dict(zip(sorted(RECIPES), cycle([*CAUSES, "made.up"]), strict=False))[verb]
    recipe = RECIPES[verb]
    operation = recipe.ask(environment, recipe.make(environment))
    with _broken(code):
        execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status in {OperationStatus.FAILED, OperationStatus.DONE, OperationStatus.QUEUED}
    kept = f"{operation.steps}{operation.error}"
    assert operation.status == OperationStatus.DONE or SAID["host"] in kept, "administrators read the cause"
    browser = page_client(environment.owner.user)
    words = (*WORDS, *Host.objects.values_list("name", flat=True))
    found = [each for path in (*_pages_of(operation), *LISTS) for each in _found(browser, path, words)]
    assert not found, "\n".join(found)


def test_a_tenant_cannot_find_an_operation_by_the_hosts_name(environment: Environment) -> None:
    recipe = RECIPES["vpc.create"]
    operation = recipe.ask(environment, recipe.make(environment))
    with _broken("fabric.unreachable"):
        execute(operation.pk)
    tenant, admin = page_client(environment.owner.user), page_client(environment.admin.user)
    path = "/api/v1/operations?outcome="
    assert tenant.get(f"{path}hv-secret-7").json()["results"] == []
    assert [row["id"] for row in tenant.get(f"{path}not responding").json()["results"]] == [str(operation.pk)]
    assert [row["id"] for row in admin.get(f"{path}hv-secret-7").json()["results"]] == [str(operation.pk)]
    assert "hv-secret-7" in admin.get(f"{path}libvirtd").json()["results"][0]["error"]["message"]
    exported: Any = admin.get("/admin/operations/?format=csv")
    assert "hv-secret-7" in b"".join(exported.streaming_content).decode()
