"""An administrator finds what nobody knows of on a host, sees what removing it would come to, and does it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.compute.models import Vm
from apps.drivers.memory import MemoryHypervisor
from apps.infrastructure import backends
from apps.lifecycle.models import Operation
from apps.reconciliation.models import Finding, FindingState
from tests import factories
from tests.browser.conftest import Site
from tests.compute.factories import ask_for_vms
from tests.platform_fixtures import wait_until
from tests.reconciliation.planting import stray_domain

pytestmark = [pytest.mark.browser, pytest.mark.requirement("UX-11"), pytest.mark.requirement("OP-3")]


@pytest.fixture
def stray(site: Site) -> Finding:
    """A VM on a host that no row knows, as two looks would have written it down."""
    subnet = site.cloud.network(site.owner.tenant)
    actor = factories.actor_for_user(site.owner)
    (operation,) = ask_for_vms(actor, site.cloud, subnet, name="web-1")
    wait_until(lambda: not Operation.objects.open().exists(), "the VM", seconds=100)
    vm = Vm.objects.select_related("host").get(pk=operation.target_id)
    assert vm.host is not None
    stray_domain(site.cloud, vm)
    seen = MemoryHypervisor(backends.memory_world(), vm.host.name).observe().vms
    (unknown,) = [status for status in seen if status.id != str(vm.pk)]
    finding, _ = Finding.objects.update_or_create(
        rule="orphan",
        kind="vm",
        target_id=unknown.id,
        host=vm.host,
        defaults={
            "name": f"vm-{unknown.id}",
            "kept": {
                "text": "Host has this VM, but it is not in the database.",
                "template": "Host %(place)s has this VM, but it is not in the database.",
                "values": {"place": vm.host.name},
            },
            "state": FindingState.OPEN,
            "looks": 2,
        },
    )
    return finding


def test_a_stray_vm_is_found_previewed_and_removed(site: Site, page: Page, stray: Finding) -> None:
    site.open(page, "/admin/", site.admin)
    expect(page.locator(".nav-badge")).to_have_text("1")
    page.get_by_role("link", name="1 inconsistency").click()
    page.get_by_role("link", name=stray.name).click()
    expect(page.locator("h1")).to_have_text(stray.name)
    expect(page.get_by_text("is powered off on host")).to_be_visible()
    page.locator(".finding-actions").get_by_role("link", name="Force clean").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Permanently lost")
    dialog.get_by_label("to confirm").fill(stray.name)
    dialog.get_by_role("button", name="Force clean").click()
    # Followed without reloading: the worker removes it, and the page says so.
    expect(page.locator(".detail-title .pill")).to_have_text("Repaired")
    page.get_by_role("link", name="See the task").click()
    expect(page.locator(".detail-title .pill")).to_have_text("Done")
    world = MemoryHypervisor(backends.memory_world(), stray.host.name)  # type: ignore[union-attr]
    assert str(stray.target_id) not in {vm.id for vm in world.observe().vms}
