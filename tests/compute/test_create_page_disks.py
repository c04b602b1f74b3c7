"""Data disks on the page that creates VMs."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.network.models import Subnet
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import Cloud
from tests.compute.test_create_page import PAGE, as_shown, call_in, preview

pytestmark = [pytest.mark.requirement("VM-1"), pytest.mark.requirement("EV-1"), pytest.mark.django_db]


@pytest.fixture
def browser(alice: User) -> Client:
    return factories.page_client(alice)


def test_data_disks_are_created_where_the_system_disk_is_or_where_one_chooses(
    browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    other = factories.make_storage(cloud.region, "other")
    page = as_shown(browser.get(PAGE))
    for name, cluster in (("web", ""), ("db", str(other.pk))):
        typed = {**page, "name": name, "data_disks": "10, 20", "data_cluster": cluster}
        assert browser.post(PAGE, typed).status_code == 302
    for name, where in (("web", cloud.storage), ("db", other)):
        rows = Disk.objects.filter(vm=Vm.objects.get(name=name), role=Disk.Role.DATA).order_by("slot")
        assert list(rows.values_list("size_gib", "cluster")) == [(10, where.pk), (20, where.pk)]


def test_the_summary_counts_them_and_the_call_names_them(
    browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    typed = {**as_shown(browser.get(PAGE)), "name": "web", "data_disks": "10,20"}
    answer = preview(browser, typed)
    html = answer.content.decode()
    assert "Ready to create" in html and "10&nbsp;GiB, 20&nbsp;GiB" in html
    sizes = [{"size_gib": size, "cluster": cloud.storage.pk} for size in (10, 20)]
    assert call_in(answer)["data_disks"] == sizes
    assert "data_disks" not in call_in(preview(browser, {**typed, "data_disks": ""}))


def test_sizes_that_are_none_and_sizes_that_are_too_small_are_refused(
    browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    page = {**as_shown(browser.get(PAGE)), "name": "web"}
    wrong = browser.post(PAGE, {**page, "data_disks": "ten"})
    assert wrong.status_code == 422 and list(wrong.context["form"].errors) == ["data_disks"]
    small = browser.post(PAGE, {**page, "data_disks": "5"})
    assert small.status_code == 422 and "10 to 32000" in small.content.decode()
    assert not Vm.objects.exists()


def errors_after(browser: Client, typed: dict[str, str]) -> dict[str, list[str]]:
    """Send the form; return what stands at which field ("__all__": above the form)."""
    answer = browser.post(PAGE, typed)
    assert answer.status_code in (409, 422) and not Vm.objects.exists()
    return {name: list(map(str, texts)) for name, texts in answer.context["form"].errors.items()}


@pytest.mark.requirement("UX-5")
def test_what_is_wrong_with_one_disk_stands_at_the_field_of_that_part_with_its_number(
    browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    page = {**as_shown(browser.get(PAGE)), "name": "web"}
    small = "Item 2: 10 to 32000 GiB in this storage cluster."
    assert errors_after(browser, {**page, "data_disks": "10, 5"}) == {"data_disks": [small]}
    answer = preview(browser, {**page, "data_disks": "10, 5"})
    assert [(bound.name, text) for bound, text in answer.context["summary"].wrong] == [("data_disks", small)]
    assert answer.context["summary"].refusals == []
    elsewhere = factories.make_storage(factories.make_region(), "far")
    found = errors_after(browser, {**page, "data_disks": "10", "data_cluster": str(elsewhere.pk)})
    assert list(found) == ["data_cluster"] and found["data_cluster"][0].startswith("Item 1: ")


@pytest.mark.requirement("UX-5")
def test_the_api_names_the_part_of_the_disk_that_is_wrong(
    alice: User, browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    typed = {**as_shown(browser.get(PAGE)), "name": "web", "data_disks": "10, 5"}
    body = call_in(preview(browser, typed))
    answer = factories.api_client(alice).post("/api/v1/vms", body, format="json")
    assert [error["field"] for error in answer.json()["errors"]] == ["data_disks.1.size_gib"]


@pytest.mark.requirement("UX-5")
def test_a_closed_storage_cluster_of_a_data_disk_is_named_at_its_part(
    alice: User, browser: Client, cloud: Cloud, subnet: Subnet
) -> None:
    closed = factories.make_storage(cloud.region, "closed")
    typed = {**as_shown(browser.get(PAGE)), "name": "web", "data_disks": "10", "data_cluster": str(closed.pk)}
    body = call_in(preview(browser, typed))
    closed.accepts_disks = False
    closed.save()
    answer = factories.api_client(alice).post("/api/v1/vms", body, format="json").json()
    assert (answer["code"], answer["errors"][0]["field"]) == ("storage.closed", "data_disks.0.cluster")
