"""Open pages that no browser draws, in a process of their own: sockets that listen, and pages that fetch as well.

Reads {"port", "cookie", "count", "fetch", "pid"} from standard input, connects, prints {"ready"} and stays until
standard input ends; then prints {"messages", "fetches", "fetch_ms"}. `fetch` is the path a page asks for when it hears
of a change ("" for sockets that only listen), with `{id}` for what changed; like static/js/live.js, at once, with at
most one request under way, the next one after a pause of as long as the last one took, 120 ms at least.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

#: Connections made at a time.
AT_ONCE = 20
LEAST_PAUSE = 0.12


class Pages:
    """All of them, on one loop."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.messages = 0
        self.fetched: list[float] = []
        self.limit = asyncio.Semaphore(AT_ONCE)

    async def open(self) -> ClientConnection:
        """Connect one and wait until it is heard."""
        url = f"ws://127.0.0.1:{self.task['port']}/ws/page/"
        origin: Any = f"http://127.0.0.1:{self.task['port']}"
        async with self.limit:
            socket = await connect(
                url, additional_headers={"Cookie": self.task["cookie"]}, origin=origin, open_timeout=60
            )
            assert "ready" in json.loads(await socket.recv())
        return socket

    async def live(self, socket: ClientConnection) -> None:
        """Hear, and fetch what changed."""
        changed: set[str] = set()
        fetching: asyncio.Task[None] | None = None
        async for text in socket:
            said = json.loads(text)
            changes = said if isinstance(said, list) else [said]
            self.messages += len(changes)
            if not self.task["fetch"]:
                continue
            changed.update(change["id"] for change in changes)
            if fetching is None or fetching.done():
                fetching = asyncio.create_task(self.catch_up(changed))

    async def catch_up(self, changed: set[str]) -> None:
        """Fetch until nothing is left."""
        while changed:
            path = self.task["fetch"].format(id=",".join(sorted(changed)))
            changed.clear()
            started = time.perf_counter()
            await self.fetch(path)
            took = time.perf_counter() - started
            self.fetched.append(1000 * took)
            await asyncio.sleep(max(LEAST_PAUSE, took))

    async def fetch(self, path: str) -> None:
        """GET over a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.task["port"])
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {self.task['cookie']}\r\n"
        writer.write(f"{head}HX-Request: true\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        writer.close()


async def main() -> None:
    """Connect, say so, live until standard input ends, tell."""
    task = json.loads(sys.stdin.readline())
    pages = Pages(task)
    sockets = await asyncio.gather(*(pages.open() for _ in range(task["count"])))
    print(json.dumps({"ready": len(sockets)}), flush=True)
    living = [asyncio.create_task(pages.live(socket)) for socket in sockets]
    await asyncio.to_thread(sys.stdin.read)
    for each in living:
        each.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await each
    print(json.dumps({"messages": pages.messages, "fetch_ms": pages.fetched}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
