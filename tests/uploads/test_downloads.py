"""Downloading an export: whole, in ranges and resumed, by its administrator alone, for a time, in constant memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import signing
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Tenant, User
from apps.compute.models import Image
from apps.uploads import exports, spool
from apps.uploads.downloads import MOST_AT_ONCE, PIECE, Sending, sending
from apps.uploads.models import Export
from apps.uploads.ranges import Span, Unsatisfiable, span_of
from scloud_console.handler import OneThreadHandler
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IM-3")]
MIB = 1 << 20
CONTENT = os.urandom(MIB)


def an_export(image: Image, content: bytes = CONTENT) -> Export:
    export = Export.objects.create(
        resource=image,
        name="Debian 12 größer.qcow2",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        expires_at=timezone.now() + timedelta(hours=1),
    )
    with spool.new_file(export.pk) as file:
        file.write(content)
    return export


@pytest.fixture
def image(db: None) -> Image:
    region = factories.make_region("north")
    storage = factories.make_storage(region, "files")
    return Image.objects.create(kind="image", name="Debian", region=region, cluster=storage)


@pytest.fixture
def export(image: Image) -> Export:
    return an_export(image)


@pytest.fixture
def client(ada: User) -> APIClient:
    return factories.session_client(ada)


def url(user: User, export: Export) -> str:
    return f"/api/v1/downloads/{exports.token_for(factories.actor_for_user(user), export)}"


def body(response: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return asyncio.run(read())


def test_all_of_it_comes_as_an_attachment_that_can_be_resumed(
    client: APIClient, ada: User, export: Export
) -> None:
    answer = client.get(url(ada, export))
    assert answer.status_code == 200
    assert body(answer) == CONTENT
    assert (answer["Accept-Ranges"], answer["Content-Length"]) == ("bytes", str(MIB))
    assert answer["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert (
        answer["Content-Disposition"] == "attachment; filename*=utf-8''Debian%2012%20gr%C3%B6%C3%9Fer.qcow2"
    )
    assert answer["Content-Type"] == "application/octet-stream"
    assert "no-store" in answer["Cache-Control"] and answer["X-Accel-Buffering"] == "no"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=1000-", 1000, MIB),
        ("bytes=-7", MIB - 7, MIB),
        ("bytes=262143-262145", 262143, 262146),
        ("bytes=500-99999999", 500, MIB),
    ],
)
def test_a_range_is_sent_byte_by_byte(
    client: APIClient, ada: User, export: Export, asked: str, first: int, end: int
) -> None:
    answer = client.get(url(ada, export), headers={"Range": asked})
    assert answer.status_code == 206
    assert body(answer) == CONTENT[first:end]
    assert answer["Content-Range"] == f"bytes {first}-{end - 1}/{MIB}"
    assert answer["Content-Length"] == str(end - first)


def test_a_download_that_broke_off_half_way_goes_on_there(
    client: APIClient, ada: User, export: Export
) -> None:
    begun: Any = client.get(url(ada, export))

    async def half() -> bytes:
        got = b""
        async for piece in begun.streaming_content:
            got += piece
            if len(got) >= MIB // 2:
                break
        await begun.streaming_content.aclose()
        return got

    got = asyncio.run(half())
    assert MIB // 2 <= len(got) < MIB and sending.count == 0
    rest = client.get(url(ada, export), headers={"Range": f"bytes={len(got)}-", "If-Range": begun["ETag"]})
    assert rest.status_code == 206
    assert hashlib.sha256(got + body(rest)).hexdigest() == export.sha256


def test_what_is_of_another_file_is_not_gone_on_with(client: APIClient, ada: User, export: Export) -> None:
    answer = client.get(url(ada, export), headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert answer.status_code == 200 and body(answer) == CONTENT


@pytest.mark.parametrize("asked", [f"bytes={MIB}-", "bytes=99999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_refused_with_the_size(
    client: APIClient, ada: User, export: Export, asked: str
) -> None:
    answer = client.get(url(ada, export), headers={"Range": asked})
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{MIB}")
    assert answer.json()["code"] == "download.range"


@pytest.mark.parametrize("asked", ["bytes=9-3", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=a-b", "9"])
def test_what_is_no_range_or_several_is_answered_with_all(
    client: APIClient, ada: User, export: Export, asked: str
) -> None:
    answer = client.get(url(ada, export), headers={"Range": asked})
    assert answer.status_code == 200 and len(body(answer)) == MIB


def test_spans_end_with_the_file() -> None:
    assert span_of("bytes=-50", 10) == Span(0, 10, 10)
    assert span_of("bytes=0-9", 10) == Span(0, 10, 10)
    assert span_of("", 10) is None
    with pytest.raises(Unsatisfiable):
        span_of("bytes=10-", 10)


def test_its_head_says_the_same_without_the_file(client: APIClient, ada: User, export: Export) -> None:
    answer = client.head(url(ada, export))
    assert (answer.status_code, answer["Content-Length"], answer.content) == (200, str(MIB), b"")
    part = client.head(url(ada, export), headers={"Range": "bytes=1-4"})
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 1-4/{MIB}")
    assert sending.count == 0


def test_a_program_downloads_with_its_key_whatever_it_accepts(ada: User, export: Export) -> None:
    keyed = factories.api_client(ada, "read")
    answer = keyed.get(url(ada, export), headers={"Accept": "application/octet-stream"})
    assert answer.status_code == 200 and body(answer) == CONTENT


# -- by whom and until when --------------------------------------------------------------------------------------------


def test_nobody_but_the_administrator_who_made_the_link_has_use_of_it(
    ada: User, alice: User, export: Export
) -> None:
    link = url(ada, export)
    other = factories.make_admin("other")
    for user in (other, alice):
        refused = factories.session_client(user).get(link)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found"), user
    assert Client().get(link).status_code == 401
    assert factories.session_client(alice).get(url(alice, export)).status_code == 404, "tenants have none"


def test_an_administrator_who_is_disabled_or_acts_as_a_tenant_downloads_nothing(
    ada: User, tenant_a: Tenant, export: Export
) -> None:
    link, client = url(ada, export), factories.session_client(ada)
    assert client.get(link).status_code == 200
    User.objects.filter(pk=ada.pk).update(is_platform_admin=False, tenant=tenant_a)
    assert client.get(link).status_code in (401, 403, 404)
    User.objects.filter(pk=ada.pk).update(is_platform_admin=True, tenant=None, is_active=False)
    assert client.get(link).status_code == 401


def test_a_link_that_was_tampered_with_is_refused(client: APIClient, ada: User, export: Export) -> None:
    link = url(ada, export)
    foreign = signing.dumps([export.pk.hex, ada.pk], salt="another")
    for token in (link.rsplit("/", 1)[1][:-2] + "xx", "x" * 5000, "a:b:c", foreign, "%00"):
        assert client.get(f"/api/v1/downloads/{token}").status_code == 404, token


def test_a_link_is_good_for_an_hour(
    client: APIClient, ada: User, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = url(ada, export)
    monkeypatch.setattr(exports, "LINK_SECONDS", -1)  # the time has passed
    refused = client.get(link)
    assert (refused.status_code, refused.json()["code"]) == (410, "download.expired")


def test_a_link_ends_with_its_file(client: APIClient, ada: User, export: Export) -> None:
    link = url(ada, export)
    spool.remove(export.pk)
    assert client.get(link).status_code == 404
    Export.objects.update(expires_at=timezone.now())
    assert client.get(link).status_code == 404


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_a_process_sends_so_many_files_and_refuses_more_with_the_time_to_come_again(
    client: APIClient, ada: User, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "count", MOST_AT_ONCE)
    refused = client.get(url(ada, export))
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (
        429,
        "download.too_many",
        "30",
    )
    assert client.head(url(ada, export)).status_code == 200


def test_a_file_that_is_shorter_than_was_said_ends_the_download(tmp_path: Path) -> None:
    short, counted = tmp_path / "short", Sending()
    short.write_bytes(b"abc")

    async def read() -> list[bytes]:
        return [piece async for piece in counted.pieces(short, Span(0, 10, 10))]

    assert asyncio.run(read()) == [b"abc"] and counted.count == 0


@pytest.mark.django_db(transaction=True)
def test_300_mib_pass_the_web_process_in_a_few_pieces_of_memory(
    client: APIClient, ada: User, image: Image
) -> None:
    """Through the handler that serves requests. Measured is what Python holds at most, not how long it takes."""
    size = 300 * MIB
    export = an_export(image)
    os.truncate(spool.path_of(export.pk), size)
    Export.objects.filter(pk=export.pk).update(size=size)
    path = url(ada, export)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    seen = {"status": 0, "bytes": 0, "largest": 0}

    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in asked:
            return message
        await asyncio.sleep(3600)  # the client goes on reading
        raise AssertionError

    async def send(message: Any) -> None:
        seen["status"] = message.get("status", seen["status"])
        seen["bytes"] += len(message.get("body", b""))
        seen["largest"] = max(seen["largest"], len(message.get("body", b"")))

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"cookie", cookies.encode())],
    }
    handler: Any = OneThreadHandler()
    tracemalloc.start()
    try:
        async_to_sync(handler)(scope, receive, send)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (seen["status"], seen["bytes"]) == (200, size)
    assert 0 < seen["largest"] <= PIECE
    assert most < 16 * MIB, f"{most / MIB:.1f} MiB"
    assert sending.count == 0


def test_downloads_wait_for_the_disk_beside_the_event_loop(tmp_path: Path) -> None:
    """A disk that does not answer holds one download, and neither others nor the loop."""
    pipe, counted = tmp_path / "pipe", Sending()
    os.mkfifo(pipe)  # opening it waits for somebody who writes

    async def beside() -> int:
        async def read() -> AsyncIterator[bytes]:
            async for piece in counted.pieces(pipe, Span(0, 3, 3)):
                yield piece

        waiting = asyncio.ensure_future(anext(read()))
        turns = 0
        for _ in range(50):
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        await asyncio.to_thread(pipe.open("wb").close)
        with pytest.raises((OSError, StopAsyncIteration)):
            await waiting
        return turns

    assert asyncio.run(beside()) == 50
