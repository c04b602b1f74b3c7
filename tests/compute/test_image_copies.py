"""Copies of images in further storage clusters: on first use or beforehand, once, and kept while disks read them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.compute.models import Image, ImageCopy, Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.image import delete_image
from apps.compute.services.image_copy import copy_image, delete_copy
from apps.compute.services.power import retry_vm
from apps.compute.services.repair import force_clean_image
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryVolumes
from apps.drivers.specs import PoolKind
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.services.clusters import delete_cluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.errors import Busy, Forbidden, InUse, Invalid, NotNow, Refused
from apps.lifecycle.handlers import handler_of
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Subnet
from apps.reconciliation.models import Rule
from apps.storage.models import Disk
from apps.storage.services.create import clone_disk
from tests import factories
from tests.compute.factories import GIB, Cloud, ask_for_vms, make_image, settled
from tests.reconciliation.drift import findings, look_twice, the_finding

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-4")]
REFUSED = DriverError("The pool is full.", code="volumes.no_space", permanent=True)


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.fixture
def second(cloud: Cloud) -> StorageCluster:
    """Another storage cluster of the region."""
    return factories.make_storage(cloud.region, "second")


def done(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, (operation.status, operation.error)
    return operation


def failed(operation: Operation) -> dict[str, object]:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    return dict(operation.error)


def open_copies() -> list[Operation]:
    return list(Operation.objects.open().filter(verb="image.copy"))


def images_in(cloud: Cloud, cluster: StorageCluster) -> set[str]:
    return set(MemoryVolumes(cloud.world).observe(cluster.spec()).of(PoolKind.IMAGE))


def copied(admin: Actor, image: Image, cluster: StorageCluster) -> ImageCopy:
    done(copy_image(admin, image, cluster=cluster.pk))
    return ImageCopy.objects.get(image=image, cluster=cluster)


# -- first use ---------------------------------------------------------------------------------------------------------


def test_the_first_vm_in_a_storage_cluster_has_the_image_copied_and_later_ones_use_the_copy(
    cloud: Cloud, owner: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    first = ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk, count=3)
    (later,) = ask_for_vms(owner, cloud, subnet, name="later", disk_cluster=second.pk)
    (copying,) = open_copies()
    assert copying.actor is None
    done(copying)
    for operation in (*first, later):
        settled(operation)
    (last,) = ask_for_vms(owner, cloud, subnet, name="last", disk_cluster=second.pk)
    vm = settled(last)
    copy = ImageCopy.objects.get()
    assert (copy.state, copy.stored_bytes) == (ImageCopy.State.READY, GIB)
    assert Operation.objects.filter(verb="image.copy").count() == 1
    disk = vm.disks.get()
    assert (disk.cluster, disk.image, disk.image_copy) == (second, cloud.image, copy)
    assert images_in(cloud, second) == {str(copy.pk)}
    second.refresh_from_db()
    cloud.storage.refresh_from_db()
    assert (second.provisioned_gib, cloud.storage.provisioned_gib) == (5 * 40, 0)


def test_a_vm_in_the_images_own_storage_cluster_needs_no_copy(
    cloud: Cloud, owner: Actor, subnet: Subnet
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet, disk_cluster=cloud.storage.pk)
    assert settled(operation).disks.get().image_copy is None
    assert not ImageCopy.objects.exists()


def test_a_vm_waits_for_the_copy_and_shows_how_far_it_is(
    cloud: Cloud, owner: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk)
    (copying,) = open_copies()
    Operation.objects.filter(pk=copying.pk).update(progress=40)
    claimed = claim(operation.pk)
    assert claimed is not None
    run, seen = OperationContext(claimed), []

    def progressed(percent: int) -> None:
        seen.append(percent)
        execute(copying.pk)

    run.progressed = progressed  # type: ignore[method-assign]
    handler_of(operation.verb)(run)
    assert seen[0] == 36, "40 % of the copy, which is nine tenths of the whole"
    texts = [step["text"] for step in run.steps]
    assert texts[0] == f"Copying image Tiny to {second}"
    assert texts[1].startswith("Creating the system disk")
    copying.refresh_from_db()
    claimed.refresh_from_db()
    assert claimed.deadline > copying.deadline


def test_vms_whose_image_could_not_be_copied_say_so_and_a_retry_copies_it_again(
    cloud: Cloud, owner: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk)
    (copying,) = open_copies()
    cloud.world.fail("volumes.ensure_image_copy", REFUSED)
    assert failed(copying)["code"] == "volumes.no_space"
    error = failed(operation)
    assert (error["code"], error["values"]) == (
        "image.not_copied",
        {"image": "Tiny", "cluster": str(second)},
    )
    vm = Vm.objects.get()
    again = retry_vm(owner, vm)
    (copying,) = open_copies()
    done(copying)
    settled(again)
    assert ImageCopy.objects.get().error == {}


def test_a_new_vm_has_a_copy_that_failed_made_again(
    cloud: Cloud, owner: Actor, admin: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    cloud.world.fail("volumes.ensure_image_copy", REFUSED)
    failed(copy_image(admin, cloud.image, cluster=second.pk))
    (operation,) = ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk)
    (copying,) = open_copies()
    done(copying)
    settled(operation)
    assert ImageCopy.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_ten_vms_requested_at_the_same_moment_share_one_copy(
    cloud: Cloud, owner: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    errors: list[BaseException] = []

    def request(number: int) -> None:
        try:
            ask_for_vms(owner, cloud, subnet, name=f"at-once-{number}", disk_cluster=second.pk)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=request, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert Vm.objects.count() == 10
    copy = ImageCopy.objects.get()
    assert [operation.pk for operation in open_copies()] == [copy.operation_id]
    assert set(Disk.objects.values_list("image_copy", flat=True)) == {copy.pk}


def test_a_clone_of_a_system_disk_stands_on_the_same_copy(
    cloud: Cloud, owner: Actor, subnet: Subnet, admin: Actor, second: StorageCluster
) -> None:
    copy = copied(admin, cloud.image, second)
    (operation,) = ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk)
    disk = settled(operation).disks.get()
    clone = Disk.objects.get(pk=done(clone_disk(owner, disk, name="clone")).target_id)
    assert clone.image_copy == copy
    with pytest.raises(InUse) as refused:
        done(delete_vm(owner, Vm.objects.get()))
        delete_copy(admin, cloud.image, cluster=second.pk)
    assert "clone" in str(refused.value)


# -- beforehand --------------------------------------------------------------------------------------------------------


def test_an_image_is_copied_beforehand_with_progress(
    cloud: Cloud, admin: Actor, second: StorageCluster
) -> None:
    operation = copy_image(admin, cloud.image, cluster=second.pk)
    still = DriverError(
        "Still copying.", code="host.still_working", values={"done_bytes": GIB // 2, "total_bytes": GIB}
    )
    cloud.world.fail("volumes.ensure_image_copy", still)
    claimed = claim(operation.pk)
    assert claimed is not None
    run, seen = OperationContext(claimed), []
    cloud.world.on_call = lambda verb, moment: seen.append(run.progress)
    handler_of(operation.verb)(run)
    assert 50 in seen


def test_what_cannot_be_copied_there_is_refused_by_name(
    cloud: Cloud, admin: Actor, tenant_a: Tenant, second: StorageCluster
) -> None:
    far = factories.make_storage(factories.make_region("far"), "far-away")
    closed = factories.make_storage(cloud.region, "closed", accepts_disks=False)
    private = factories.make_storage(cloud.region, "private", open_to_all=False)
    own = make_image(cloud.storage, "own", tenant=tenant_a, project=factories.default_project(tenant_a))
    copied(admin, cloud.image, second)
    for image, cluster, kind, named in (
        (cloud.image, far, Refused, "far-away"),
        (cloud.image, closed, Refused, "closed"),
        (own, private, Invalid, tenant_a.name),
        (cloud.image, cloud.storage, Invalid, "already stored"),
        (cloud.image, second, Invalid, "already stored"),
    ):
        with pytest.raises(kind) as refused:
            copy_image(admin, image, cluster=cluster.pk)
        assert named in str(refused.value) and refused.value.field == "cluster"
    with pytest.raises(Invalid):
        copy_image(admin, cloud.image, cluster=10**6)
    assert ImageCopy.objects.count() == 1


def test_a_system_disk_is_refused_by_name_where_it_cannot_be(
    cloud: Cloud, owner: Actor, subnet: Subnet
) -> None:
    far = factories.make_storage(factories.make_region("far"), "far-away")
    closed = factories.make_storage(cloud.region, "closed", accepts_disks=False)
    private = factories.make_storage(cloud.region, "private", open_to_all=False)
    small = factories.make_storage(cloud.region, "small", max_disk_gib=20)
    for cluster, field in ((far, "disk_cluster"), (closed, "disk_cluster"), (private, "disk_cluster")):
        with pytest.raises(Refused) as refused:
            ask_for_vms(owner, cloud, subnet, disk_cluster=cluster.pk)
        assert refused.value.field == field
    with pytest.raises(Invalid) as too_large:
        ask_for_vms(owner, cloud, subnet, disk_cluster=small.pk, disk_gib=21)
    assert list(too_large.value.fields) == ["disk_gib"]
    assert not ImageCopy.objects.exists() and not Vm.objects.exists()


def test_the_owner_copies_own_images_but_no_base_image(
    cloud: Cloud, owner: Actor, tenant_a: Tenant, second: StorageCluster
) -> None:
    with pytest.raises(Forbidden):
        copy_image(owner, cloud.image, cluster=second.pk)
    own = make_image(cloud.storage, "own", tenant=tenant_a, project=factories.default_project(tenant_a))
    copied(owner, own, second)
    with pytest.raises(Forbidden):
        delete_copy(owner, cloud.image, cluster=second.pk)
    done(delete_copy(owner, own, cluster=second.pk))


def test_one_copy_is_made_at_a_time_in_a_storage_cluster_and_in_several_at_once(
    cloud: Cloud, admin: Actor, second: StorageCluster
) -> None:
    third = factories.make_storage(cloud.region, "third")
    first = copy_image(admin, cloud.image, cluster=second.pk)
    with pytest.raises(Busy) as refused:
        copy_image(admin, cloud.image, cluster=second.pk)
    assert "second" in str(refused.value)
    other = copy_image(admin, cloud.image, cluster=third.pk)
    done(other)
    done(first)
    assert images_in(cloud, second).isdisjoint(images_in(cloud, third))


def test_a_copy_that_was_cancelled_can_be_made_again_or_deleted(
    cloud: Cloud, admin: Actor, second: StorageCluster
) -> None:
    assert cancel(admin, copy_image(admin, cloud.image, cluster=second.pk))
    copy = ImageCopy.objects.get()
    assert (copy.state, copy.error["code"]) == (ImageCopy.State.ERROR, "operation.cancelled")
    done(delete_copy(admin, cloud.image, cluster=second.pk))
    assert not ImageCopy.objects.exists()
    copied(admin, cloud.image, second)


# -- deleting ----------------------------------------------------------------------------------------------------------


def test_a_copy_is_deleted_when_no_disk_reads_it_and_refused_by_name_before(
    cloud: Cloud, admin: Actor, owner: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    copied(admin, cloud.image, second)
    (operation,) = ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk)
    vm = settled(operation)
    with pytest.raises(InUse) as refused:
        delete_copy(admin, cloud.image, cluster=second.pk)
    assert "web-system" in str(refused.value)
    done(delete_vm(owner, vm))
    done(delete_copy(admin, cloud.image, cluster=second.pk))
    assert not ImageCopy.objects.exists() and not images_in(cloud, second)
    with pytest.raises(NotNow):
        delete_copy(admin, cloud.image, cluster=second.pk)


def test_a_vm_is_refused_while_the_copy_it_needs_is_being_deleted(
    cloud: Cloud, admin: Actor, owner: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    copied(admin, cloud.image, second)
    delete_copy(admin, cloud.image, cluster=second.pk)
    with pytest.raises(NotNow) as refused:
        ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk)
    assert "second" in str(refused.value)


def test_an_image_is_deleted_with_its_copies_and_stays_while_vms_stand_on_one(
    cloud: Cloud, admin: Actor, owner: Actor, subnet: Subnet, second: StorageCluster
) -> None:
    copied(admin, cloud.image, second)
    (operation,) = ask_for_vms(owner, cloud, subnet, disk_cluster=second.pk)
    vm = settled(operation)
    for remove in (delete_image, force_clean_image):
        with pytest.raises(InUse):
            remove(admin, cloud.image)
    done(delete_vm(owner, vm))
    done(delete_image(admin, cloud.image))
    assert not Image.objects.exists() and not ImageCopy.objects.exists()
    assert not images_in(cloud, second) and not images_in(cloud, cloud.storage)


@pytest.mark.parametrize("remove", [delete_image, force_clean_image])
def test_deleting_an_image_stops_its_copying_first(
    cloud: Cloud,
    admin: Actor,
    second: StorageCluster,
    remove: Callable[[Actor, Image], Operation],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copying = copy_image(admin, cloud.image, cluster=second.pk)
    assert claim(copying.pk) is not None, "a worker copies"
    deleting = remove(admin, cloud.image)
    waited: list[str] = []

    def wait(run: OperationContext, reached: Callable[[], bool], **_values: object) -> None:
        """The copy's worker comes to its next step."""
        waited.append(run.steps[-1]["text"])
        assert not reached()
        Operation.objects.filter(pk=copying.pk).update(lease_until=timezone.now())
        execute(copying.pk)
        assert reached()

    monkeypatch.setattr(OperationContext, "wait_until", wait)
    done(deleting)
    copying.refresh_from_db()
    assert copying.status == OperationStatus.CANCELLED
    assert waited == ["Waiting for copies of the image to stop"]
    assert not Image.objects.exists() and not ImageCopy.objects.exists()
    assert not images_in(cloud, second)


def test_a_storage_cluster_with_copies_is_deleted_only_after_them(
    cloud: Cloud, admin: Actor, second: StorageCluster
) -> None:
    copied(admin, cloud.image, second)
    with pytest.raises(InUse) as refused:
        delete_cluster(admin, second)
    assert "copy of image Tiny" in str(refused.value)


# -- API ---------------------------------------------------------------------------------------------------------------


def test_the_api_lists_the_copies_of_an_image_that_the_reader_may_know_of(
    cloud: Cloud, admin: Actor, ada: User, alice: User, second: StorageCluster
) -> None:
    private = factories.make_storage(cloud.region, "private", open_to_all=False)
    copied(admin, cloud.image, second)
    copy_image(admin, cloud.image, cluster=private.pk)

    def seen_by(user: User) -> list[tuple[str, str, int | None]]:
        answer = factories.api_client(user).get(f"/api/v1/images/{cloud.image.pk}")
        return [(row["cluster"]["name"], row["state"], row["progress"]) for row in answer.json()["copies"]]

    assert seen_by(ada) == [("private", "copying", 0), ("second", "ready", None)]
    assert seen_by(alice) == [("second", "ready", None)]


def test_the_dry_run_says_what_is_copied_first(
    cloud: Cloud, admin: Actor, alice: User, subnet: Subnet, second: StorageCluster
) -> None:
    Image.objects.filter(pk=cloud.image.pk).update(stored_bytes=GIB)
    body = {
        "name": "web",
        "instance_type": str(cloud.small.pk),
        "image": str(cloud.image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
        "disk_cluster": str(second.pk),
    }

    def copy_seen() -> object:
        answer = factories.api_client(alice).post("/api/v1/vms?dry_run=1", body, format="json").json()
        assert answer["possible"], answer
        return answer["copy"]

    expected = {"cluster": {"id": str(second.pk), "name": "second"}, "size_bytes": GIB}
    assert copy_seen() == {**expected, "progress": None}
    operation = copy_image(admin, cloud.image, cluster=second.pk)
    Operation.objects.filter(pk=operation.pk).update(progress=40)
    assert copy_seen() == {**expected, "progress": 40}
    done(operation)
    assert copy_seen() is None


# -- pages -------------------------------------------------------------------------------------------------------------


def test_the_image_page_lists_where_it_is_and_offers_to_copy_and_delete(
    cloud: Cloud, admin: Actor, ada: User, alice: User, second: StorageCluster
) -> None:
    third = factories.make_storage(cloud.region, "third")
    page, path = factories.page_client(ada), f"/admin/images/{cloud.image.pk}"
    asked = page.get(f"{path}/copy/").content.decode()
    assert f'<option value="{second.pk}">second</option>' in asked
    assert f'value="{cloud.storage.pk}"' not in asked
    assert page.post(f"{path}/copy/", {"cluster": second.pk}).status_code < 400
    done(open_copies()[0])
    cloud.world.fail("volumes.ensure_image_copy", REFUSED)
    failed(copy_image(admin, cloud.image, cluster=third.pk))
    shown = page.get(f"{path}/copies/").content.decode()
    assert "The pool is full." in shown
    assert f"{path}/copy/?cluster={third.pk}" in shown and f"{path}/delete-copy/?cluster={second.pk}" in shown
    assert (
        f'<option value="{second.pk}" selected>'
        in page.get(f"{path}/delete-copy/?cluster={second.pk}").content.decode()
    )
    read_only = factories.page_client(alice).get(f"/images/{cloud.image.pk}/copies/").content.decode()
    assert "second" in read_only and "delete-copy" not in read_only


def test_the_create_page_says_that_the_image_is_copied_first(
    cloud: Cloud, alice: User, subnet: Subnet, second: StorageCluster
) -> None:
    Image.objects.filter(pk=cloud.image.pk).update(stored_bytes=3 * GIB // 2)
    page = factories.page_client(alice)
    assert 'name="disk_cluster"' in page.get("/vms/create/").content.decode()
    query = {"preview": "1", "name": "web", "image": cloud.image.pk, "disk_cluster": second.pk}
    shown = page.get("/vms/create/", query).content.decode()
    assert "The image is copied to second first (1.5 GiB)." in shown


# -- reconciliation ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("OP-3")
def test_copies_are_reconciled_as_images_are(cloud: Cloud, admin: Actor, second: StorageCluster) -> None:
    copy = copied(admin, cloud.image, second)
    copy_image(admin, cloud.image, cluster=factories.make_storage(cloud.region, "third").pk)
    look_twice()
    assert findings() == []
    MemoryVolumes(cloud.world).ensure_image_absent(copy.spec())
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.target_id, finding.resource_id) == (Rule.STALE, copy.pk, cloud.image.pk)
    assert finding.storage_cluster == second
    done(delete_copy(admin, cloud.image, cluster=second.pk))
    copied(admin, cloud.image, second)
    look_twice()
    assert findings() == []
