"""Downloads of images: prepared by an operation, linked to by administrators, and gone with their time or image."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.audit.models import AuditEntry
from apps.compute.models import Image
from apps.compute.services.image import delete_image
from apps.compute.services.image_export import export_image, link_to_image
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryVolumes
from apps.drivers.specs.storage import MOST_PART_BYTES
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Busy, Forbidden, NotFound, NotNow
from apps.lifecycle.models import Operation, OperationStatus
from apps.platform_settings import store
from apps.platform_settings.models import PlatformSetting
from apps.uploads import exports
from apps.uploads.models import Export
from apps.uploads.tasks import remove_expired
from tests import factories
from tests.compute.factories import Cloud, make_image
from tests.uploads.conftest import spool

__all__ = ["spool"]
pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-3")]
REFUSED = DriverError("The pool is away.", code="volumes.pool_unavailable", permanent=True)


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.fixture
def own(cloud: Cloud, tenant_a: Tenant) -> Image:
    """A self-made image of a tenant."""
    return make_image(
        cloud.storage, "Golden: web/1", tenant=tenant_a, project=factories.default_project(tenant_a)
    )


def run(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    return operation


def prepared(admin: Actor, image: Image) -> Export:
    operation = run(export_image(admin, image))
    assert operation.status == OperationStatus.DONE, operation.error
    return Export.objects.get(resource=image)


def in_pool(cloud: Cloud, image: Image) -> bytes:
    """Return the file as the pool gives it."""
    volumes = MemoryVolumes(cloud.world)
    size = volumes.ensure_exported(image.spec())
    return b"".join(volumes.read_exported(image.spec(), at) for at in range(0, size, MOST_PART_BYTES))


def test_an_administrator_prepares_the_download_of_a_tenants_image(
    cloud: Cloud, admin: Actor, own: Image, spool: Path
) -> None:
    export = prepared(admin, own)
    content = in_pool(cloud, own)
    assert len(content) > 2 * MOST_PART_BYTES
    assert (spool / str(export.pk)).read_bytes() == content
    assert (export.size, export.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert export.name == "Golden--web-1.qcow2"
    assert timedelta(hours=23) < export.expires_at - timezone.now() <= timedelta(hours=24)
    assert (spool / str(export.pk)).stat().st_mode & 0o777 == 0o600


def test_what_is_prepared_already_is_kept_for_longer_and_not_fetched_again(
    cloud: Cloud, admin: Actor, own: Image
) -> None:
    export = prepared(admin, own)
    soon = timezone.now() + timedelta(minutes=5)
    Export.objects.update(expires_at=soon)
    calls: list[str] = []
    cloud.world.on_call = lambda verb, moment: calls.append(verb)
    again = prepared(admin, own)
    assert (again.pk, again.sha256, calls) == (export.pk, export.sha256, [])
    assert again.expires_at > soon


def test_a_file_that_was_lost_is_fetched_again(admin: Actor, own: Image, spool: Path) -> None:
    export = prepared(admin, own)
    (spool / str(export.pk)).unlink()
    again = prepared(admin, own)
    assert again.pk != export.pk and (spool / str(again.pk)).exists()


def test_two_are_not_prepared_at_a_time(admin: Actor, own: Image) -> None:
    first = export_image(admin, own)
    with pytest.raises(Busy, match="being prepared") as refused:
        export_image(admin, own)
    assert refused.value.details == {"operation": str(first.pk)}
    run(first)
    assert run(export_image(admin, own)).status == OperationStatus.DONE


def test_tenants_prepare_and_link_to_nothing(mia: User, bob: User, admin: Actor, own: Image) -> None:
    prepared(admin, own)
    for service in (export_image, link_to_image):
        for user in (mia, bob):
            with pytest.raises(Forbidden):
                service(factories.actor_for_user(user), own)


def test_each_link_is_in_the_operation_log_and_needs_a_file(ada: User, admin: Actor, own: Image) -> None:
    with pytest.raises(NotNow, match="No download"):
        link_to_image(admin, own)
    export = prepared(admin, own)
    link = link_to_image(admin, own)
    assert exports.opened(admin, link.token) == export
    entry = AuditEntry.objects.get(verb="image.download")
    assert (entry.user, entry.target_id) == (ada, own.pk)
    assert entry.args["sha256"] == export.sha256 and link.token not in str(entry.args)


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_a_failure_leaves_neither_row_nor_file(
    cloud: Cloud, admin: Actor, own: Image, spool: Path, django_capture_on_commit_callbacks: Any
) -> None:
    cloud.world.fail("volumes.read_exported", REFUSED)
    with django_capture_on_commit_callbacks(execute=True):
        operation = run(export_image(admin, own))
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "volumes.pool_unavailable")
    assert (Export.objects.count(), list(spool.iterdir())) == (0, [])
    prepared(admin, own)


def test_a_cancelled_one_leaves_neither_and_the_host_is_told(
    cloud: Cloud, admin: Actor, own: Image, spool: Path, django_capture_on_commit_callbacks: Any
) -> None:
    operation = export_image(admin, own)
    calls: list[str] = []

    def on_call(verb: str, moment: str) -> None:
        calls.append(verb)
        if (verb, moment) == ("volumes.ensure_exported", "after"):
            cancel(admin, Operation.objects.get(pk=operation.pk))
            raise DriverError("Away.", code="host.unreachable")

    cloud.world.on_call = on_call
    with django_capture_on_commit_callbacks(execute=True):
        run(operation)
        cloud.world.on_call = lambda verb, moment: None
        if operation.is_open:
            Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
            run(operation)
    assert operation.status == OperationStatus.CANCELLED
    assert (Export.objects.count(), list(spool.iterdir()) if spool.exists() else []) == (0, [])


def test_a_later_attempt_writes_a_file_of_its_own(
    cloud: Cloud, admin: Actor, own: Image, spool: Path, django_capture_on_commit_callbacks: Any
) -> None:
    operation = export_image(admin, own)
    cloud.world.fail("volumes.read_exported", DriverError("Away.", code="host.unreachable"))
    with django_capture_on_commit_callbacks(execute=True):
        run(operation)
    assert operation.status == OperationStatus.QUEUED
    (first,) = spool.iterdir()
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert run(operation).status == OperationStatus.DONE
    (second,) = spool.iterdir()
    assert first != second and second.read_bytes() == in_pool(cloud, own)


def test_a_file_that_the_platform_has_no_room_for_is_refused(admin: Actor, own: Image, spool: Path) -> None:
    PlatformSetting.objects.create(name="upload_total_gib", value=1, changed_by="test")
    store.forget()
    Export.objects.create(
        resource=make_image(own.cluster, "other"),
        name="x",
        size=(1 << 30) - 100,
        sha256="0" * 64,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    operation = run(export_image(admin, own))
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "image.no_export_space")
    assert Export.objects.count() == 1


@pytest.mark.parametrize("part", [b"", b"short", b"x" * (MOST_PART_BYTES + 1)])
def test_a_host_that_sends_other_than_it_said_is_not_believed(
    admin: Actor, own: Image, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(MemoryVolumes, "read_exported", lambda self, spec, at: part)
    operation = run(export_image(admin, own))
    assert (operation.status, operation.error["code"]) == (OperationStatus.QUEUED, "image.export_changed")


# -- its end -----------------------------------------------------------------------------------------------------------


def test_it_is_removed_with_its_image(
    admin: Actor, own: Image, spool: Path, django_capture_on_commit_callbacks: Any
) -> None:
    prepared(admin, own)
    link = link_to_image(admin, own)
    with django_capture_on_commit_callbacks(execute=True):
        assert run(delete_image(admin, own)).status == OperationStatus.DONE
    assert (Export.objects.count(), list(spool.iterdir())) == (0, [])
    with pytest.raises(NotFound):
        exports.opened(admin, link.token)


def test_a_deletion_stops_it_first(admin: Actor, own: Image) -> None:
    running = export_image(admin, own)
    deleting = delete_image(admin, own)
    running.refresh_from_db()
    assert running.status == OperationStatus.CANCELLED
    assert run(deleting).status == OperationStatus.DONE
    assert not Image.objects.filter(pk=own.pk).exists()


def test_it_is_removed_after_its_time_and_so_is_a_file_that_nobody_knows(
    admin: Actor, own: Image, spool: Path, cloud: Cloud, django_capture_on_commit_callbacks: Any
) -> None:
    export, kept = prepared(admin, own), prepared(admin, cloud.image)
    Export.objects.filter(pk=export.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    stray, old = spool / str(UUID(int=7)), time.time() - 7200
    stray.write_bytes(b"left by a worker that was killed")
    for path in (stray, spool / str(kept.pk)):
        os.utime(path, (old, old))
    with django_capture_on_commit_callbacks(execute=True):
        remove_expired()
    assert list(spool.iterdir()) == [spool / str(kept.pk)]
    assert list(Export.objects.all()) == [kept]
    with pytest.raises(NotNow):
        link_to_image(admin, own)


def test_while_it_is_being_made_it_does_not_expire(admin: Actor, own: Image) -> None:
    operation = export_image(admin, own)
    exports.start(operation, resource_id=own.pk, name="x.qcow2", size=5)
    Export.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    assert exports.remove_expired() == 0
    Operation.objects.filter(pk=operation.pk).update(status=OperationStatus.FAILED)
    assert exports.remove_expired() == 1


# -- API ---------------------------------------------------------------------------------------------------------------


def test_the_api_prepares_says_how_far_it_is_and_gives_a_link(
    ada: User, alice: User, own: Image, django_capture_on_commit_callbacks: Any
) -> None:
    client, path = factories.api_client(ada), f"/api/v1/images/{own.pk}"
    assert client.get(f"{path}/download").json()["state"] == "none"
    assert client.post(f"{path}/download").json()["code"] == "state.not_allowed"
    accepted = client.post(f"{path}/export")
    assert accepted.status_code == 202, accepted.json()
    operation = Operation.objects.get(pk=accepted.json()["operation"]["id"])
    preparing = client.get(f"{path}/download").json()
    assert (preparing["state"], preparing["operation"]) == ("preparing", str(operation.pk))
    run(operation)
    ready = client.get(f"{path}/download").json()
    link = client.post(f"{path}/download")
    assert link.status_code == 200 and link["Cache-Control"] == "no-store"
    assert ready["state"] == "ready" and ready["sha256"] == link.json()["sha256"]
    answer = client.get(link.json()["url"])
    assert (answer.status_code, answer["Content-Length"]) == (200, str(ready["size"]))
    tenant = factories.api_client(alice)
    assert tenant.get(f"{path}/download").status_code == 403
    assert tenant.post(f"{path}/download").status_code == 403
    assert tenant.post(f"{path}/export").status_code == 403


def test_only_administrators_are_offered_it(ada: User, alice: User, own: Image) -> None:
    def offered(user: User) -> dict[str, Any]:
        actions = factories.api_client(user).get(f"/api/v1/images/{own.pk}").json()["allowed_actions"]
        return {each["action"]: each["allowed"] for each in actions}

    assert offered(ada)["export"] is True
    assert not {"export", "download"} & offered(alice).keys()
