"""A tenant's first day on the platform, in a browser and through the API, against real guests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from onebox.shell import wait_until
from playwright.sync_api import Browser, Page, expect

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey
from apps.compute.models import Vm
from tests import factories
from tests.browser.conftest import PICTURES
from tests.browser.screen import TextScreen
from tests.onebox.fabric import Guest
from tests.platform_fixtures import Api
from tests.real_site import Customer, RealSite
from tests.recovery.audit import audit, strangers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.campaign("guests on real hosts", ("apps/compute/pages/",), share=2),
]

PASSWORD = "tiny-guest-42"
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz-"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
#: Emulated guests on a busy machine.
SLOW_MS = 240_000


@pytest.fixture(scope="module")
def known(real_site: RealSite) -> frozenset[str]:
    """What stands in the hosts, pool and network beside this platform."""
    return strangers()


@pytest.fixture(autouse=True)
def nothing_leaks(known: frozenset[str]) -> Iterator[None]:
    yield
    assert audit(known) == []


def guest_of(site: RealSite, vm_id: str) -> Guest:
    """Return the guest where it really runs, reached without the platform."""
    for host in site.box.hosts:
        if vm_id in host.exec("virsh", "list", "--uuid"):
            return Guest(host, f"vm-{vm_id}")
    raise AssertionError(f"VM {vm_id} runs on no host")


def pings(guest: Guest, address: str) -> bool:
    """Return whether the guest gets answers from an address."""
    return "ok" in guest.shell(f"ping -c 3 -W 2 {address} >/dev/null && echo ok")


def log_in(page: Page, site: RealSite, username: str) -> None:
    page.goto(f"{site.platform.url}/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_selector("body[data-live=on]", state="attached")


def picture(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"journey-{name}.png", full_page=True)


def mark(page: Page) -> None:
    """Leave a mark that a reload or another page would wipe away."""
    page.evaluate("window.stayedHere = true")


def expect_state(page: Page, word: str) -> None:
    """Wait until the page says so by itself, without having been loaded again."""
    expect(page.locator(".detail-title .pill")).to_contain_text(word, timeout=SLOW_MS)
    assert page.evaluate("window.stayedHere") is True, "the page was loaded again"


@pytest.mark.requirement("VM-1")
@pytest.mark.requirement("VM-3")
@pytest.mark.requirement("VM-9")
@pytest.mark.requirement("VM-10")
@pytest.mark.requirement("VN-1")
@pytest.mark.requirement("VP-3")
@pytest.mark.requirement("UX-2")
def test_a_tenant_creates_uses_and_deletes_vms_in_the_pages(
    real_site: RealSite, page: Page, chromium: Browser
) -> None:
    shop = real_site.tenant("shop")
    log_in(page, real_site, "shop-owner")
    picture(page, "1-overview")

    first = create_on_one_page(page, "first")
    expect_state(page, "Running")
    picture(page, "3-running")
    second = create_by_api(real_site, shop, "second")
    other = create_in_another_vpc_with_the_same_cidr(real_site, shop)

    type_and_read_on_the_screen(page, real_site, first)
    one, two, three = (guest_of(real_site, vm) for vm in (first, second, other))
    for guest in (two, three):
        guest.wait_for_agent()
    address = address_of(first)
    assert address == address_of(other), "both stand in subnets of one CIDR"
    wait_until(lambda: pings(two, address), "an answer to the second VM's ping", seconds=240, every=1)
    assert pings(one, address_of(second))
    # Its agent answers before it has an address.
    wait_until(lambda: pings(three, "10.0.0.1"), "the other VPC's VM on its network", seconds=240, every=1)
    look_around_as_admin(chromium, real_site, {first: one, second: two})

    page.goto(f"{real_site.platform.url}/vms/{first}/")
    page.wait_for_selector("body[data-live=on]", state="attached")
    mark(page)
    page.get_by_role("button", name="Shut down").click()
    expect_state(page, "Stopped")
    picture(page, "6-stopped")
    assert not pings(two, address), "answers to an address whose only owner in this VPC is off"
    page.get_by_role("button", name="Start", exact=True).click()
    expect_state(page, "Running")

    delete_on_its_page(page, "first")
    wait_until(lambda: not Vm.objects.filter(pk=first).exists(), "the VM to be gone", seconds=240)
    for vm in (second, other):
        shop.api.change("DELETE", f"/vms/{vm}")
    wait_until(lambda: not Vm.objects.exists(), "all VMs to be gone", seconds=240)
    files = [path.name for path in (real_site.box.shared / "volumes").glob("*")]
    assert not [name for name in files if name.startswith((first, second, other))]


def create_on_one_page(page: Page, name: str) -> str:
    """Create a VM with nothing but a name and a password; return its id, its page being open."""
    page.get_by_role("link", name="Virtual machines").first.click()
    page.wait_for_url(re.compile(r"/vms/$"))  # the overview has links to create something too
    page.get_by_role("link", name=re.compile("Create")).first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(re.compile("^Password")).fill(PASSWORD)
    picture(page, "2-create")
    page.get_by_role("button", name=re.compile("^Create")).click()
    page.wait_for_url(re.compile(r"/vms/[0-9a-f-]{36}/"))
    mark(page)
    return page.url.rstrip("/").rpartition("/")[2]


def create_by_api(site: RealSite, customer: Customer, name: str, **changes: object) -> str:
    """Create a VM in the tenant's first subnet; return its id."""
    network = customer.api.get("/subnets")["results"][0]
    body = {
        "name": name,
        "image": str(site.image.pk),
        "instance_type": site.small.pk,
        "subnet": network["id"],
        "security_group": None,
        "password": PASSWORD,
        **changes,
    }
    return str(customer.api.change("POST", "/vms", body)["resources"][0]["id"])


def create_in_another_vpc_with_the_same_cidr(site: RealSite, customer: Customer) -> str:
    default = customer.api.get("/subnets")["results"][0]
    vpc = customer.api.change(
        "POST", "/vpcs", {"name": "other", "cidr": "10.0.0.0/16", "subnet_cidr": default["cidr"]}
    )["resource"]
    site.wait_ready(tenant=customer.tenant, kind__in=["vpc", "subnet"])
    (subnet,) = customer.api.get(f"/subnets?vpc={vpc['id']}")["results"]
    return create_by_api(site, customer, "elsewhere", subnet=subnet["id"])


def address_of(vm_id: str) -> str:
    return str(Vm.objects.get(pk=vm_id).nics.get(role="internal").ip)


def type_and_read_on_the_screen(page: Page, site: RealSite, vm_id: str) -> None:
    """Open the VM's screen, log in on its keyboard, and read what the guest answers off the pixels."""
    console = (
        page.get_by_role("link", name="Console").or_(page.get_by_role("link", name="Open console")).first
    )
    with page.context.expect_page() as opened:
        console.click()
    tab = opened.value
    expect(tab.locator("#notice")).to_be_hidden(timeout=SLOW_MS)
    guest = guest_of(site, vm_id)
    guest.wait_for_agent()
    screen = TextScreen(tab, guest)
    screen.type("root", reader="getty")
    screen.type(PASSWORD, reader="login")
    screen.type(f"clear; echo {ALPHABET}; cat {BOOT_ID}", reader="sh")
    boot = guest.shell(f"cat {BOOT_ID}").strip()
    wait_until(
        lambda: screen.learn(ALPHABET, row=0) and screen.read()[1] == boot,
        "the typed line's answer on the screen",
        seconds=120,
    )
    picture(tab, "4-screen")
    tab.close()


def look_around_as_admin(chromium: Browser, site: RealSite, guests: dict[str, Guest]) -> None:
    """See region, cluster, both hosts, and each VM on the host where it really runs."""
    admin = factories.make_admin("root-admin")
    admin.set_password(factories.PASSWORD)
    admin.save(update_fields=["password"])
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    log_in(page, site, "root-admin")
    picture(page, "5-admin")
    for where, what in (
        ("regions", ["Local"]),
        ("compute-clusters", [str(site.small.cluster.name)]),
        ("hosts", [host.name for host in site.box.hosts]),
    ):
        page.goto(f"{site.platform.url}/admin/{where}/")
        for text in what:
            expect(page.get_by_role("cell", name=re.compile(text)).first).to_be_visible()
        picture(page, f"5-admin-{where}")
    page.goto(f"{site.platform.url}/admin/vms/")
    picture(page, "5-admin-vms")
    for vm, guest in guests.items():
        expect(page.locator(f"tr[data-id='{vm}']")).to_contain_text(guest.host.name)
    context.close()


def delete_on_its_page(page: Page, name: str) -> None:
    page.get_by_role("button", name="Actions").first.click()
    page.locator(".dropdown-menu.show").get_by_text("Delete", exact=True).click()
    page.get_by_label(re.compile("to confirm")).fill(name)
    picture(page, "7-delete")
    page.locator("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("This virtual machine no longer exists.")).to_be_visible(timeout=SLOW_MS)
    picture(page, "8-gone")


@pytest.mark.requirement("VM-3")
@pytest.mark.requirement("CL-3")
def test_the_same_is_done_through_the_documented_api(real_site: RealSite) -> None:
    """Only paths that docs/openapi.yaml describes."""
    customer = real_site.tenant("program")
    api, admin = Documented(customer.api), Documented(admin_client(real_site))

    def settled(operation: dict[str, str]) -> str:
        shown = {"status": "queued"}

        def ended() -> bool:
            shown.update(api.get("/operations/{id}", id=operation["id"]))
            return shown["status"] not in ("queued", "running")

        wait_until(ended, operation["verb"], seconds=240, every=0.2)
        return shown["status"]

    body = {
        "name": "by-program",
        "image": next(
            row["id"] for row in api.get("/images")["results"] if row["name"] == real_site.image.name
        ),
        "instance_type": api.get("/instance-types")["results"][0]["id"],
        "subnet": api.get("/subnets")["results"][0]["id"],
        "security_group": None,
        "password": PASSWORD,
    }
    created = api.change("POST", "/vms", body)
    vm = created["resources"][0]["id"]
    assert settled(created["operations"][0]) == "done"
    assert api.get("/vms/{id}", id=vm)["word"] == "Running"
    assert any(row["id"] == vm for row in api.get("/vms")["results"])

    opened = api.change("POST", "/vms/{id}/console", {"kind": "browser"}, id=vm)
    assert settled(opened["operation"]) == "done"
    guest_of(real_site, vm).wait_for_agent()
    for action, word in (("shut-down", "Stopped"), ("start", "Running"), ("power-off", "Stopped")):
        assert settled(api.change("POST", f"/vms/{{id}}/{action}", id=vm)["operation"]) == "done"
        assert api.get("/vms/{id}", id=vm)["word"] == word

    names = {host.name for host in real_site.box.hosts}
    assert [region["name"] for region in admin.get("/regions")["results"]] == ["local"]
    assert len(admin.get("/compute-clusters")["results"]) == 1
    assert {host["name"] for host in admin.get("/hosts")["results"]} == names
    assert admin.get("/vms/{id}", id=vm)["host"]["name"] in names
    assert api.get("/vms/{id}", id=vm)["host"] is None, "where it runs is no tenant's business"

    assert settled(api.change("DELETE", "/vms/{id}", id=vm)["operation"]) == "done"
    assert customer.api.ask("GET", f"/vms/{vm}").status == 404


class Documented:
    """A client that uses no path and method the published description does not have."""

    description = yaml.safe_load(Path("docs/openapi.yaml").read_text())["paths"]

    def __init__(self, api: Api) -> None:
        self._api = api

    def get(self, path: str, **names: str) -> Any:
        """Return what is at a path."""
        self._check("get", path)
        return self._api.get(path.format(**names))

    def change(self, method: str, path: str, body: object = None, **names: str) -> Any:
        """Ask for a change."""
        self._check(method.lower(), path)
        return self._api.change(method, path.format(**names), body)

    def _check(self, method: str, path: str) -> None:
        wanted = re.sub(r"{\w+}", "{}", f"/api/v1{path}")
        known = {re.sub(r"{\w+}", "{}", known): methods for known, methods in self.description.items()}
        assert method in known.get(wanted, {}), f"{method} {path} is not documented"


def admin_client(site: RealSite) -> Api:
    _key, token = issue_key(factories.make_admin("admin-program"), "tests", ApiKey.Scope.READ, None)
    return site.platform.client(token)
