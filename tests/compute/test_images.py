"""Base images: imported by admins, used by all, deleted when nothing reads from them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from apps.accounts.models import User
from apps.compute.models import Image, Vm
from apps.compute.selectors import visible_images
from apps.compute.services.delete import delete_vm
from apps.compute.services.image import IMPORT_DIRECTORY, delete_image, import_image, retry_image
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryVolumes
from apps.drivers.specs import ImageInfo, PoolKind
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.errors import Forbidden, InUse, Invalid
from apps.lifecycle.handlers import handler_of
from apps.lifecycle.models import Operation, State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

pytestmark = pytest.mark.django_db
GIB = 1 << 30


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


def imported(operation: Operation) -> Image:
    execute(operation.pk)
    return Image.objects.get(pk=operation.target_id)


@pytest.mark.requirement("IM-1")
def test_an_imported_base_image_is_offered_to_every_tenant(
    cloud: Cloud, admin: Actor, owner: Actor, bob: User
) -> None:
    image = imported(import_image(admin, name="Debian", cluster=cloud.storage, file=f"memory:{3 * GIB + 1}"))
    assert (image.state, image.min_disk_gib, image.default_disk_gib) == (State.READY, 4, 40)
    for actor in (owner, factories.actor_for_user(bob)):
        assert image in visible_images(actor)
        with pytest.raises(Forbidden):
            delete_image(actor, image)


@pytest.mark.requirement("IM-1")
def test_a_vm_gets_a_forty_gib_system_disk_by_default(cloud: Cloud, owner: Actor, subnet: Subnet) -> None:
    assert make_vm(owner, cloud, subnet).disks.get().size_gib == 40


@pytest.mark.requirement("IM-5")
def test_a_file_that_is_no_image_leaves_an_error_and_nothing_in_the_pool(
    cloud: Cloud, admin: Actor, tmp_path: Path
) -> None:
    (tmp_path / IMPORT_DIRECTORY).mkdir()
    (tmp_path / IMPORT_DIRECTORY / "bad.img").write_text("no image")
    cloud.storage.path = str(tmp_path)
    cloud.storage.save()
    image = imported(import_image(admin, name="Bad", cluster=cloud.storage, file="bad.img"))
    assert image.state == State.ERROR
    assert image.error["code"] == "volumes.image_invalid"
    assert str(image.pk) not in MemoryVolumes(cloud.world).observe(cloud.storage.spec()).of(PoolKind.IMAGE)
    execute(delete_image(admin, image).pk)
    assert not Image.objects.filter(pk=image.pk).exists()


@pytest.mark.requirement("OP-4")
def test_an_import_that_failed_can_be_tried_again(cloud: Cloud, admin: Actor) -> None:
    cloud.world.fail("volumes.ensure_image", DriverError("The pool is full.", permanent=True))
    image = imported(import_image(admin, name="Debian", cluster=cloud.storage, file=f"memory:{GIB}"))
    assert image.state == State.ERROR
    assert imported(retry_image(admin, image)).state == State.READY


@pytest.mark.requirement("OP-4")
def test_a_large_image_is_given_the_time_it_takes_and_shows_how_far_it_is(cloud: Cloud, admin: Actor) -> None:
    operation = import_image(admin, name="Large", cluster=cloud.storage, file=f"memory:{100 * GIB}")
    still = DriverError(
        "Still copying.",
        code="host.still_working",
        values={"done_bytes": 50 * GIB, "total_bytes": 100 * GIB},
    )
    cloud.world.fail("volumes.ensure_image", still)
    claimed, seen = claim(operation.pk), []
    assert claimed is not None
    run = OperationContext(claimed)
    cloud.world.on_call = lambda verb, moment: seen.append(run.progress)
    handler_of(operation.verb)(run)
    assert 50 in seen
    operation.refresh_from_db()
    # 10 MiB/s, beside what any import may take.
    assert timedelta(hours=2, minutes=50) < operation.deadline - operation.created_at < timedelta(hours=4)


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "figures",
    [
        {"done_bytes": "text", "total_bytes": 1},
        {"done_bytes": 2, "total_bytes": 1},
        {"done_bytes": -1, "total_bytes": GIB},
        {"done_bytes": 1, "total_bytes": 2**63 - 1},
        {"done_bytes": 1.5, "total_bytes": "nan"},
    ],
    ids=str,
)
def test_figures_of_a_copy_that_cannot_be_move_neither_progress_nor_deadline(
    cloud: Cloud, admin: Actor, figures: dict[str, object]
) -> None:
    operation = import_image(admin, name="Large", cluster=cloud.storage, file=f"memory:{GIB}")
    before = operation.deadline
    cloud.world.fail(
        "volumes.ensure_image", DriverError("Still copying.", code="host.still_working", values=figures)
    )
    assert imported(operation).state == State.READY
    operation.refresh_from_db()
    assert (operation.deadline, operation.progress) == (before, 100)


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "info",
    [
        ImageInfo(virtual_bytes=2**63 - 1, stored_bytes=1, source_format="qcow2"),
        ImageInfo(virtual_bytes=0, stored_bytes=1, source_format="qcow2"),
        ImageInfo(virtual_bytes=GIB, stored_bytes=2**63 - 1, source_format="qcow2"),
        ImageInfo(virtual_bytes=GIB, stored_bytes=GIB, source_format="<b>new</b>"),
    ],
    ids=str,
)
def test_an_image_that_cannot_be_so_is_not_offered(
    cloud: Cloud, admin: Actor, monkeypatch: pytest.MonkeyPatch, info: ImageInfo
) -> None:
    monkeypatch.setattr(MemoryVolumes, "ensure_image", lambda *_: info)
    image = imported(import_image(admin, name="Odd", cluster=cloud.storage, file=f"memory:{GIB}"))
    assert (image.state, image.error["code"]) == (State.ERROR, "image.implausible")


@pytest.mark.parametrize("file", ["", "../etc/shadow", "/etc/shadow", ".hidden", "a\x00b"])
def test_only_plain_names_in_the_import_directory_are_taken(cloud: Cloud, admin: Actor, file: str) -> None:
    pool = factories.make_storage(cloud.region, driver="file")
    with pytest.raises(Invalid):
        import_image(admin, name="x", cluster=pool, file=file)


def test_only_admins_import(cloud: Cloud, owner: Actor) -> None:
    with pytest.raises(Forbidden):
        import_image(owner, name="x", cluster=cloud.storage, file="memory:1")


@pytest.mark.requirement("IM-3")
def test_an_image_with_disks_made_from_it_cannot_be_deleted(
    cloud: Cloud, admin: Actor, owner: Actor, subnet: Subnet
) -> None:
    vm = make_vm(owner, cloud, subnet)
    with pytest.raises(InUse) as refused:
        delete_image(admin, cloud.image)
    assert refused.value.details["resources"] == [{"kind": "vm", "id": str(vm.pk), "name": "web"}]
    execute(delete_vm(owner, vm).pk)
    assert not Vm.objects.exists()
    execute(delete_image(admin, cloud.image).pk)
    assert not Image.objects.exists()


@pytest.mark.requirement("IN-1")
def test_an_image_suggests_no_larger_disk_than_its_cluster_takes(
    cloud: Cloud, admin: Actor, owner: Actor, subnet: Subnet
) -> None:
    StorageCluster.objects.filter(pk=cloud.storage.pk).update(max_disk_gib=100)
    cloud.storage.refresh_from_db()
    with pytest.raises(Invalid) as refused:
        import_image(admin, name="Big", cluster=cloud.storage, file="memory:1", default_disk_gib=101)
    assert list(refused.value.fields) == ["default_disk_gib"]
    imported(import_image(admin, name="Big", cluster=cloud.storage, file="memory:1", default_disk_gib=100))
    # The cluster takes less since: what is chosen by default is still accepted.
    StorageCluster.objects.filter(pk=cloud.storage.pk).update(max_disk_gib=30)
    assert make_vm(owner, cloud, subnet).disks.get().size_gib == 30
