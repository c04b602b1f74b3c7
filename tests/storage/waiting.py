"""While Ceph hangs: what needs it waits and says why, and nothing else waits."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from onebox.shell import patience, wait_until

from apps.lifecycle.models import Operation
from tests.storage.open_page import OpenPage
from tests.storage.real_lab import FILES, DiskLab

#: What creating and deleting a disk and a VM in files may take on a busy machine; Ceph is waited for longer.
AT_ONCE_SECONDS = 20
#: What a page may take on a busy machine.
FETCHED_SECONDS = 3
#: The first is of those who wait for an answer, the second of all others.
REASON = re.compile("The Ceph cluster (does not answer at|at .{1,40} has not answered earlier requests)")
TENANTS_REASON = "The storage is not responding."


def ensure_waits_with_the_reason(lab: DiskLab, page: OpenPage, waiting: dict[str, Any]) -> None:
    """See the reason in the API and on the pages of an operation and of its disk, while the operation is open."""
    (first, *_) = waiting.get("operations") or [waiting["operation"]]
    id, target = first["id"], first["target"]

    def steps() -> str:
        return json.dumps(page.api.get(f"/operations/{id}")["steps"])

    wait_until(
        lambda: REASON.search(steps()), lambda: f"the reason to show in {steps()}", seconds=60, every=0.2
    )
    places = {"disk": "disks", "snapshot": "snapshots"}
    for path in (f"/admin/operations/{id}/", f"/admin/{places[target['kind']]}/{target['id']}/"):
        assert REASON.search(page.fetch(path)), path
    assert TENANTS_REASON in json.dumps(lab.customer.api.get(f"/operations/{id}")["steps"])
    assert Operation.objects.open().filter(pk=id).exists()


def ensure_files_go_on(lab: DiskLab, page: OpenPage) -> None:
    """Create and delete a disk and a VM in files, which wait for nothing; pages are as quick as ever."""
    began = time.monotonic()
    made = lab.create_disk(FILES)
    lab.change("DELETE", f"/disks/{made.pk}")
    vm = lab.create_vm(FILES, lab.site.box.hosts[0].name, image=lab.site.idle)
    lab.change("DELETE", f"/vms/{vm}")
    assert time.monotonic() - began < patience(AT_ONCE_SECONDS)
    page.took.clear()
    for path in ("/admin/storage-clusters/", "/admin/operations/", "/admin/disks/"):
        page.fetch(path)
    assert max(page.took) < patience(FETCHED_SECONDS), page.took
