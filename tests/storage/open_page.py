"""An administrator's open page of a storage cluster: fetched again whenever its WebSocket says so, as browsers do."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from onebox.shell import patience, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, User
from apps.infrastructure.models import StorageCluster
from tests.factories import make_admin, page_client
from tests.platform_fixtures import Api, Platform

KIND = "storage_cluster"
REBUILD = re.compile(r"Rebuild: (\d+) %.*?<small>(.*?)</small>", re.DOTALL)


@dataclass(frozen=True)
class Look:
    """The page, and the API's answer, as fetched at one moment (by the monotonic clock)."""

    at: float
    text: str
    row: dict[str, Any]

    @property
    def rebuild(self) -> tuple[int, str] | None:
        """Percent and the line below it, as the page has them; None when it shows no rebuild."""
        found = REBUILD.search(self.text)
        return (int(found[1]), found[2]) if found else None


@dataclass
class OpenPage:
    """What the page showed from its opening on. took: seconds of every fetch."""

    platform: Platform
    cluster: StorageCluster
    cookie: str
    api: Api
    looks: list[Look] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def fetch(self, path: str) -> str:
        """Return a page of the administrator's, and note how long it took."""
        began = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", self.platform.port, timeout=60)) as web:
            web.request("GET", path, headers={"Cookie": self.cookie})
            answer = web.getresponse()
            text = unescape(answer.read().decode())
        assert answer.status == 200, (path, answer.status)
        self.took.append(time.monotonic() - began)
        return text

    def wait_shown(self, what: Callable[[Look], bool], known: float, within: float) -> Look:
        """Wait until the page shows something that was known at a moment; fail if it takes longer than `within`.

        What it showed already at that moment counts: it is not fetched again while nothing changes.
        """

        def first() -> Look | None:
            before = [look for look in self.looks if look.at < known][-1:]
            after = [look for look in self.looks if look.at >= known]
            return next((look for look in before + after if what(look)), None)

        wait_until(first, "the page to show it", seconds=max(30, within), every=0.1)
        found = first()
        assert found is not None and found.at - known < patience(within), found
        return found

    def listen(self) -> None:
        """Look, and look again whenever the row has changed, until the page is closed."""
        url = f"127.0.0.1:{self.platform.port}"
        while not self.closed.is_set():
            with connect(
                f"ws://{url}/ws/page/",
                origin=Origin(f"http://{url}"),
                additional_headers={"Cookie": self.cookie},
            ) as socket:
                assert "ready" in json.loads(socket.recv(10))
                self._look()
                try:
                    while not self.closed.is_set():
                        self._hear(socket)
                except ConnectionClosed:
                    continue  # browsers connect again, too

    def _hear(self, socket: Any) -> None:
        try:
            said = json.loads(socket.recv(0.5))
        except TimeoutError:
            return
        changes = said if isinstance(said, list) else [said]
        if any((each.get("kind"), each.get("id")) == (KIND, str(self.cluster.pk)) for each in changes):
            self._look()

    def _look(self) -> None:
        text = self.fetch(f"/admin/storage-clusters/{self.cluster.pk}/")
        self.looks.append(Look(time.monotonic(), text, self.api.get(f"/storage-clusters/{self.cluster.pk}")))


@contextmanager
def open_page(platform: Platform, cluster: StorageCluster) -> Iterator[OpenPage]:
    """Open the page of a storage cluster as an administrator."""
    admin: User = make_admin("storage-admin")
    _key, token = issue_key(admin, "tests", ApiKey.Scope.WRITE, None)
    session = page_client(admin).cookies["sessionid"].value
    page = OpenPage(platform, cluster, f"sessionid={session}", platform.client(token))
    listener = threading.Thread(target=page.listen, daemon=True)
    listener.start()
    try:
        wait_until(lambda: page.looks, "the page to open", seconds=30)
        yield page
    finally:
        page.closed.set()
        listener.join(30)


def has_osds(up: int, *checks: str) -> Callable[[Look], bool]:
    """Return whether page and API show so many OSDs, and these health checks."""

    def shown(look: Look) -> bool:
        health = look.row["health"]
        codes = {check["code"] for check in health["checks"]}
        on_page = f"3, {up} up" in look.text and all(code in look.text for code in checks)
        in_api = health["osds_up"] == up and codes >= set(checks) and bool(codes) == bool(checks)
        return on_page and bool(in_api)

    return shown
