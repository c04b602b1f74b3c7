"""Uploading by tus: part by part, broken off and continued, checked, given up, and within bounds."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Project, Tenant, User
from apps.lifecycle.errors import Busy
from apps.lifecycle.models import Operation
from apps.platform_settings import store
from apps.platform_settings.models import PlatformSetting
from apps.quotas.models import Quota
from apps.uploads import spool as spool_files
from apps.uploads.models import Upload
from apps.uploads.services import MOST_PART_BYTES, append, delete_upload, remove_expired, remove_strays
from apps.uploads.tus import CONTENT_TYPE, VERSION
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-2")]
GIB = 1 << 30
TUS = {"Tus-Resumable": VERSION}


@pytest.fixture
def client(mia: User) -> APIClient:
    return factories.api_client(mia)


def encoded(**pairs: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


def start(client: APIClient, size: int, **metadata: str) -> Any:
    return client.post(
        "/api/v1/tus", headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": encoded(**metadata)}
    )


def send(client: APIClient, url: str, offset: int, data: bytes, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.generic(
        "PATCH", url, data, content_type=CONTENT_TYPE, headers={**TUS, "Upload-Offset": str(offset), **named}
    )


def setting(name: str, value: int) -> None:
    PlatformSetting.objects.create(name=name, value=value, changed_by="test")
    store.forget()


def test_a_file_comes_in_parts_and_goes_on_where_it_was_broken_off(client: APIClient, spool: Path) -> None:
    content = os.urandom(1_200_000)
    made = start(client, len(content), filename="disk.qcow2")
    assert (made.status_code, made.headers["Upload-Offset"]) == (201, "0")
    url = made.headers["Location"]
    assert send(client, url, 0, content[:MOST_PART_BYTES]).headers["Upload-Offset"] == str(MOST_PART_BYTES)

    seen = client.head(url, headers=TUS)
    assert (seen.headers["Upload-Offset"], seen.headers["Upload-Length"]) == (
        str(MOST_PART_BYTES),
        str(len(content)),
    )
    at = int(seen.headers["Upload-Offset"])
    while at < len(content):
        answer = send(client, url, at, content[at : at + MOST_PART_BYTES])
        assert answer.status_code == 204, answer.content
        at = int(answer.headers["Upload-Offset"])
    upload = Upload.objects.get()
    assert (upload.name, upload.is_complete) == ("disk.qcow2", True)
    assert (spool / str(upload.pk)).read_bytes() == content
    shown = client.get("/api/v1/uploads").json()["results"][0]
    assert (shown["received"], shown["complete"], shown["url"]) == (len(content), True, url)


def test_what_was_written_but_not_counted_is_written_again(client: APIClient, spool: Path) -> None:
    """A web process that is killed between the file and the row leaves a file that is longer than its row says."""
    url = start(client, 10).headers["Location"]
    send(client, url, 0, b"0123")
    upload = Upload.objects.get()
    spool_files.write(upload.pk, 4, b"XXXXXX")
    send(client, url, 4, b"45")
    assert (spool / str(upload.pk)).read_bytes() == b"012345"


@pytest.mark.parametrize("offset", [0, 3, 5, 11])
def test_a_part_that_begins_elsewhere_is_refused(client: APIClient, offset: int, spool: Path) -> None:
    url = start(client, 10).headers["Location"]
    send(client, url, 0, b"0123")
    answer = send(client, url, offset, b"ab")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload.offset_mismatch")
    assert (spool / str(Upload.objects.get().pk)).read_bytes() == b"0123"


def test_more_than_was_announced_is_refused(client: APIClient, spool: Path) -> None:
    url = start(client, 4).headers["Location"]
    assert send(client, url, 0, b"01234").status_code == 422
    assert not (spool / str(Upload.objects.get().pk)).exists()


@pytest.mark.parametrize("name", ["sha256", "sha1"])
def test_a_part_is_kept_only_if_its_checksum_is_right(client: APIClient, name: str) -> None:
    url = start(client, 10).headers["Location"]
    digest = base64.b64encode(hashlib.new(name, b"0123", usedforsecurity=False).digest()).decode()
    wrong = send(client, url, 0, b"0124", Upload_Checksum=f"{name} {digest}")
    assert (wrong.status_code, wrong.json()["code"]) == (460, "upload.checksum_mismatch")
    assert client.head(url, headers=TUS).headers["Upload-Offset"] == "0"
    assert send(client, url, 0, b"0123", Upload_Checksum=f"{name} {digest}").status_code == 204
    assert send(client, url, 4, b"45", Upload_Checksum="md5 AAAA").status_code == 422
    assert send(client, url, 4, b"45", Upload_Checksum="sha256 !").status_code == 422


def test_a_part_that_is_too_long_is_refused_and_not_kept(client: APIClient, spool: Path) -> None:
    url = start(client, GIB).headers["Location"]
    answer = send(client, url, 0, bytes(MOST_PART_BYTES + 1))
    assert answer.status_code == 413
    assert not (spool / str(Upload.objects.get().pk)).exists()
    assert send(client, url, 0, bytes(MOST_PART_BYTES)).status_code == 204


def test_an_upload_that_is_given_up_leaves_nothing(client: APIClient, tenant_a: Tenant, spool: Path) -> None:
    url = start(client, 3 * GIB).headers["Location"]
    send(client, url, 0, b"0123")
    quota = Quota.objects.get(tenant=tenant_a, metric="upload_gib")
    assert quota.used == 3
    with django_commits():
        assert client.delete(url, headers=TUS).status_code == 204
    quota.refresh_from_db()
    assert (quota.used, list(spool.iterdir()), Upload.objects.count()) == (0, [], 0)
    assert client.head(url, headers=TUS).status_code == 404


class django_commits:
    """Run what waits for the commit of a test's transaction, which never comes."""

    def __enter__(self) -> None:
        connection.run_on_commit = []

    def __exit__(self, *_: object) -> None:
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _ids, call, _robust in waiting:
            call()


def test_the_server_says_what_it_can_do(client: APIClient) -> None:
    answer = client.options("/api/v1/tus")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == VERSION
    assert answer.headers["Tus-Extension"] == "creation,checksum,termination,expiration"
    assert answer.headers["Tus-Max-Size"] == str(100 * GIB)


@pytest.mark.parametrize(
    ("version", "code"), [("", "invalid"), ("0.2.2", "upload.version"), ("2.0.0", "upload.version")]
)
def test_other_versions_of_the_protocol_are_refused(client: APIClient, version: str, code: str) -> None:
    answer = client.post("/api/v1/tus", headers={"Tus-Resumable": version, "Upload-Length": "1"})
    assert (answer.status_code, answer.json()["code"]) == (422 if code == "invalid" else 412, code)


@pytest.mark.parametrize("length", ["", "-1", "1e3", "0", "9" * 30, str(100 * GIB + 1)])
def test_a_length_that_cannot_be_is_refused(client: APIClient, length: str) -> None:
    answer = client.post("/api/v1/tus", headers={**TUS, "Upload-Length": length})
    assert (answer.status_code, Upload.objects.count()) == (422, 0)


@pytest.mark.parametrize(
    "metadata",
    [
        "filename !",
        "filename " + base64.b64encode(b"\xff\xfe").decode(),
        "filename " + base64.b64encode(b"a\nb").decode(),
        "filename " + base64.b64encode(b"a" * 256).decode(),
        "sha256 " + base64.b64encode(b"123").decode(),
        "project " + base64.b64encode(b"123").decode(),
        "x" * 5000,
    ],
)
def test_metadata_that_is_no_use_is_refused(client: APIClient, metadata: str) -> None:
    answer = client.post("/api/v1/tus", headers={**TUS, "Upload-Length": "1", "Upload-Metadata": metadata})
    assert (answer.status_code, Upload.objects.count()) == (422, 0)


def test_no_name_of_a_client_becomes_part_of_a_path(client: APIClient, spool: Path) -> None:
    url = start(client, 4, filename="../../etc/passwd").headers["Location"]
    send(client, url, 0, b"0123")
    assert [path.name for path in spool.iterdir()] == [str(Upload.objects.get().pk)]


def test_a_tenant_uploads_no_more_than_its_quota(client: APIClient, tenant_a: Tenant) -> None:
    Quota.objects.update_or_create(tenant=tenant_a, metric="upload_gib", defaults={"limit": 2})
    assert start(client, 2 * GIB).status_code == 201
    answer = start(client, 1)
    assert (answer.status_code, answer.json()["code"]) == (409, "quota.exceeded")


def test_all_tenants_together_upload_no_more_than_the_spool_takes(client: APIClient, bob: User) -> None:
    setting("upload_total_gib", 3)
    assert start(client, 2 * GIB).status_code == 201
    answer = start(factories.api_client(bob), 2 * GIB)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload.no_space")
    assert start(factories.api_client(bob), GIB).status_code == 201


def test_an_upload_is_admitted_only_if_the_disk_has_room_for_all_of_it(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_files, "free_bytes", lambda: 5 * GIB)
    assert start(client, 2 * GIB).status_code == 201
    assert start(client, 2 * GIB).json()["code"] == "upload.no_space"


@pytest.mark.requirement("SE-1")
def test_uploads_are_their_projects_managers_own(client: APIClient, bob: User, otto: User, ada: User) -> None:
    url = start(client, 4).headers["Location"]
    one = f"/api/v1/uploads/{Upload.objects.get().pk}"
    for stranger in (bob, otto):
        other = factories.api_client(stranger)
        assert other.get(one).status_code == 404
        assert other.head(url, headers=TUS).status_code == 404
        assert send(other, url, 0, b"0123").status_code == 404
        assert other.delete(url, headers=TUS).status_code == 404
    assert factories.api_client(ada).get(one).status_code == 200
    read_only = factories.api_client(otto, "read")
    assert start(read_only, 4).status_code == 403
    assert start(factories.api_client(otto), 4).status_code == 403


def test_an_administrators_upload_belongs_to_no_tenant(ada: User) -> None:
    assert start(factories.api_client(ada), 4).status_code == 201
    upload = Upload.objects.get()
    assert (upload.tenant, upload.project, upload.reserved_gib) == (None, None, 0)


def test_what_nobody_goes_on_with_is_removed(
    client: APIClient, mia: User, spool: Path, project_a: Project
) -> None:
    for _ in range(3):
        send(client, start(client, 4).headers["Location"], 0, b"0")
    old, imported, fresh = Upload.objects.order_by("created_at")
    long_ago = timezone.now() - timedelta(hours=25)
    Upload.objects.filter(pk__in=[old.pk, imported.pk]).update(active_at=long_ago)
    operation = Operation.objects.create(
        verb="image.import", target_id=uuid4(), target_kind="image", deadline=timezone.now()
    )
    Upload.objects.filter(pk=imported.pk).update(operation=operation)
    stray = spool / str(uuid4())
    stray.write_bytes(b"of a row that was never committed")
    os.utime(stray, (0, 0))
    with django_commits():
        assert (remove_expired(), remove_strays()) == (1, 1)
    assert {path.name for path in spool.iterdir()} == {str(imported.pk), str(fresh.pk)}
    with pytest.raises(Busy):
        delete_upload(factories.actor_for_user(mia), imported)


@pytest.mark.django_db(transaction=True)
def test_two_requests_do_not_write_at_once(client: APIClient, mia: User) -> None:
    start(client, 10)
    upload, actor, refused = Upload.objects.get(), factories.actor_for_user(mia), []
    entered, leave = threading.Event(), threading.Event()
    write = spool_files.write

    def slow(*arguments: Any) -> None:
        entered.set()
        leave.wait(10)
        write(*arguments)

    def first() -> None:
        append(actor, upload, offset=0, data=b"0123")
        connection.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_files, "write", slow)
        thread = threading.Thread(target=first)
        thread.start()
        assert entered.wait(10)
        try:
            append(actor, upload, offset=0, data=b"abcd")
        except Busy as error:
            refused.append(error.code)
        leave.set()
        thread.join(10)
    assert refused == ["upload.locked"]
    assert spool_files.path_of(upload.pk).read_bytes() == b"0123"
