"""What new disks get their data from: who may read it, and that it stays until it has been read."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role, Tenant, User
from apps.compute.models import Vm
from apps.compute.operations import reconciliation
from apps.compute.services.delete import delete_vm
from apps.compute.services.repair import force_clean_vm
from apps.drivers.errors import DriverError
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Busy, Forbidden, InUse, NotNow
from apps.lifecycle.models import Operation
from apps.reconciliation.selectors import in_trouble
from apps.reconciliation.services import Action, do
from apps.storage.create_form import DiskForm
from apps.storage.models import Disk, Snapshot
from apps.storage.services.create import clone_disk, create_disks
from apps.storage.services.disk import delete_disk
from tests import factories
from tests.compute.factories import Cloud
from tests.storage.factories import done, failed, make_attached, make_snapshot, read, volumes, write

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-3")]


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.mark.requirement("AC-1")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
@pytest.mark.parametrize("of", ["disk", "snapshot"])
def test_who_only_sees_a_disk_cannot_copy_its_data_into_another_project(
    owner: Actor, disk: Disk, tenant: Tenant, role: Role, of: str
) -> None:
    source = disk if of == "disk" else make_snapshot(owner, disk)
    own = factories.make_project(tenant)
    member = factories.make_member(tenant, role)
    factories.grant(member, Role.MANAGER, own)
    actor = factories.actor_for_user(member)

    def ask() -> list[Operation]:
        if of == "disk":
            return create_disks(actor, name="copy", project=own.uid, disk=source.pk)
        return create_disks(actor, name="copy", project=own.uid, snapshot=source.pk)

    with pytest.raises(Forbidden):
        ask()
    factories.grant_resource(member, Role.MANAGER, source)
    done(*ask())


@pytest.mark.requirement("AC-1")
def test_the_create_page_offers_only_sources_that_may_be_copied(
    owner: Actor, disk: Disk, tenant: Tenant
) -> None:
    snapshot = make_snapshot(owner, disk)
    member = factories.make_member(tenant, Role.VIEWER)
    factories.grant(member, Role.MANAGER, factories.make_project(tenant))

    def offered(user: User) -> list[int]:
        form = DiskForm(actor=factories.actor_for_user(user))
        return [form.fields[name].queryset.count() for name in ("disk", "snapshot")]  # type: ignore[attr-defined]

    assert offered(member) == [0, 0]
    factories.grant_resource(member, Role.MANAGER, disk)
    factories.grant_resource(member, Role.MANAGER, snapshot)
    assert offered(member) == [1, 1]


def ensure_no_copy(owner: Actor, disk: Disk, snapshot: Snapshot) -> None:
    """See that nothing is created from a disk or its snapshot."""
    before = set(Disk.objects.values_list("pk", flat=True))
    with pytest.raises(NotNow, match="is being deleted"):
        create_disks(owner, name="copy", snapshot=snapshot.pk)
    with pytest.raises(NotNow, match="is being deleted"):
        create_disks(owner, name="copy", disk=disk.pk)
    with pytest.raises((NotNow, Busy)):
        clone_disk(owner, disk, name="copy")
    assert set(Disk.objects.values_list("pk", flat=True)) == before


def test_nothing_is_copied_from_a_snapshot_whose_disk_is_being_deleted(owner: Actor, disk: Disk) -> None:
    """The copy would be blank: its source goes before it has been read."""
    snapshot = make_snapshot(owner, disk)
    delete_disk(owner, disk, with_snapshots=True)
    before = Disk.objects.count()
    with pytest.raises(NotNow, match="is being deleted"):
        create_disks(owner, name="copy", snapshot=snapshot.pk)
    assert Disk.objects.count() == before


@pytest.mark.requirement("VM-10")
@pytest.mark.parametrize("role", ["system", "data"])
def test_nothing_is_copied_from_a_disk_that_goes_with_its_vm(
    owner: Actor, cloud: Cloud, vm: Vm, role: str
) -> None:
    data = make_attached(owner, cloud, vm)
    disk = data if role == "data" else vm.disks.get(role="system")
    snapshot = make_snapshot(owner, disk)
    deletion = delete_vm(owner, vm, delete_disks=[data.pk], with_snapshots=True)
    ensure_no_copy(owner, disk, snapshot)
    done(deletion)
    assert not Disk.objects.exists()


@pytest.mark.requirement("VM-10")
def test_a_data_disk_that_outlives_its_vm_can_be_copied_while_that_is_deleted(
    owner: Actor, cloud: Cloud, vm: Vm
) -> None:
    disk = make_attached(owner, cloud, vm)
    snapshot = make_snapshot(owner, disk)
    deletion = delete_vm(owner, vm)
    (copying,) = create_disks(owner, name="copy", snapshot=snapshot.pk)
    done(deletion)
    done(copying)


@pytest.mark.requirement("OP-3")
@pytest.mark.parametrize("is_copied", [True, False], ids=["copied since", "not copied"])
def test_a_force_clean_tried_again_spares_a_disk_that_has_been_copied_since(
    owner: Actor, admin: Actor, cloud: Cloud, vm: Vm, monkeypatch: pytest.MonkeyPatch, is_copied: bool
) -> None:
    """The disk is named by the deletion that the first force clean has pushed aside."""
    disk = make_attached(owner, cloud, vm)
    write(disk, "precious")
    delete_vm(owner, vm, delete_disks=[disk.pk])
    with monkeypatch.context() as patched:
        patched.setattr(reconciliation, "read_vm", refuse)
        assert failed(force_clean_vm(SYSTEM, vm))["code"] == "tried.refused"
    if not is_copied:
        done(do(admin, in_trouble(admin).get(pk=vm.pk), Action.RETRY))
        assert (Disk.objects.count(), volumes()) == (0, {})
        return
    cloud.world.copy_steps = 9
    done(clone_disk(owner, disk, name="copy"))
    with pytest.raises(InUse, match="copy"):
        do(admin, in_trouble(admin).get(pk=vm.pk), Action.RETRY)
    assert not Operation.objects.open().filter(verb="vm.force_clean").exists()
    assert read(disk) == "precious" and str(disk.pk) in volumes()
    assert Disk.objects.filter(pk=disk.pk, vm=vm).exists()


def refuse(*args: object) -> None:
    raise DriverError("No.", code="tried.refused", permanent=True)
