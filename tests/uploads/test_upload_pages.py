"""The pages of uploads: what can be resumed or imported, page by page, and deleted; for tenants and administrators."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import Tenant, User
from apps.uploads.models import Upload
from apps.uploads.pages import PAGE_SIZE
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-2")]


def an_upload(tenant: Tenant | None, owner: User, name: str, received: int = 4) -> Upload:
    project = factories.default_project(tenant) if tenant else None
    return Upload.objects.create(
        tenant=tenant, project=project, owner=owner, name=name, size=9, received=received
    )


def test_a_tenant_sees_its_own_with_what_can_be_done(
    tenant_a: Tenant, tenant_b: Tenant, mia: User, bob: User
) -> None:
    half = an_upload(tenant_a, mia, "half.qcow2")
    whole = an_upload(tenant_a, mia, "whole.qcow2", 9)
    an_upload(tenant_b, bob, "foreign.qcow2")
    page = factories.page_client(mia).get("/uploads/").content.decode()
    assert "half.qcow2" in page and "whole.qcow2" in page and "foreign" not in page
    assert f"/images/create/?resume={half.pk}" in page
    assert f"/images/create/?upload={whole.pk}" in page
    assert page.count(mia.username) >= 2


def test_an_administrator_sees_all_and_goes_on_with_the_own(tenant_a: Tenant, mia: User, ada: User) -> None:
    theirs, own = an_upload(tenant_a, mia, "theirs.qcow2"), an_upload(None, ada, "own.qcow2")
    page = factories.page_client(ada).get("/admin/uploads/").content.decode()
    assert tenant_a.name in page and f"?resume={own.pk}" in page
    assert "theirs.qcow2" in page and f"?resume={theirs.pk}" not in page


def test_they_come_page_by_page_at_a_constant_number_of_queries(
    tenant_a: Tenant, mia: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(PAGE_SIZE + 3):
        an_upload(tenant_a, mia, f"disk-{number}.qcow2")
    client = factories.page_client(mia)
    with django_assert_max_num_queries(25):
        first = client.get("/uploads/").content.decode()
    second = client.get("/uploads/?page=2").content.decode()
    assert (first.count("?resume="), second.count("?resume=")) == (PAGE_SIZE, 3)
    assert "page=2" in first and "page=1" in second
    for odd in ("0", "x", "99999999", "-1"):
        assert client.get(f"/uploads/?page={odd}").status_code == 200


def test_one_is_deleted_and_nobody_elses(tenant_a: Tenant, mia: User, bob: User, vera: User) -> None:
    upload = an_upload(tenant_a, mia, "half.qcow2")
    path = f"/uploads/{upload.pk}/delete/"
    for stranger in (bob, vera):
        assert factories.page_client(stranger).post(path).status_code == 404
    answer = factories.page_client(mia).post(path)
    assert (answer.status_code, answer["Location"]) == (302, "/uploads/")
    assert not Upload.objects.exists()


def test_the_one_to_be_resumed_stands_first_on_the_page_of_the_import(tenant_a: Tenant, mia: User) -> None:
    chosen = an_upload(tenant_a, mia, "chosen.qcow2")
    for number in range(12):
        an_upload(tenant_a, mia, f"newer-{number}.qcow2")
    client = factories.page_client(mia)
    assert "chosen.qcow2" not in client.get("/images/create/").content.decode()
    page = client.get(f"/images/create/?resume={chosen.pk}").content.decode()
    assert page.index("chosen.qcow2") < page.index("newer-11.qcow2")
    assert page.count("data-upload-again") == 10 and "/uploads/" in page
