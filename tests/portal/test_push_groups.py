"""Open pages of one process: one subscription for all of a group, and none waits for another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from apps.portal import push_groups

GROUP = "pages.test"


class Heard:
    """A page that keeps what it is told."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def send_text(self, text: str) -> None:
        self.texts.put_nowait(text)

    def receives(self, about: Collection[str]) -> bool:
        return "mine" in about

    def end(self, message: dict[str, Any]) -> None:
        self.ended.put_nowait(message)

    async def next(self) -> Any:
        async with asyncio.timeout(20):
            return json.loads(await self.texts.get())


async def send(*ids: str) -> None:
    for each in ids:
        message = {"type": "page.changed", "kind": "vm", "id": each, "change": "updated"}
        await get_channel_layer().group_send(GROUP, message)


def change(key: str) -> dict[str, str]:
    return {"kind": "vm", "id": key, "change": "updated"}


@pytest.mark.requirement("UX-2")
def test_pages_of_a_group_share_one_subscription_and_hear_the_same() -> None:
    async def scenario() -> None:
        first, second, late = Heard(), Heard(), Heard()
        await asyncio.gather(push_groups.join(GROUP, first), push_groups.join(GROUP, second))
        layer = get_channel_layer()
        assert [len(channels) for channels in layer.groups.values()] == [1]
        await send("1")
        assert await first.next() == await second.next() == change("1")
        push_groups.leave(GROUP, first)
        await push_groups.join(GROUP, late)
        await send("2")
        assert await second.next() == await late.next() == change("2")
        assert first.texts.empty()

    async_to_sync(scenario)()


@pytest.mark.requirement("UX-2")
def test_what_changes_together_goes_in_one_message_each_once() -> None:
    async def scenario() -> None:
        page = Heard()
        await push_groups.join(GROUP, page)
        told: list[Any] = []
        await asyncio.gather(*(send("1", "2") for _ in range(50)))
        await send("last")
        while change("last") not in told:
            said = await page.next()
            told += said if isinstance(said, list) else [said]
        assert {one["id"] for one in told} == {"1", "2", "last"}
        assert len(told) < 50

    async_to_sync(scenario)()


def test_several_changes_are_a_list_and_one_is_not() -> None:
    assert json.loads(push_groups.joined([json.dumps(change("1"))])) == change("1")
    assert json.loads(push_groups.joined([json.dumps(change("1")), json.dumps(change("2"))])) == [
        change("1"),
        change("2"),
    ]


@pytest.mark.requirement("SE-1")
def test_who_left_hears_nothing_and_the_last_one_ends_the_subscription() -> None:
    async def scenario() -> None:
        page = Heard()
        await push_groups.join(GROUP, page)
        push_groups.leave(GROUP, page)
        async with asyncio.timeout(20):
            while get_channel_layer().groups:
                await asyncio.sleep(0.01)
        again = Heard()
        await push_groups.join(GROUP, again)
        await send("1")
        assert await again.next() == change("1")
        assert page.texts.empty()

    async_to_sync(scenario)()


@pytest.mark.requirement("SE-1")
def test_ended_sessions_are_told_at_once() -> None:
    async def scenario() -> None:
        page = Heard()
        await push_groups.join(GROUP, page)
        await get_channel_layer().group_send(GROUP, {"type": "page.closed"})
        async with asyncio.timeout(20):
            assert await page.ended.get() == {"type": "page.closed"}

    async_to_sync(scenario)()


@pytest.mark.requirement("AC-1", "UX-2")
def test_a_message_about_single_resources_reaches_only_pages_that_may_hear_of_one() -> None:
    class Deaf(Heard):
        def receives(self, about: Collection[str]) -> bool:
            return False

    async def scenario() -> None:
        mine, other = Heard(), Deaf()
        await asyncio.gather(push_groups.join(GROUP, mine), push_groups.join(GROUP, other))
        message = {"type": "page.changed", "kind": "vm", "id": "1", "change": "updated", "about": ["mine"]}
        await get_channel_layer().group_send(GROUP, message)
        await get_channel_layer().group_send(GROUP, {**message, "id": "2", "about": ["other"]})
        await send("last")
        assert [await mine.next(), await mine.next()] == [change("1"), change("last")]
        assert await other.next() == change("last")

    async_to_sync(scenario)()
