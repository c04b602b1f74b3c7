"""Disks in the portal: list, details, dialogs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Role, Tenant, User
from apps.compute.models import Vm
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.models import Operation
from apps.metrics.active_store import store
from apps.metrics.store import Sample, Subject
from apps.network.models import Subnet
from apps.portal.charts import DISK_CHARTS
from apps.quotas.models import Quota
from apps.storage.models import Disk
from apps.storage.qos import bounds
from apps.storage.services.disk import finish_copy
from tests import factories
from tests.compute.factories import Cloud, make_cloud, make_vm
from tests.storage.factories import make_attached, run, set_guest
from tests.storage.rows import disk_row, snapshot_row

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EV-1"), pytest.mark.requirement("UX-5")]


@pytest.fixture
def browser(alice: User) -> Client:
    return factories.page_client(alice)


def plain(html: str) -> str:
    """Return a page with ordinary blanks between figures and units."""
    return html.replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ")


def html_of(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer
    return plain(answer.content.decode())


def dialog(browser: Client, path: str) -> str:
    answer = browser.get(path, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer
    return plain(answer.content.decode())


def post(browser: Client, path: str, **form: Any) -> Any:
    return browser.post(path, form, headers={"HX-Request": "true"})


ACTIONS = ["attach", "detach", "expand", "snapshot", "clone", "set-limits", "rename", "roll-back"]
ACTIONS += ["force-detach", "delete"]


@pytest.mark.parametrize("admin", [False, True])
def test_every_page_and_dialog_of_a_disk_opens(
    browser: Client, ada: User, tenant_a: Tenant, cloud: Cloud, vm: Vm, admin: bool
) -> None:
    disk = disk_row(tenant_a, cloud, vm=vm)
    snapshot = snapshot_row(disk)
    copied = {"copied_from": disk, "from_snapshot": snapshot}
    disk_row(tenant_a, cloud, "copy", **copied)
    browser, prefix = (factories.page_client(ada), "/admin") if admin else (browser, "")
    for page in ("", "snapshots/", "monitoring/", "activity/", "menu/"):
        html_of(browser, f"{prefix}/disks/{disk.pk}/{page}")
    for action in ACTIONS:
        dialog(browser, f"{prefix}/disks/{disk.pk}/{action}/")
    for path in ("/disks/", "/snapshots/", f"/snapshots/{snapshot.pk}/", f"/vms/{vm.pk}/disks/"):
        html_of(browser, prefix + path)
    dialog(browser, f"{prefix}/snapshots/{snapshot.pk}/delete/")
    dialog(browser, f"{prefix}/vms/{vm.pk}/delete/")
    dialog(browser, f"{prefix}/vms/{vm.pk}/snapshot-disks/")


def test_an_attached_disk_says_how_to_find_it_in_the_guest(
    browser: Client, tenant_a: Tenant, cloud: Cloud, vm: Vm
) -> None:
    disk = disk_row(tenant_a, cloud, vm=vm)
    html = html_of(browser, f"/disks/{disk.pk}/")
    assert f'data-copy="{disk.guest_path}"' in html and f'data-copy="{disk.serial}"' in html
    assert f'href="/vms/{vm.pk}/"' in html


def test_limits_stand_beside_what_the_disk_does_now(
    browser: Client, tenant_a: Tenant, cloud: Cloud, vm: Vm
) -> None:
    disk = disk_row(tenant_a, cloud, vm=vm, iops_set=500, bytes_set=50 << 20)
    values = {"disk_read_ops_per_second": 100.0, "disk_write_ops_per_second": 23.0}
    store().record([Sample(Subject("disk", str(disk.pk)), timezone.now(), values)])
    html = html_of(browser, f"/disks/{disk.pk}/")
    assert "123 of 500" in html and "50 MiB/s" in html and "Set for this disk." in html
    drawn = re.findall(r'<tr data-name="(\w+)"', html)
    assert drawn == [name for chart in DISK_CHARTS for name in chart.names]


def test_the_attach_dialog_names_the_vms_that_cannot_have_the_disk_and_why(
    browser: Client, owner: Actor, tenant_a: Tenant, cloud: Cloud, vm: Vm, subnet: Subnet
) -> None:
    full = make_vm(owner, cloud, subnet, name="full")
    for number in range(6):
        disk_row(tenant_a, cloud, f"data-{number}", vm=full)
    elsewhere = make_cloud(cloud.world)
    make_vm(owner, elsewhere, elsewhere.network(tenant_a, "10.1.0.0/20"), name="elsewhere")
    disk = disk_row(tenant_a, cloud)
    html = dialog(browser, f"/disks/{disk.pk}/attach/")
    assert f'<option value="{vm.pk}">web</option>' in html
    assert f'<option value="{full.pk}" disabled>full: already has 6 data disks</option>' in html
    assert "1 VM in another region cannot use this disk." in html and "elsewhere" not in html
    refused = post(browser, f"/disks/{disk.pk}/attach/", vm=full.pk)
    assert "already has 6 data disks. x86" in refused.content.decode()
    assert post(browser, f"/disks/{disk.pk}/attach/", vm=vm.pk).status_code == 200
    disk.refresh_from_db()
    assert (disk.vm_id, disk.slot) == (vm.pk, 1)


def test_of_many_vms_one_is_found_by_its_name_or_id_at_a_constant_cost(
    browser: Client,
    owner: Actor,
    tenant_a: Tenant,
    cloud: Cloud,
    vm: Vm,
    subnet: Subnet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apps.compute.vm_choice.MOST_OFFERED", 1)
    twin = make_vm(owner, cloud, subnet, name="twin")
    disk, path = disk_row(tenant_a, cloud), "attach/"

    def ask() -> tuple[str, int]:
        with CaptureQueriesContext(connection) as seen:
            html = dialog(browser, f"/disks/{disk.pk}/{path}")
        return html, len(seen)

    html, few = ask()
    assert '<input type="text" name="vm"' in html and '<datalist id="id_vm_list"' in html
    assert html.count("<option") == 1 and "Name or ID of a VM." in html
    make_vm(owner, cloud, subnet, name="twin")
    assert ask()[1] == few
    unknown = post(browser, f"/disks/{disk.pk}/attach/", vm="nobody")
    assert unknown.status_code == 422 and "VM not found." in unknown.content.decode()
    twins = post(browser, f"/disks/{disk.pk}/attach/", vm="twin")
    assert (
        twins.status_code == 422 and "Several VMs have the name twin. Enter the ID." in twins.content.decode()
    )
    assert post(browser, f"/disks/{disk.pk}/attach/", vm="web").status_code == 200
    other = disk_row(tenant_a, cloud, "other")
    assert post(browser, f"/disks/{other.pk}/attach/", vm=str(twin.pk)).status_code == 200
    attached = Disk.objects.filter(role="data").order_by("name").values_list("name", "vm", "slot")
    assert list(attached) == [("data", vm.pk, 1), ("other", twin.pk, 1)]


@pytest.mark.requirement("UX-4")
def test_several_disks_are_attached_to_one_vm_at_once(
    browser: Client, tenant_a: Tenant, cloud: Cloud, vm: Vm
) -> None:
    disks = [disk_row(tenant_a, cloud, name) for name in ("one", "two")]
    asked = {"action": "attach", "key": [str(disk.pk) for disk in disks]}
    html = browser.post("/disks/bulk/", asked).content.decode()
    assert f"web · {tenant_a.name} · {cloud.region.label}" in html
    token = re.search(r'name="token" value="([^"]+)"', html)
    assert token is not None
    answer = browser.post("/disks/bulk/", {**asked, "token": token.group(1), "vm": str(vm.pk)})
    assert answer.status_code == 302, answer.content
    assert sorted(Disk.objects.filter(role="data").values_list("vm", "slot")) == [(vm.pk, 1), (vm.pk, 2)]


def test_attaching_from_the_page_of_a_vm_takes_one_click(
    browser: Client, tenant_a: Tenant, cloud: Cloud, vm: Vm
) -> None:
    disk = disk_row(tenant_a, cloud, "free")
    html = html_of(browser, f"/vms/{vm.pk}/disks/")
    assert f'hx-post="/disks/{disk.pk}/attach/"' in html
    assert f'name="vm" value="{vm.pk}"' in html
    assert "0 of 6 data disks attached." in html


def test_a_detach_that_was_meant_for_another_vm_changes_nothing(
    browser: Client, owner: Actor, tenant_a: Tenant, cloud: Cloud, vm: Vm, subnet: Subnet
) -> None:
    disk = disk_row(tenant_a, cloud, vm=vm)
    html = dialog(browser, f"/disks/{disk.pk}/detach/")
    assert f'name="vm" value="{vm.pk}"' in html
    other = make_vm(owner, cloud, subnet, name="other")
    Disk.objects.filter(pk=disk.pk).update(vm=other)
    answer = post(browser, f"/disks/{disk.pk}/detach/", vm=vm.pk)
    assert answer.status_code == 409 and "not attached to this VM" in answer.content.decode()
    disk.refresh_from_db()
    assert disk.vm_id == other.pk


def test_a_refused_detach_names_the_mount_points_and_the_next_step(
    browser: Client, owner: Actor, cloud: Cloud, vm: Vm
) -> None:
    disk = make_attached(owner, cloud, vm)
    set_guest(vm, mounted={str(disk.pk): ("/srv/data", "/srv/more")})
    assert post(browser, f"/disks/{disk.pk}/detach/", vm=vm.pk).status_code == 200
    run(Operation.objects.open().get())
    html = html_of(browser, f"/disks/{disk.pk}/")
    assert "The guest has mounted the disk at /srv/data, /srv/more." in html
    assert "Unmount it in the guest first." in html
    assert f'href="/disks/{disk.pk}/force-detach/"' in html


def test_forcing_a_detach_is_apart_and_wants_the_name(
    browser: Client, tenant_a: Tenant, cloud: Cloud, vm: Vm
) -> None:
    disk = disk_row(tenant_a, cloud, vm=vm)
    assert "typed_name" not in dialog(browser, f"/disks/{disk.pk}/detach/")
    html = dialog(browser, f"/disks/{disk.pk}/force-detach/")
    assert "has not written yet is lost" in html and 'data-confirm="data"' in html
    assert post(browser, f"/disks/{disk.pk}/force-detach/", vm=vm.pk).status_code == 422


def test_the_expand_dialog_says_size_and_quota_and_refuses_less(
    browser: Client, tenant_a: Tenant, cloud: Cloud
) -> None:
    disk = disk_row(tenant_a, cloud)
    Quota.objects.filter(tenant=tenant_a, metric="disk_gib").update(limit=100, used=20)
    html = dialog(browser, f"/disks/{disk.pk}/expand/")
    assert "Now 20 GiB, at most 32,000 GiB. A disk cannot shrink." in html
    assert "Quota: 80 GiB left." in html
    answer = post(browser, f"/disks/{disk.pk}/expand/", size_gib=19)
    assert answer.status_code == 422 and "cannot shrink. It has 20 GiB" in answer.content.decode()
    assert post(browser, f"/disks/{disk.pk}/expand/", size_gib=101).status_code == 409
    assert post(browser, f"/disks/{disk.pk}/expand/", size_gib=30).status_code == 200
    disk.refresh_from_db()
    assert disk.size_gib == 30


def test_rolling_back_starts_with_the_snapshot_that_was_clicked_and_keeps_the_current_data(
    browser: Client, tenant_a: Tenant, cloud: Cloud
) -> None:
    disk = disk_row(tenant_a, cloud)
    wanted = snapshot_row(disk, "monday")
    snapshot_row(disk, "tuesday")
    link = f"/disks/{disk.pk}/roll-back/?snapshot={wanted.pk}"
    assert link in html_of(browser, f"/disks/{disk.pk}/snapshots/")
    html = dialog(browser, link)
    assert f'<option value="{wanted.pk}" selected>monday' in html
    assert re.search(r'name="snapshot_first"[^>]*checked', html)
    assert "Data written after the snapshot was taken is lost." in html
    answer = post(browser, f"/disks/{disk.pk}/roll-back/", snapshot=wanted.pk, snapshot_first="on")
    assert answer.status_code == 200
    args = Operation.objects.get(target_id=disk.pk).args
    assert (args["snapshot"], args["snapshot_first"]) == (str(wanted.pk), True)


def test_limits_are_set_in_mib_within_the_bounds_of_the_cluster(
    browser: Client, tenant_a: Tenant, cloud: Cloud
) -> None:
    disk = disk_row(tenant_a, cloud)
    within = bounds(cloud.storage, 20)
    html = dialog(browser, f"/disks/{disk.pk}/set-limits/")
    assert f"{within.least_iops} to {within.most_iops:,}." in html
    answer = post(browser, f"/disks/{disk.pk}/set-limits/", iops=100, bytes_per_second=within.most_mib + 1)
    said = answer.context["form"].errors
    assert answer.status_code == 422 and list(said) == ["bytes_per_second"]
    assert post(browser, f"/disks/{disk.pk}/set-limits/", iops=100, bytes_per_second=7).status_code == 200
    disk.refresh_from_db()
    assert (disk.iops_set, disk.bytes_set) == (100, 7 << 20)


def test_the_delete_dialog_names_snapshots_and_copies(
    browser: Client, tenant_a: Tenant, cloud: Cloud
) -> None:
    disk = disk_row(tenant_a, cloud)
    assert "with_snapshots" not in dialog(browser, f"/disks/{disk.pk}/delete/")
    for number in range(7):
        snapshot_row(disk, f"snap-{number}")
    disk_row(tenant_a, cloud, "copy", copied_from=disk, independent_at=timezone.now())
    html = dialog(browser, f"/disks/{disk.pk}/delete/")
    assert "snap-6, snap-5, snap-4, snap-3, snap-2 and 2 more" in html
    assert "Copies of it are kept: copy." in html
    assert not re.search(r'name="with_snapshots"[^>]*checked', html)
    refused = post(browser, f"/disks/{disk.pk}/delete/", typed_name="data")
    assert refused.status_code == 409 and "snap-" in refused.content.decode()
    assert not Operation.objects.exists()
    done = post(browser, f"/disks/{disk.pk}/delete/", typed_name="data", with_snapshots="on")
    assert done.status_code == 200
    assert Operation.objects.get().args == {"with_snapshots": True}


def test_a_clone_is_proposed_with_a_name_and_the_size_of_its_disk(
    browser: Client, tenant_a: Tenant, cloud: Cloud
) -> None:
    disk = disk_row(tenant_a, cloud, "d" * 63)
    form = browser.get(f"/disks/{disk.pk}/clone/").context["form"]
    assert (form["name"].value(), form["size_gib"].value()) == ("d" * 58 + "-copy", 20)
    assert post(browser, f"/disks/{disk.pk}/clone/", name="mine", size_gib="").status_code == 200
    assert Disk.objects.get(name="mine").copied_from_id == disk.pk


def test_a_disk_moves_to_another_project_with_its_name(
    browser: Client, tenant_a: Tenant, cloud: Cloud
) -> None:
    disk = disk_row(tenant_a, cloud)
    assert 'name="project"' not in dialog(browser, f"/disks/{disk.pk}/rename/")
    other = factories.make_project(tenant_a, "other")
    assert 'name="project"' in dialog(browser, f"/disks/{disk.pk}/rename/")
    moved = {"name": "moved", "description": "", "project": other.uid}
    assert post(browser, f"/disks/{disk.pk}/rename/", **moved).status_code == 200
    disk.refresh_from_db()
    assert (disk.name, disk.project_id) == ("moved", other.pk)


@pytest.mark.requirement("VM-10")
def test_deleting_a_vm_names_each_data_disk_and_ticks_none(
    browser: Client, tenant_a: Tenant, cloud: Cloud, vm: Vm
) -> None:
    _kept, gone = (disk_row(tenant_a, cloud, name, vm=vm) for name in ("kept", "gone"))
    html = dialog(browser, f"/vms/{vm.pk}/delete/")
    assert "kept (20 GiB)" in html and "gone (20 GiB)" in html
    assert not re.search(r'name="delete_disks"[^>]*checked', html)
    answer = post(browser, f"/vms/{vm.pk}/delete/", typed_name="web", delete_disks=[gone.pk])
    assert answer.status_code == 200, answer.content
    operation = Operation.objects.get(target_id=vm.pk, verb="vm.delete")
    assert operation.args["delete_disks"] == [str(gone.pk)]


@pytest.mark.requirement("VM-10")
def test_a_vm_whose_disk_has_snapshots_is_deleted_only_with_them(
    browser: Client, cloud: Cloud, vm: Vm
) -> None:
    snapshot_row(vm.disks.get(), "before")
    assert "Snapshots of its disks: before." in dialog(browser, f"/vms/{vm.pk}/delete/")
    assert post(browser, f"/vms/{vm.pk}/delete/", typed_name="web").status_code == 409
    done = post(browser, f"/vms/{vm.pk}/delete/", typed_name="web", with_snapshots="on")
    assert done.status_code == 200


def test_the_copies_of_a_disk_show_how_far_they_are(
    browser: Client, owner: Actor, tenant_a: Tenant, cloud: Cloud
) -> None:
    disk = disk_row(tenant_a, cloud)
    copy = disk_row(tenant_a, cloud, "copy", copied_from=disk)
    finish = finish_copy(SYSTEM, copy)
    Operation.objects.filter(pk=finish.pk).update(progress=42)
    assert "copying, 42 %" in html_of(browser, f"/disks/{disk.pk}/")
    html = html_of(browser, f"/disks/{copy.pk}/")
    assert "42 %" in html and f'href="/disks/{disk.pk}/"' in html


def test_who_only_looks_is_offered_nothing(tenant_a: Tenant, cloud: Cloud, vm: Vm) -> None:
    viewer = factories.page_client(factories.make_member(tenant_a, Role.VIEWER))
    disk = disk_row(tenant_a, cloud)
    snapshot_row(disk)
    for path in (f"/disks/{disk.pk}/snapshots/", f"/vms/{vm.pk}/disks/"):
        html = html_of(viewer, path)
        assert "/create/" not in html and "roll-back/?" not in html and 'name="vm"' not in html


@pytest.mark.requirement("UX-13")
def test_lists_and_details_cost_no_more_queries_with_more_rows(
    browser: Client, tenant_a: Tenant, cloud: Cloud, vm: Vm
) -> None:
    disk = disk_row(tenant_a, cloud, vm=vm)
    paths = ["/disks/", "/snapshots/", f"/disks/{disk.pk}/", f"/disks/{disk.pk}/snapshots/"]
    paths += [f"/disks/{disk.pk}/attach/", f"/disks/{disk.pk}/delete/", f"/vms/{vm.pk}/disks/"]
    paths += ["/disks/create/", f"/vms/{vm.pk}/delete/"]

    def add(number: int) -> None:
        row = disk_row(tenant_a, cloud, f"copy-{number}", copied_from=disk)
        disk_row(tenant_a, cloud, f"beside-{number}", vm=vm)
        snapshot_row(row)
        snapshot_row(disk, f"snap-{number}")

    def counted() -> list[int]:
        found = []
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                html_of(browser, path)
            found.append(len(queries))
        return found

    add(0)
    counted()  # what is cached for good
    few = counted()
    for number in range(1, 5):
        add(number)
    assert dict(zip(paths, counted(), strict=True)) == dict(zip(paths, few, strict=True))
