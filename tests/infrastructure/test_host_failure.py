"""Management controllers, fencing and confirming, by service, API and page."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.secrets import unseal
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryController, World
from apps.infrastructure import backends
from apps.infrastructure.controllers import check_controllers
from apps.infrastructure.models import Certainty, ComputeCluster, Failure, Host, HostController, Liveness
from apps.infrastructure.services.failure import fence_host, set_controller
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.state_labels import state_label
from tests import factories
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7")]
URL = "https://192.0.2.9"


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fresh = World()
    monkeypatch.setattr(backends, "_process_world", fresh)
    return fresh


@pytest.fixture
def host() -> Host:
    return factories.make_host(factories.make_cluster(factories.make_region()))


def with_controller(host: Host) -> Host:
    return set_controller(SYSTEM, host, url=URL, user="admin", password="secret")


def silent(host: Host, world: World) -> Host:
    world.disconnect(host.name)
    Host.objects.filter(pk=host.pk).update(liveness=Liveness.SUSPECTED)
    return Host.objects.select_related("controller").get(pk=host.pk)


def run(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    return operation


def test_the_password_is_sealed_and_kept_only_for_the_same_controller(host: Host) -> None:
    with_controller(host)
    row = HostController.objects.get()
    assert "secret" not in row.sealed_password
    assert unseal(row.sealed_password) == "secret"
    set_controller(SYSTEM, host, url=URL, user="admin", authority="")
    assert unseal(HostController.objects.get().sealed_password) == "secret"
    for other in ({"url": "https://192.0.2.10", "user": "admin"}, {"url": URL, "user": "other"}):
        with pytest.raises(Invalid):
            set_controller(SYSTEM, host, **other)
    set_controller(SYSTEM, host, url="")
    assert not HostController.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.9",
        "https://",
        "ftp://x",
        "https://a:b@192.0.2.9",
        "https://x:99999",
        "https://x/?a=b",
        "x",
    ],
)
def test_only_https_addresses_are_taken(host: Host, url: str) -> None:
    with pytest.raises(Invalid):
        set_controller(SYSTEM, host, url=url, user="admin", password="secret")


def test_what_is_no_certificate_is_refused(host: Host) -> None:
    with pytest.raises(Invalid):
        set_controller(SYSTEM, host, url=URL, user="admin", password="secret", authority="nonsense")


def test_fencing_makes_it_certain(host: Host, world: World) -> None:
    with_controller(host)
    operation = run(fence_host(SYSTEM, silent(host, world), suspected=True))
    assert operation.status == OperationStatus.DONE, operation.error
    host.refresh_from_db()
    assert (host.failure, host.failed_by) == (Failure.OFF, Certainty.CONTROLLER)
    assert MemoryController(world, host.name).power_state() == "Off"
    assert state_label(host).word == "Off"


def test_a_controller_that_fails_makes_nothing_certain(host: Host, world: World) -> None:
    with_controller(host)
    error = DriverError("no", code="controller.refused", permanent=True)
    world.fail("controller.ensure_off", error)
    operation = run(fence_host(SYSTEM, silent(host, world)))
    assert operation.status == OperationStatus.FAILED
    host.refresh_from_db()
    assert host.failure == ""


def test_a_host_that_is_heard_again_is_not_switched_off(host: Host, world: World) -> None:
    with_controller(host)
    operation = fence_host(SYSTEM, silent(host, world), suspected=True)
    Host.objects.filter(pk=host.pk).update(liveness=Liveness.ALIVE)
    run(operation)
    assert operation.error["code"] == "host.alive_again"
    assert MemoryController(world, host.name).power_state() == "On"


def test_without_a_controller_there_is_no_fencing(host: Host, world: World) -> None:
    with pytest.raises(NotNow, match="management controller"):
        fence_host(SYSTEM, silent(host, world))


def test_controllers_are_asked_and_what_is_wrong_is_kept(host: Host, world: World) -> None:
    with_controller(host)
    assert check_controllers() == 1
    row = HostController.objects.get()
    assert (row.power, row.check_error) == ("On", {})
    assert check_controllers() == 0, "asked a moment ago"
    world.fail("controller.power_state", DriverError("no", code="controller.refused"))
    HostController.objects.update(checked_at=None)
    check_controllers()
    row.refresh_from_db()
    assert (row.power, row.check_error["code"]) == ("", "controller.refused")


def test_the_page_says_what_happens(host: Host, ada: User, world: World) -> None:
    client = Client()
    client.force_login(ada)

    def shown() -> str:
        return client.get(f"/admin/hosts/{host.pk}/").content.decode()

    assert "an administrator must confirm that the host is off" in shown()
    with_controller(host)
    assert "powered off by its management controller" in shown()
    assert "secret" not in shown()
    ComputeCluster.objects.update(failover=False)
    assert "Automatic failover is disabled" in shown()
    ComputeCluster.objects.update(failover=True)
    silent(host, world)
    assert "most hosts of the cluster are silent" in shown()
