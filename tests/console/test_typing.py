"""Pasted text, key event by key event, on a model of the queue by which QEMU gives keys to a guest."""

from __future__ import annotations

import random
import string
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.requirement("VN-1")]

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "js"
URL = "http://console.test"
#: Of QEMU (ui/input.c): what its queue holds, what an event takes of it (itself, its end, a delay), the delay.
QUEUE, ENTRIES_AN_EVENT, DELAY_MS = 1024, 3, 10
TYPE = """async text => {
    const { type } = await import("/console/typing.js");
    window.events = [];
    window.controller = new AbortController();
    const rfb = { sendKey: (keysym, code, down) => events.push([Date.now(), code, down]) };
    window.typing = Promise.allSettled([...text].map(part => type(rfb, part, { signal: controller.signal })));
}"""
SHIFTED = {"Equal": "+", "Minus": "_", "Slash": "?", "Digit2": "@", "Semicolon": ":"}
PLAIN = {"Equal": "=", "Minus": "-", "Slash": "/", "Space": " ", "Enter": "\n", "Semicolon": ";"}


@pytest.fixture
def blank(page: Page) -> Page:
    """A page without a server, whose time passes when the test says so."""

    def serve(route: Route) -> None:
        path = route.request.url.removeprefix(URL).lstrip("/")
        if path:
            return route.fulfill(body=(SCRIPTS / path).read_text(), content_type="text/javascript")
        return route.fulfill(body="<!doctype html><title>x</title>", content_type="text/html")

    page.route(f"{URL}/**", serve)
    page.clock.install(time=0)
    page.goto(f"{URL}/")
    return page


def typed(page: Page, *texts: str, seconds: int = 120) -> list[Any]:
    """Type texts, one call each at the same time; return the events, with their times."""
    page.evaluate(TYPE, list(texts))
    page.clock.run_for(seconds * 1000)
    events: list[Any] = page.evaluate("events")
    return events


def through_qemu(events: list[Any]) -> list[Any]:
    """Return the events that reach the guest: what comes while the queue is full is lost."""
    waiting, last, arrived = 0.0, 0, []
    for at, code, down in events:
        waiting = max(0.0, waiting - (at - last) / DELAY_MS * ENTRIES_AN_EVENT)
        last = at
        if waiting + ENTRIES_AN_EVENT <= QUEUE:
            waiting += ENTRIES_AN_EVENT
            arrived.append((code, down))
    return arrived


def on_a_us_keyboard(events: list[Any]) -> tuple[str, set[str]]:
    """Return what a guest reads, and the keys that stay down."""
    text, held = "", set[str]()
    for code, down in events:
        if not down:
            held.discard(code)
            continue
        held.add(code)
        if code == "ShiftLeft":
            continue
        shift = "ShiftLeft" in held
        letter = code.removeprefix("Key").removeprefix("Digit")
        if code.startswith("Key"):
            text += letter if shift else letter.lower()
        elif code.startswith("Digit") and not shift:
            text += letter
        else:
            text += (SHIFTED if shift else PLAIN)[code]
    return text, held


def mixed(count: int, characters: str) -> str:
    return "".join(random.Random(count).choices(characters, k=count))  # noqa: S311 - only has to be the same each time


@pytest.mark.parametrize(
    "text",
    [
        mixed(900, string.ascii_letters + " \n"),
        "ssh-rsa " + mixed(724, string.ascii_letters + string.digits + "+/") + "== me@home\n",
    ],
    ids=["900 mixed letters", "a 4096-bit public key"],
)
def test_a_long_text_reaches_the_guest_verbatim(blank: Page, text: str) -> None:
    events = typed(blank, text)
    assert on_a_us_keyboard(through_qemu(events)) == (text, set())


def test_no_two_key_events_come_faster_than_qemu_passes_them_on(blank: Page) -> None:
    strokes = [event for event in typed(blank, "aBc") if event[1].startswith(("Key", "Shift"))]
    times = [at for at, _code, _down in strokes][1:-1]  # Shift is released before and after the text as well
    assert all(after - before > DELAY_MS for before, after in pairwise(times))


def test_two_texts_at_a_time_are_typed_one_after_the_other(blank: Page) -> None:
    assert on_a_us_keyboard([event[1:] for event in typed(blank, "Hello ", "World")])[0] == "Hello World"


def test_modifiers_are_released_at_the_end_and_after_a_text_that_was_cancelled(blank: Page) -> None:
    typed(blank, "ABCDEFGH", seconds=0)
    blank.clock.run_for(100)
    blank.evaluate("controller.abort()")
    blank.clock.run_for(10_000)
    events = [event[1:] for event in blank.evaluate("events")]
    text, held = on_a_us_keyboard(events)
    assert "A" in text and text != "ABCDEFGH"
    assert not held
    assert {code for code, down in events[-4:] if not down} == {
        "ShiftLeft",
        "ControlLeft",
        "AltLeft",
        "MetaLeft",
    }
