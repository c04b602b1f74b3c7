"""A disk moves to another project with its snapshots; a system disk only with its VM."""

from __future__ import annotations

import pytest

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.services.power import rename_vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.storage.models import Disk
from apps.storage.services.disk import rename_disk
from apps.storage.services.snapshot import rename_snapshot
from tests import factories
from tests.storage.factories import make_snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-1")]


def test_a_disk_moves_with_its_snapshots_and_gets_its_new_name(
    owner: Actor, disk: Disk, tenant: Tenant
) -> None:
    snapshot, other = make_snapshot(owner, disk), factories.make_project(tenant)
    with pytest.raises(Invalid, match="Move the disk instead"):
        rename_snapshot(owner, snapshot, project=other.uid)
    rename_disk(owner, disk, name="renamed", project=other.uid)
    for row in (disk, snapshot):
        row.refresh_from_db()
    assert (disk.name, disk.project, snapshot.project) == ("renamed", other, other)


def test_a_system_disk_moves_with_its_vm_only_and_its_snapshots_with_it(
    owner: Actor, vm: Vm, tenant: Tenant
) -> None:
    system, other = vm.disks.get(), factories.make_project(tenant)
    snapshot = make_snapshot(owner, system)
    with pytest.raises(Invalid, match="Move the VM instead"):
        rename_disk(owner, system, project=other.uid)
    rename_vm(owner, vm, project=other.uid)
    for row in (system, snapshot):
        row.refresh_from_db()
    assert (system.project, snapshot.project) == (other, other)
