"""Images created from VMs, and base images copied from images of tenants."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.compute import selectors
from apps.compute.models import Image, Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.image import delete_image, retry_image
from apps.compute.services.image_capture import copy_to_base, create_image
from apps.compute.services.power import power_off_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory.records import IMAGES, State
from apps.drivers.memory.snapshots import CONTENTS, SNAPSHOTS
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.errors import Busy, Forbidden, InUse, NotFound, NotNow, QuotaExceeded
from apps.lifecycle.handlers import handler_of
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.models import State as Stored
from apps.lifecycle.operation_context import CancelRequested, OperationContext
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.reconciliation.models import Rule
from tests import factories
from tests.compute.factories import GIB, Cloud, make_vm, settled
from tests.reconciliation.drift import findings, look_twice
from tests.storage.factories import set_guest

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-8", "IM-2")]
MAKE = "volumes.ensure_image_from_snapshot"


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    made = make_vm(owner, cloud, subnet)
    with cloud.world.records() as state:
        state.put(CONTENTS, str(made.disks.get().pk), "a file of alice")
    return made


def finished(operation: Operation) -> Image:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, (operation.status, operation.error)
    return Image.objects.get(pk=operation.target_id)


def images_of(tenant: Tenant) -> int:
    """Return how many are counted of the tenant's quota."""
    return Quota.objects.get(tenant=tenant, metric="image").used


def refused() -> DriverError:
    return DriverError("No.", code="tried.refused", permanent=True)


def left(cloud: Cloud) -> tuple[int, int]:
    """Return how many images and snapshots are in the pool beside the base image."""
    with cloud.world.records() as state:
        return len(state.all(IMAGES)) - 1, len(state.all(SNAPSHOTS))


def content(cloud: Cloud, volume: object) -> str | None:
    def read(state: State) -> str | None:
        return state.get(CONTENTS, str(volume))

    with cloud.world.records() as state:
        return read(state)


@pytest.mark.parametrize(("has_agent", "consistency"), [(True, "filesystem"), (False, "crash")])
def test_an_image_of_a_running_vm_holds_its_data_and_says_in_which_state(
    cloud: Cloud, owner: Actor, vm: Vm, subnet: Subnet, has_agent: bool, consistency: str
) -> None:
    set_guest(vm, guest_agent=has_agent)
    image = finished(create_image(owner, vm, name="golden"))
    assert (image.state, image.consistency, image.copy_point) == (Stored.READY, consistency, None)
    assert (image.min_disk_gib, image.default_disk_gib, image.virtual_bytes) == (40, 40, 40 * GIB)
    assert left(cloud) == (1, 0)
    with cloud.world.records() as state:
        state.put(CONTENTS, str(vm.disks.get().pk), "written afterwards")
    again = make_vm(owner, cloud, subnet, name="from-golden", image=image.pk)
    assert content(cloud, again.disks.get().pk) == "a file of alice"
    vm.refresh_from_db()
    assert vm.power_seen == "on"


def test_an_image_of_a_stopped_vm_is_consistent(cloud: Cloud, owner: Actor, vm: Vm) -> None:
    settled(power_off_vm(owner, vm))
    assert finished(create_image(owner, vm, name="golden")).consistency == "offline"


def test_it_is_seen_by_the_owner_and_administrators_only_and_counts(
    owner: Actor, admin: Actor, vm: Vm, tenant_a: Tenant, bob: User
) -> None:
    before = images_of(tenant_a)
    image = finished(create_image(owner, vm, name="golden"))
    stranger = factories.actor_for_user(bob)
    assert image in selectors.visible_images(owner)
    assert image in selectors.visible_images(admin)
    assert image not in selectors.visible_images(stranger)
    assert images_of(tenant_a) == before + 1
    Quota.objects.filter(tenant=tenant_a, metric="image").update(limit=before + 1)
    with pytest.raises(QuotaExceeded):
        create_image(owner, vm, name="one-too-many")


def test_traits_are_those_of_the_image_that_the_vm_was_created_from(
    cloud: Cloud, owner: Actor, vm: Vm
) -> None:
    traits = {"os_name": "Debian 12", "guest_agent": True, "hot_upgrade": True, "uefi": True}
    Image.objects.filter(pk=cloud.image.pk).update(**traits, cloud_init=False)
    image = finished(create_image(owner, vm, name="golden"))
    assert {name: getattr(image, name) for name in traits} == traits
    assert not image.cloud_init


def test_one_that_is_cancelled_while_it_is_copied_leaves_nothing_and_can_be_retried(
    cloud: Cloud, owner: Actor, vm: Vm
) -> None:
    operation = create_image(owner, vm, name="golden")
    claimed = claim(operation.pk)
    assert claimed is not None
    run, seen = OperationContext(claimed), []

    def stop(percent: int) -> None:
        seen.append(left(cloud))
        run.stopping.set()

    run.progressed = stop  # type: ignore[method-assign]
    cloud.world.fail(MAKE, still(GIB))
    with pytest.raises(CancelRequested):
        handler_of(operation.verb)(run)
    assert seen == [(0, 1)], "the snapshot was there while it was copied"
    assert left(cloud) == (0, 0)
    Operation.objects.filter(pk=operation.pk).update(status=OperationStatus.QUEUED, lease_until=None)
    operation.refresh_from_db()
    assert cancel(owner, operation)
    image = Image.objects.get(pk=operation.target_id)
    assert image.state == Stored.ERROR
    with cloud.world.records() as state:
        state.put(CONTENTS, str(vm.disks.get().pk), "what is there now")
    assert finished(retry_image(owner, image)).consistency == "filesystem"
    with cloud.world.records() as state:
        (made,) = [each for each in state.all(IMAGES).values() if each.spec.id == str(image.pk)]
    assert made.content == "what is there now"


def test_one_that_fails_for_good_leaves_nothing_and_is_deleted(
    cloud: Cloud, owner: Actor, vm: Vm, tenant_a: Tenant
) -> None:
    before = images_of(tenant_a)
    operation = create_image(owner, vm, name="golden")
    cloud.world.fail(MAKE, refused())
    execute(operation.pk)
    image = Image.objects.get(pk=operation.target_id)
    assert (image.state, left(cloud)) == (Stored.ERROR, (0, 0))
    execute(delete_image(owner, image).pk)
    assert images_of(tenant_a) == before
    assert not Image.objects.filter(pk=image.pk).exists()


def test_deleting_one_removes_a_snapshot_that_could_not_be_removed_before(
    cloud: Cloud, owner: Actor, vm: Vm
) -> None:
    operation = create_image(owner, vm, name="golden")
    cloud.world.fail(MAKE, refused())

    def broken(verb: str, moment: str) -> None:
        if verb == MAKE:
            cloud.world.fail("volumes.ensure_snapshot_absent", refused())

    cloud.world.on_call = broken
    execute(operation.pk)
    cloud.world.on_call = None
    assert left(cloud) == (0, 1)
    look_twice()
    assert not findings(rule=Rule.ORPHAN), "it is known to be one to copy from"
    image = Image.objects.get(pk=operation.target_id)
    execute(delete_image(owner, image).pk)
    assert left(cloud) == (0, 0)


def test_a_further_attempt_copies_what_the_first_has_kept(cloud: Cloud, owner: Actor, vm: Vm) -> None:
    operation = create_image(owner, vm, name="golden")
    cloud.world.fail(MAKE, DriverError("Away.", code="host.unreachable"))
    execute(operation.pk)
    with cloud.world.records() as state:
        state.put(CONTENTS, str(vm.disks.get().pk), "written afterwards")
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    image = finished(operation)
    with cloud.world.records() as state:
        (made,) = [each for each in state.all(IMAGES).values() if each.spec.id == str(image.pk)]
    assert made.content == "a file of alice"
    assert left(cloud) == (1, 0)


def test_progress_is_that_of_the_copying(cloud: Cloud, owner: Actor, vm: Vm) -> None:
    operation = create_image(owner, vm, name="golden")
    cloud.world.fail(MAKE, still(GIB // 2))
    claimed = claim(operation.pk)
    assert claimed is not None
    run, seen = OperationContext(claimed), []
    cloud.world.on_call = lambda verb, moment: seen.append(run.progress)
    handler_of(operation.verb)(run)
    assert 50 in seen


def still(done: int) -> DriverError:
    values = {"done_bytes": done, "total_bytes": GIB}
    return DriverError("Still copying.", code="host.still_working", values=values)


def test_a_vm_stays_while_it_is_copied(cloud: Cloud, owner: Actor, vm: Vm) -> None:
    operation = create_image(owner, vm, name="golden")
    with pytest.raises(InUse) as said:
        delete_vm(owner, vm)
    assert "golden" in str(said.value)
    settled(power_off_vm(owner, vm))
    image = finished(operation)
    execute(delete_vm(owner, vm).pk)
    image.refresh_from_db()
    assert (image.state, image.source_disk) == (Stored.READY, None)


def test_once_the_vm_is_gone_a_failed_one_can_only_be_deleted(cloud: Cloud, owner: Actor, vm: Vm) -> None:
    operation = create_image(owner, vm, name="golden")
    cloud.world.fail(MAKE, refused())
    execute(operation.pk)
    execute(delete_vm(owner, vm).pk)
    image = Image.objects.get(pk=operation.target_id)
    with pytest.raises(NotNow):
        retry_image(owner, image)
    execute(delete_image(owner, image).pk)
    assert not Image.objects.filter(pk=image.pk).exists()


def test_a_vm_that_is_busy_or_a_role_that_only_operates_is_refused(
    cloud: Cloud, owner: Actor, vm: Vm, otto: User, bob: User
) -> None:
    with pytest.raises(Forbidden):
        create_image(factories.actor_for_user(otto), vm, name="golden")
    with pytest.raises(NotFound):
        create_image(factories.actor_for_user(bob), vm, name="golden")
    power_off_vm(owner, vm)
    with pytest.raises(Busy):
        create_image(owner, vm, name="golden")
    assert not Image.objects.filter(name="golden").exists()


# -- base images -------------------------------------------------------------------------------------------------------


@pytest.fixture
def golden(owner: Actor, vm: Vm) -> Image:
    return finished(create_image(owner, vm, name="golden"))


@pytest.mark.requirement("IM-3")
def test_an_administrator_copies_a_tenants_image_to_a_base_image_and_the_tenants_stays(
    cloud: Cloud, owner: Actor, admin: Actor, golden: Image, bob: User
) -> None:
    base = finished(copy_to_base(admin, golden, name="Debian for all"))
    assert (base.tenant, base.is_base, base.min_disk_gib) == (None, True, 40)
    assert base in selectors.visible_images(factories.actor_for_user(bob))
    with cloud.world.records() as state:
        contents = {each.spec.id: each.content for each in state.all(IMAGES).values()}
    assert contents[str(base.pk)] == contents[str(golden.pk)] == "a file of alice"
    execute(delete_image(owner, golden).pk)
    base.refresh_from_db()
    assert (base.state, base.source_image) == (Stored.READY, None)


@pytest.mark.requirement("IM-3")
def test_only_an_administrator_does_and_the_image_stays_meanwhile(
    owner: Actor, admin: Actor, golden: Image, cloud: Cloud
) -> None:
    with pytest.raises(Forbidden):
        copy_to_base(owner, golden, name="mine for all")
    operation = copy_to_base(admin, golden, name="Debian for all")
    with pytest.raises(InUse):
        delete_image(owner, golden)
    base = finished(operation)
    with pytest.raises(NotNow):
        copy_to_base(admin, base, name="again")


@pytest.mark.requirement("IM-3")
def test_a_copy_to_a_base_image_that_failed_is_retried(cloud: Cloud, admin: Actor, golden: Image) -> None:
    operation = copy_to_base(admin, golden, name="Debian for all")
    cloud.world.fail("volumes.ensure_image_copy", refused())
    execute(operation.pk)
    base = Image.objects.get(pk=operation.target_id)
    assert base.state == Stored.ERROR
    assert finished(retry_image(admin, base)).state == Stored.READY


# -- API ---------------------------------------------------------------------------------------------------------------


def test_the_api_answers_with_the_operation_of_the_image(alice: User, vm: Vm) -> None:
    api = factories.api_client(alice)
    answer = api.post(f"/api/v1/vms/{vm.pk}/create-image", {"name": "golden"}, format="json")
    assert answer.status_code == 202, answer.content
    image = finished(Operation.objects.get(pk=answer.json()["operation"]["id"]))
    seen = api.get(f"/api/v1/images/{image.pk}").json()
    assert (seen["state"], seen["consistency"], seen["base"]) == ("ready", "filesystem", False)
