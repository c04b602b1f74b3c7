"""Images of uploads and of URLs: by tenants and administrators, delivered to a host, refused with nothing left."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.accounts.models import Tenant, User
from apps.compute.models import Image
from apps.compute.operations import image_sources
from apps.compute.services.image import delete_image, import_image, retry_image
from apps.drivers.errors import DriverError
from apps.drivers.memory.records import DELIVERIES
from apps.drivers.specs.storage import MOST_PART_BYTES
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Forbidden, Invalid
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.platform_settings import store
from apps.platform_settings.models import PlatformSetting
from apps.quotas.models import Quota
from apps.uploads.downloading import Download
from apps.uploads.models import Upload
from apps.uploads.services import append, start_upload
from tests import factories
from tests.compute.factories import Cloud
from tests.uploads.conftest import spool

__all__ = ["spool"]
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-2")]
GIB, MIB = 1 << 30, 1 << 20
PART = 512 * 1024


def a_disk(size: int = 3 * MIB) -> bytes:
    """Return a qcow2 file of 1 GiB, as far as pretend pools look at one."""
    return struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, GIB).ljust(size, b"\1")


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.fixture
def manager(mia: User) -> Actor:
    return factories.actor_for_user(mia)


def uploaded(actor: Actor, content: bytes, **about: str) -> Upload:
    upload = start_upload(actor, size=len(content), **about)  # type: ignore[arg-type]
    for at in range(0, len(content), PART):
        upload = append(actor, upload, offset=at, data=content[at : at + PART])
    return upload


def imported(operation: Operation) -> Image:
    execute(operation.pk)
    return Image.objects.get(pk=operation.target_id)


def used(tenant: Tenant, metric: str) -> int:
    return Quota.objects.get(tenant=tenant, metric=metric).used


def test_a_tenant_makes_an_image_of_its_upload_which_is_used_up(
    cloud: Cloud, manager: Actor, tenant_a: Tenant, django_capture_on_commit_callbacks: object, spool: Path
) -> None:
    upload = uploaded(manager, a_disk(), name="disk.qcow2")
    assert (used(tenant_a, "upload_gib"), used(tenant_a, "image")) == (1, 0)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        image = imported(import_image(manager, name="own", cluster=cloud.storage, upload=upload.pk))
    assert (image.state, image.tenant, image.source_format, image.min_disk_gib) == (
        State.READY,
        tenant_a,
        "qcow2",
        1,
    )
    assert (used(tenant_a, "upload_gib"), used(tenant_a, "image")) == (0, 1)
    assert (Upload.objects.count(), list(spool.iterdir())) == (0, [])
    with cloud.world.records() as state:
        assert state.all(DELIVERIES) == {}


@pytest.mark.requirement("IM-5")
def test_an_upload_that_is_no_image_is_refused_and_nothing_is_left_of_it(
    cloud: Cloud, manager: Actor, tenant_a: Tenant, django_capture_on_commit_callbacks: object, spool: Path
) -> None:
    upload = uploaded(manager, b"no image\n" * 100)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        image = imported(import_image(manager, name="bad", cluster=cloud.storage, upload=upload.pk))
    assert (image.state, image.error["code"]) == (State.ERROR, "volumes.image_invalid")
    assert (Upload.objects.count(), list(spool.iterdir()), used(tenant_a, "upload_gib")) == (0, [], 0)
    with pytest.raises(Invalid, match="Upload not found"):
        retry_image(manager, image)
    execute(delete_image(manager, image).pk)
    assert (Image.objects.filter(pk=image.pk).count(), used(tenant_a, "image")) == (0, 0)


@pytest.mark.requirement("IM-5")
def test_a_checksum_is_compared_before_anything_is_sent(cloud: Cloud, manager: Actor) -> None:
    content = a_disk()
    right = uploaded(manager, content, sha256=hashlib.sha256(content).hexdigest().upper())
    assert (
        imported(import_image(manager, name="r", cluster=cloud.storage, upload=right.pk)).state == State.READY
    )
    wrong = uploaded(manager, content, sha256="0" * 64)
    calls: list[str] = []
    cloud.world.on_call = lambda verb, moment: calls.append(verb)
    image = imported(import_image(manager, name="w", cluster=cloud.storage, upload=wrong.pk))
    assert (image.state, image.error["code"]) == (State.ERROR, "image.checksum_mismatch")
    assert "volumes.ensure_delivered" not in calls
    assert not Upload.objects.exists()


@pytest.mark.requirement("IM-5")
def test_a_checksum_that_is_given_with_the_import_is_compared_and_both_values_are_named(
    cloud: Cloud, manager: Actor, tenant_a: Tenant, django_capture_on_commit_callbacks: object, spool: Path
) -> None:
    content = a_disk()
    right, wrong = hashlib.sha256(content).hexdigest(), "a" * 64
    good = import_image(
        manager, name="r", cluster=cloud.storage, upload=uploaded(manager, content).pk, sha256=right.upper()
    )
    bad = import_image(
        manager, name="w", cluster=cloud.storage, upload=uploaded(manager, content).pk, sha256=wrong
    )
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert imported(good).state == State.READY
        image = imported(bad)
    assert image.error["code"] == "image.checksum_mismatch"
    assert image.error["values"] == {"found": right, "expected": wrong}
    assert (Upload.objects.count(), list(spool.iterdir()), used(tenant_a, "upload_gib")) == (0, [], 0)


@pytest.mark.requirement("IM-5")
def test_a_second_checksum_or_none_at_all_is_refused_at_its_field(cloud: Cloud, manager: Actor) -> None:
    upload = uploaded(manager, a_disk(), sha256="b" * 64)
    for given, said in (("c" * 64, "another checksum"), ("c" * 63, "64 hexadecimal"), ("g" * 64, "64")):
        with pytest.raises(Invalid, match=said) as refused:
            import_image(manager, name="x", cluster=cloud.storage, upload=upload.pk, sha256=given)
        assert list(refused.value.fields) == ["sha256"]
    assert import_image(manager, name="x", cluster=cloud.storage, upload=upload.pk, sha256="B" * 64)


@pytest.mark.requirement("OP-4")
def test_an_import_that_failed_otherwise_is_retried_with_the_same_upload(
    cloud: Cloud, manager: Actor
) -> None:
    upload = uploaded(manager, a_disk())
    cloud.world.fail("volumes.ensure_image", DriverError("The pool is full.", permanent=True))
    image = imported(import_image(manager, name="again", cluster=cloud.storage, upload=upload.pk))
    assert image.state == State.ERROR
    assert imported(retry_image(manager, image)).state == State.READY


def test_a_delivery_goes_on_where_the_host_says_it_is(cloud: Cloud, manager: Actor) -> None:
    upload = uploaded(manager, a_disk(4 * MOST_PART_BYTES + 7))
    operation = import_image(manager, name="x", cluster=cloud.storage, upload=upload.pk)
    sent: list[str] = []
    cloud.world.on_call = lambda verb, moment: (
        sent.append(verb) if (verb, moment) == ("volumes.ensure_delivered", "after") else None
    )
    original = cloud.world.fail
    original("volumes.ensure_image", DriverError("Away.", code="host.unreachable"))
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.QUEUED
    assert len(sent) == 5
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    assert imported(operation).state == State.READY
    assert len(sent) == 6  # asked only how much is there


def test_an_upload_can_be_imported_once_at_a_time_and_only_when_complete(
    cloud: Cloud, manager: Actor
) -> None:
    half = start_upload(manager, size=10)
    with pytest.raises(Invalid, match="not complete"):
        import_image(manager, name="x", cluster=cloud.storage, upload=half.pk)
    whole = uploaded(manager, a_disk())
    import_image(manager, name="x", cluster=cloud.storage, upload=whole.pk)
    with pytest.raises(Invalid, match="imported already"):
        import_image(manager, name="y", cluster=cloud.storage, upload=whole.pk)


@pytest.mark.requirement("SE-1")
def test_nobody_imports_the_upload_of_another_tenant(cloud: Cloud, manager: Actor, bob: User) -> None:
    upload = uploaded(manager, a_disk())
    with pytest.raises(Invalid, match="Upload not found"):
        import_image(factories.actor_for_user(bob), name="x", cluster=cloud.storage, upload=upload.pk)


@pytest.mark.requirement("SE-1")
def test_only_who_may_create_imports_and_only_admins_from_the_pool(
    cloud: Cloud, manager: Actor, admin: Actor, otto: User
) -> None:
    with pytest.raises((Forbidden, Invalid)):
        import_image(factories.actor_for_user(otto), name="x", cluster=cloud.storage, upload=uuid4())
    with pytest.raises(Forbidden):
        import_image(manager, name="x", cluster=cloud.storage, file=f"memory:{GIB}")
    for named in ({}, {"file": "a", "url": "http://a/b"}, {"upload": uuid4(), "url": "http://a/b"}):
        with pytest.raises(Invalid, match="Choose one source"):
            import_image(admin, name="x", cluster=cloud.storage, **named)  # type: ignore[arg-type]


def test_an_administrator_imports_an_upload_for_a_tenant_or_as_a_base_image(
    cloud: Cloud, admin: Actor, manager: Actor, tenant_a: Tenant
) -> None:
    own = uploaded(admin, a_disk())
    base = imported(import_image(admin, name="base", cluster=cloud.storage, upload=own.pk))
    assert (base.state, base.is_base) == (State.READY, True)
    project = factories.default_project(tenant_a)
    theirs = uploaded(admin, a_disk())
    image = imported(
        import_image(admin, name="t", cluster=cloud.storage, upload=theirs.pk, project=project.uid)
    )
    assert (image.state, image.tenant) == (State.READY, tenant_a)
    of_tenant = uploaded(manager, a_disk())
    with pytest.raises(Invalid, match="Upload not found"):
        import_image(admin, name="base", cluster=cloud.storage, upload=of_tenant.pk)


@pytest.mark.requirement("CL-4")
def test_a_tenant_imports_only_into_storage_that_it_may_use(cloud: Cloud, manager: Actor) -> None:
    upload = uploaded(manager, a_disk())
    StorageCluster.objects.update(open_to_all=False)
    with pytest.raises(Invalid) as refused:
        import_image(manager, name="x", cluster=cloud.storage, upload=upload.pk)
    assert list(refused.value.fields) == ["cluster"]


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """URL → what it leads to."""
    files: dict[str, bytes] = {}

    class Answer:
        def __init__(self, url: str, *_: object) -> None:
            self._content = files[url]

        def __enter__(self) -> Download:
            found = Download(len(self._content), None)  # type: ignore[arg-type]
            content = self._content
            found.parts = lambda: iter([content[: len(content) // 2], content[len(content) // 2 :]])  # type: ignore[method-assign]
            return found

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(image_sources, "download", Answer)
    PlatformSetting.objects.create(name="image_sources", value="cloud.example.org", changed_by="test")
    store.forget()
    yield files
    store.forget()


def test_an_image_is_made_of_what_a_url_leads_to(
    cloud: Cloud, manager: Actor, tenant_a: Tenant, answered: dict[str, bytes]
) -> None:
    url = "https://cloud.example.org/debian.qcow2?x=1"
    answered[url] = a_disk()
    digest = hashlib.sha256(answered[url]).hexdigest()
    image = imported(import_image(manager, name="u", cluster=cloud.storage, url=url, sha256=digest))
    assert (image.state, image.source_format) == (State.READY, "qcow2")
    assert (Upload.objects.count(), used(tenant_a, "upload_gib")) == (0, 0)


@pytest.mark.requirement("IM-5")
def test_a_download_that_is_refused_leaves_nothing(
    cloud: Cloud, manager: Actor, tenant_a: Tenant, answered: dict[str, bytes]
) -> None:
    url = "https://cloud.example.org/x"
    answered[url] = b"no image" * 100
    image = imported(import_image(manager, name="u", cluster=cloud.storage, url=url))
    assert (image.state, image.error["code"]) == (State.ERROR, "volumes.image_invalid")
    Quota.objects.filter(tenant=tenant_a, metric="upload_gib").update(limit=0)
    answered[url] = a_disk()
    image = imported(import_image(manager, name="v", cluster=cloud.storage, url=url))
    assert (image.state, image.error["code"]) == (State.ERROR, "image.download_refused")
    assert (Upload.objects.count(), used(tenant_a, "upload_gib")) == (0, 0)


@pytest.mark.requirement("SE-6")
@pytest.mark.parametrize(
    "url", ["http://elsewhere.org/x", "ftp://cloud.example.org/x", "http://10.0.0.1/x", "x"]
)
def test_a_url_that_is_not_allowed_is_refused_at_once(
    cloud: Cloud, manager: Actor, answered: dict[str, bytes], url: str, settings: Settings
) -> None:
    with pytest.raises(Invalid) as refused:
        import_image(manager, name="u", cluster=cloud.storage, url=url)
    assert list(refused.value.fields) == ["url"]


# -- an administrator for a tenant -------------------------------------------------------------------------------------


def import_form(cloud: Cloud, upload: Upload, **more: str) -> dict[str, str]:
    return {
        "name": "for-a",
        "cluster": str(cloud.storage.pk),
        "upload": str(upload.pk),
        "os_family": "linux",
        "architecture": "x86_64",
        "default_disk_gib": "40",
        **more,
    }


@pytest.mark.parametrize("typed", ["{tenant}", "{tenant} / {project}", "{uid}", "  {tenant} "])
def test_an_administrator_imports_for_a_tenant_on_the_page(
    cloud: Cloud, admin: Actor, ada: User, tenant_a: Tenant, typed: str
) -> None:
    project = factories.default_project(tenant_a)
    given = typed.format(tenant=tenant_a.name, project=project.name, uid=project.uid)
    client = factories.page_client(ada)
    assert tenant_a.name in client.get("/admin/images/create/").content.decode(), "suggested"
    form = import_form(cloud, uploaded(admin, a_disk()), project=given)
    answer = client.post("/admin/images/create/", form)
    assert answer.status_code == 302, answer.content.decode()
    image = Image.objects.get(name="for-a")
    assert (image.tenant, image.project) == (tenant_a, project)
    assert used(tenant_a, "image") == 1


def test_without_a_tenant_it_is_a_base_image_and_an_unknown_one_is_refused_at_its_field(
    cloud: Cloud, admin: Actor, ada: User
) -> None:
    client, upload = factories.page_client(ada), uploaded(admin, a_disk())
    refused = client.post("/admin/images/create/", import_form(cloud, upload, project="nobody / none"))
    assert refused.status_code == 422 and "Tenant or project not found." in refused.content.decode()
    assert client.post("/admin/images/create/", import_form(cloud, upload)).status_code == 302
    assert Image.objects.get(name="for-a").is_base
