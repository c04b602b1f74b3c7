"""The picture of a VM's screen on its page: how it gets there, and who sees it."""

from __future__ import annotations

import struct
import zlib
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.accounts.models import Role, User
from apps.compute.models import Power, Vm
from apps.console import screenshots
from apps.console.tasks import take_screenshot
from apps.drivers.memory import World
from apps.drivers.specs import Screenshot
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.redis_connection import redis_client
from apps.lifecycle.dispatch import waiting
from tests import factories
from tests.compute.factories import make_cloud, make_vm
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-14")]


@pytest.fixture
def vm(monkeypatch: pytest.MonkeyPatch, alice: User) -> Vm:
    """A VM that runs on a pretend host."""
    world = World()
    monkeypatch.setattr(backends, "_process_world", world)
    assert alice.tenant is not None
    cloud = make_cloud(world)
    return make_vm(factories.actor_for_user(alice), cloud, cloud.network(alice.tenant))


def part(user: User, vm: Vm, path: str = "screenshot/", area: str = "") -> tuple[int, str]:
    answer = factories.page_client(user).get(f"{area}/vms/{vm.pk}/{path}")
    return answer.status_code, answer.content.decode(errors="replace")


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Return width, height and the rows of a PNG file of ours."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    (length,) = struct.unpack(">I", png[33:37])
    rows = zlib.decompress(png[41 : 41 + length])
    return (
        width,
        height,
        b"".join(rows[at + 1 : at + 1 + 3 * width] for at in range(0, len(rows), 3 * width + 1)),
    )


def test_hosts_and_workers_take_few_pictures_at_once(vm: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screenshots, "TURN_KEYS", f"turn:{uuid4()}")  # other tests take pictures meanwhile
    assert vm.host is not None
    with screenshots.turn(vm.host.pk) as first, screenshots.turn(vm.host.pk) as second:
        assert (first, second) == (True, False)
        take_screenshot(str(vm.pk))
        assert screenshots.latest(vm.pk) is None
        with ExitStack() as others:
            there = [others.enter_context(screenshots.turn(uuid4())) for _ in range(screenshots.MOST_AT_ONCE)]
            assert there == [*[True] * (screenshots.MOST_AT_ONCE - 1), False]
    take_screenshot(str(vm.pk))
    assert screenshots.latest(vm.pk) is not None


def test_a_page_has_a_picture_taken_and_shows_it_once_it_is_there(alice: User, vm: Vm) -> None:
    before = waiting()
    assert part(alice, vm)[1].count("Taking a screenshot") == 1
    assert waiting() == before + 1, "no worker is asked"
    assert screenshots.latest(vm.pk) is None, "a request has asked the host itself"
    take_screenshot(str(vm.pk))
    html = part(alice, vm)[1]
    assert f"/vms/{vm.pk}/screenshot.png?at=" in html
    answer = factories.page_client(alice).get(f"/vms/{vm.pk}/screenshot.png")
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert vm.host is not None
    taken = backends.hypervisor(vm.host, None).screenshot(str(vm.pk))
    assert pixels(answer.content) == (taken.width, taken.height, taken.pixels)


def test_the_overview_shows_the_last_picture_at_once(alice: User, vm: Vm) -> None:
    take_screenshot(str(vm.pk))
    _status, html = part(alice, vm, "")
    assert f"/vms/{vm.pk}/screenshot.png?at=" in html
    assert f'hx-get="/vms/{vm.pk}/screenshot/?round=1"' in html


def test_however_many_look_a_vm_is_pictured_once_in_a_while(alice: User, otto: User, vm: Vm) -> None:
    before = waiting()
    for user in (alice, otto, alice):
        part(user, vm)
    assert waiting() == before + 1


def test_a_page_that_is_left_open_stops_asking(alice: User, vm: Vm) -> None:
    before = waiting()
    _status, html = part(alice, vm, "screenshot/?round=30")
    assert "hx-get" not in html
    assert "No screenshot yet" in html
    assert waiting() == before


def test_a_fresh_picture_is_not_taken_again(alice: User, vm: Vm) -> None:
    take_screenshot(str(vm.pk))
    before = waiting()
    assert part(alice, vm)[0] == 200
    assert waiting() == before


@pytest.mark.parametrize("path", ["screenshot/", "screenshot.png"])
def test_another_tenant_never_sees_a_picture(vm: Vm, bob: User, path: str) -> None:
    take_screenshot(str(vm.pk))
    assert part(bob, vm, path)[0] == 404


@pytest.mark.parametrize("path", ["screenshot/", "screenshot.png"])
def test_who_may_not_open_the_console_sees_no_picture(vm: Vm, vera: User, ada: User, path: str) -> None:
    take_screenshot(str(vm.pk))
    assert part(vera, vm, path)[0] == 403
    assert part(ada, vm, path, area="/admin")[0] == 403, "an administrator who does not act as the tenant"
    assert "screen-card" not in part(vera, vm, "")[1]
    assert "screen-card" not in part(ada, vm, "", area="/admin")[1]


def test_who_may_open_the_console_sees_it(vm: Vm, otto: User) -> None:
    take_screenshot(str(vm.pk))
    assert part(otto, vm, "screenshot.png")[0] == 200
    assert "screen-card" in part(otto, vm, "")[1]


@pytest.mark.requirement("AC-1")
@pytest.mark.parametrize(("role", "status"), [(Role.OPERATOR, 200), (Role.VIEWER, 403)])
def test_a_role_on_the_vm_alone_is_enough(vm: Vm, role: Role, status: int) -> None:
    take_screenshot(str(vm.pk))
    assert vm.tenant is not None
    member = factories.make_member(vm.tenant, Role.VIEWER, project=factories.make_project(vm.tenant))
    factories.grant_resource(member, role, vm)
    assert part(member, vm, "screenshot.png")[0] == status


def test_a_vm_that_is_off_shows_no_old_picture(alice: User, vm: Vm) -> None:
    take_screenshot(str(vm.pk))
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF, power_seen=Power.OFF)
    before = waiting()
    html = part(alice, vm)[1]
    assert "The VM is stopped." in html
    assert "<img" not in html
    assert waiting() == before


def test_an_unreachable_host_is_not_asked(alice: User, vm: Vm) -> None:
    assert vm.host is not None
    Host.objects.filter(pk=vm.host.pk).update(last_report_at=timezone.now() - timedelta(hours=1))
    before = waiting()
    assert "The host is unreachable." in part(alice, vm)[1]
    assert waiting() == before
    take_screenshot(str(vm.pk))
    assert screenshots.latest(vm.pk) is None


def test_a_picture_that_cannot_be_taken_is_no_failure(vm: Vm) -> None:
    assert vm.host is not None
    backends.hypervisor(vm.host, None).ensure_vm_absent(str(vm.pk))
    take_screenshot(str(vm.pk))
    take_screenshot(str(uuid4()))
    assert screenshots.latest(vm.pk) is None


def test_pictures_are_kept_for_minutes_only(vm: Vm) -> None:
    take_screenshot(str(vm.pk))
    left = redis_client().ttl(f"console:screenshot:{vm.pk}")
    assert 0 < left <= screenshots.KEPT.total_seconds()


def test_a_picture_of_another_size_than_it_says_is_refused() -> None:
    with pytest.raises(ValueError, match="not as large"):
        screenshots.png(Screenshot(id=str(uuid4()), width=3, height=2, pixels=bytes(17)))
