"""Tenants read causes without hosts, addresses, paths and programs; administrators read them whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from apps.accounts.models import Tenant, User
from apps.drivers.errors import DriverError
from apps.drivers.files.image_lengths import HEADER, damaged
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.reader import read_by
from apps.lifecycle.stored_messages import rendered_error, rendered_message, stored_error, stored_message
from apps.lifecycle.tenant_texts import CAUSES, GENERAL_CAUSE, STEPS
from tests.factories import actor_for_user

pytestmark = pytest.mark.requirement("OP-4", "SE-1")

APPS = Path(settings.BASE_DIR) / "apps"
#: Of hosts only: tenants see none.
OF_HOSTS = {
    *(
        "host.architecture",
        "host.alive_again",
        "host.failed_while_drained",
        "host.not_empty",
        "host.no_storage_fence",
        "controller.ambiguous",
        "controller.failed",
        "controller.refused",
    ),
    *(
        "volumes.not_shut_out",
        "volumes.own_address",
        "volumes.readmission_forbidden",
        "volumes.unknown_client",
    ),
    *("controller.still_on", "controller.strange", "controller.unreachable", "controller.untrusted"),
}


@pytest.fixture
def as_tenant() -> Iterator[None]:
    with read_by(lambda: Actor(user=None)):
        yield


def _calls() -> Iterator[ast.Call]:
    for path in APPS.rglob("*.py"):
        yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def _constants() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in APPS.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                found |= {name: node.value.value for name in names if isinstance(node.value.value, str)}
    return found


def _text(node: ast.expr | None) -> str:
    """Return the text that `_` marks in the call's argument."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
        return str(ast.literal_eval(node.args[0]))
    return ""


def test_every_code_that_a_driver_or_handler_raises_has_a_text_for_tenants() -> None:
    constants = _constants()
    codes: set[str] = set()
    for call in _calls():
        if getattr(call.func, "id", "") != "DriverError":
            continue
        given = next((word.value for word in call.keywords if word.arg == "code"), None)
        if isinstance(given, ast.Constant):
            codes.add(str(given.value))
        elif isinstance(given, ast.Name) and given.id in constants:
            codes.add(constants[given.id])
    assert len(codes) > 50
    assert sorted(codes - CAUSES.keys() - OF_HOSTS) == [], "add these to apps/lifecycle/tenant_texts.py"


def test_every_step_has_a_text_for_tenants() -> None:
    steps = {
        _text(call.args[0])
        for call in _calls()
        if getattr(call.func, "attr", "") == "step" and call.args and _text(call.args[0])
    }
    assert len(steps) > 20
    assert sorted(steps - STEPS.keys()) == [], "add these to apps/lifecycle/tenant_texts.py"
    assert not [text for text in STEPS.values() if "host)s" in text or "path)s" in text]


@pytest.mark.django_db
def test_a_tenant_reads_its_own_text_and_an_administrator_the_cause(ada: User, tenant_a: Tenant) -> None:
    error = DriverError(
        "libvirt: %(error)s",
        values={"error": "/var/lib/x at hv-7"},
        code="hypervisor.failed",
        hint="See libvirt.",
    )
    kept = stored_error(error)
    for whole in (SYSTEM, actor_for_user(ada)):
        with read_by(partial(_same, whole)):
            assert rendered_error(kept)["message"] == "libvirt: /var/lib/x at hv-7"
    acting = actor_for_user(ada, tenant=tenant_a)
    with read_by(lambda: acting):
        shown = rendered_error(kept)
    assert shown == {
        "code": "hypervisor.failed",
        "message": GENERAL_CAUSE.message,
        "hint": GENERAL_CAUSE.hint,
    }


def _same(actor: Actor) -> Actor:
    return actor


def test_steps_name_no_host_and_unknown_ones_say_nothing(as_tenant: None) -> None:
    assert rendered_message(stored_message("Starting on %(host)s", {"host": "hv-7"})) == "Starting"
    assert rendered_message(stored_message("Applying %(count)s rules", {"count": 3})) == "Applying 3 rules"
    assert rendered_message(stored_message("Said on %(host)s later", {"host": "hv-7"})) == "Working"
    failed = {**stored_message("hv-7 is away"), "failed": True}
    assert rendered_message(failed) == GENERAL_CAUSE.message
    assert rendered_error({}) == {"code": "", "message": "", "hint": ""}


def test_a_value_with_a_path_in_it_is_not_shown(as_tenant: None) -> None:
    def said(reason: str) -> str:
        error = DriverError("The file is %(what)s.", values={"what": reason}, code="volumes.image_invalid")
        return rendered_message(stored_error(error), "message")

    assert said("an OVA archive") == "The file is an OVA archive."
    assert said("/srv/pool/x") == "The image was rejected."


@pytest.mark.requirement("UX-12")
def test_a_tenant_reads_why_its_image_was_refused_and_the_next_step(as_tenant: None) -> None:
    error = rendered_error(stored_error(damaged(HEADER)))
    assert error == {
        "code": "volumes.image_invalid",
        "message": "The image is damaged: its header cannot be read.",
        "hint": "Upload the file again and compare its checksum.",
    }


@pytest.mark.requirement("EV-2")
def test_where_a_guest_has_mounted_a_disk_is_its_own_tenants_to_read(as_tenant: None) -> None:
    error = DriverError("…", values={"mounts": "/srv/data"}, code="disk.mounted")
    shown = rendered_message(stored_error(error), "message")
    assert shown == "The guest has mounted the disk at /srv/data."
