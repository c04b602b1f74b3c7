"""More requests than connections to the database wait their turn, and hear so when it does not come."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from scloud_console import handler
from scloud_console.handler import OneThreadHandler, turns

REQUEST = RequestFactory().get("/api/v1/vms")


def test_no_more_are_at_work_than_there_are_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    served, most, at_work = OneThreadHandler(), 0, 0
    served._turns = asyncio.Semaphore(3)
    seen: list[int] = []

    def answer(request: HttpRequest) -> HttpResponse:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        seen.append(at_work)
        at_work -= 1
        return HttpResponse("done")

    monkeypatch.setattr(served, "get_response", answer)

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(served.get_response_async(REQUEST) for _ in range(20)))

    assert [answer.status_code for answer in asyncio.run(all_at_once())] == [200] * 20
    assert len(seen) == 20 and most <= 3
    assert 1 <= turns(settings.DATABASES["default"]) < 20


def test_who_waits_in_vain_hears_when_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "PATIENCE", 0.01)
    served = OneThreadHandler()
    served._turns = asyncio.Semaphore(0)
    answer = asyncio.run(served.get_response_async(REQUEST))
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 503 and answer["Retry-After"]
    assert json.loads(answer.content)["code"] == "platform.unavailable"
