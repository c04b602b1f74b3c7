"""Requests that wait for an operation: between two looks at it they are a coroutine and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from rest_framework.exceptions import ValidationError

from apps.api.waiting import MOST_AT_ONCE, PARAMETER, SCOPE, Wait, Waiting, seconds_of
from apps.portal import open_pages, push_groups

App = Callable[[Any, Any, Any], Awaitable[None]]
Message = Mapping[str, Any]

_PATH = re.compile(r"/api/v1/operations/[0-9a-fA-F-]{36}")
#: Seconds for counting a request and for joining its group; beyond these it is answered without waiting.
PATIENCE = 5


class WaitingRequests:
    """Answers `GET /api/v1/operations/<id>?wait=…` once the operation has finished or the time is over.

    Each look at the operation is a request to the application, whose answer is kept back until there is nothing more to
    wait for.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on what does not wait."""
        seconds = _seconds(scope)
        if not seconds:
            await self.app(scope, receive, send)
            return
        gone = asyncio.create_task(_until_gone(receive))
        try:
            for message in await self._answer(scope, seconds, gone):
                await send(message)
        finally:
            gone.cancel()

    async def _answer(self, scope: Any, seconds: int, gone: asyncio.Task[None]) -> list[Message]:
        answer, wait = await self._look(scope, Waiting())
        if wait is None:
            return answer
        try:
            async with asyncio.timeout(PATIENCE):
                entry = await open_pages.enter([(f"open_pages:{wait.counted}", MOST_AT_ONCE)])
        except push_groups.AWAY:
            return answer
        if entry is None:
            return (await self._look(scope, Waiting(too_many=True)))[0]
        try:
            return await self._when_finished(scope, wait, gone, seconds)
        except push_groups.AWAY:
            return answer
        finally:
            await open_pages.leave(entry)

    async def _when_finished(
        self, scope: Any, wait: Wait, gone: asyncio.Task[None], seconds: int
    ) -> list[Message]:
        """Look at the operation after each change, until it has finished, the time is over or its caller is gone."""
        deadline = asyncio.get_running_loop().time() + seconds
        listener, group = _Listener(wait.operation), ""
        try:
            while True:
                if group != wait.group:
                    push_groups.leave(group, listener)
                    group = wait.group
                    async with asyncio.timeout(PATIENCE):
                        await push_groups.join(group, listener)
                # After the group is heard: a change in between is not missed.
                answer, found = await self._look(scope, Waiting(again=True))
                if found is None:
                    return answer
                wait = found
                if group == wait.group and not await listener.changed(gone, deadline):
                    return answer
        finally:
            push_groups.leave(group, listener)

    async def _look(self, scope: Any, waiting: Waiting) -> tuple[list[Message], Wait | None]:
        """Return the application's answer, and what there is to wait for."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app({**scope, SCOPE: waiting}, _empty_body(), keep)
        return messages, waiting.wait


class _Listener:
    """Hears pushes about one operation."""

    def __init__(self, operation: UUID) -> None:
        self._id = str(operation)
        self._changed = asyncio.Event()

    def send_text(self, text: str) -> None:
        """Note a push about the operation, or about all rows of a kind."""
        if self._id in text or '"*"' in text:
            self._changed.set()

    def receives(self, about: Collection[str]) -> bool:
        """Every push: what the caller may see is judged at each look."""
        return True

    def end(self, message: dict[str, Any]) -> None:
        """Look again: rights may have changed, or pushes were lost."""
        self._changed.set()

    async def changed(self, gone: asyncio.Task[None], deadline: float) -> bool:
        """Wait for a push; False when the deadline has passed or the caller is gone."""
        heard = asyncio.create_task(self._changed.wait())
        left = deadline - asyncio.get_running_loop().time()
        await asyncio.wait([heard, gone], timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
        heard.cancel()
        if not self._changed.is_set() or gone.done():
            return False
        self._changed.clear()
        return True


def _seconds(scope: Any) -> int:
    """Return how long the request may wait; 0 for what does not wait, or asks for it in a way the view refuses."""
    if scope["type"] != "http" or scope["method"] != "GET" or not _PATH.fullmatch(scope["path"]):
        return 0
    given = parse_qs(scope["query_string"].decode("latin-1")).get(PARAMETER, [])
    try:
        return seconds_of(given[-1]) if given else 0
    except ValidationError:
        return 0


def _empty_body() -> Callable[[], Awaitable[Message]]:
    """Return a `receive` that has no body, and never hears that the caller is gone."""
    unread = True

    async def receive() -> Message:
        nonlocal unread
        if not unread:
            await asyncio.Event().wait()
        unread = False
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def _until_gone(receive: Callable[[], Awaitable[Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
