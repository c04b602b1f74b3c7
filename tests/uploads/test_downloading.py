"""Downloads go where an administrator allows them, and nowhere else, whatever DNS and servers answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from apps.drivers.errors import DriverError
from apps.uploads.downloading import checked_url, download
from apps.uploads.sources import Sources

pytestmark = [pytest.mark.requirement("IM-2"), pytest.mark.requirement("SE-6")]
HERE = Sources.of("127.0.0.1/32")
CONTENT = bytes(range(256)) * 8192


class Answers(BaseHTTPRequestHandler):
    """What each path is answered with."""

    asked: ClassVar[list[str]] = []
    elsewhere: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        getattr(self, f"_{self.path.strip('/').partition('?')[0].replace('-', '_')}")()

    def _file(self) -> None:
        self._begin(200, {"Content-Length": str(len(CONTENT))})
        self.wfile.write(CONTENT)

    def _broken_off(self) -> None:
        self._begin(200, {"Content-Length": str(len(CONTENT))})
        self.wfile.write(CONTENT[:1000])
        self.connection.shutdown(socket.SHUT_RDWR)

    def _endless(self) -> None:
        self._begin(200, {})

    def _packed(self) -> None:
        self._begin(200, {"Content-Length": "5", "Content-Encoding": "gzip"})

    def _missing(self) -> None:
        self._begin(404, {"Content-Length": "0"})

    def _broken(self) -> None:
        self._begin(503, {"Content-Length": "0"})

    def _redirect(self) -> None:
        self._begin(302, {"Location": "/file", "Content-Length": "0"})

    def _circle(self) -> None:
        self._begin(302, {"Location": "/circle", "Content-Length": "0"})

    def _away(self) -> None:
        self._begin(307, {"Location": self.elsewhere, "Content-Length": "0"})

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        Answers.asked = []
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def refusal(url: str, sources: Sources = HERE) -> DriverError:
    with pytest.raises(DriverError) as caught, download(url, sources) as found:
        b"".join(found.parts())
    return caught.value


def resolved_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name have these addresses; return the names that were asked for."""
    asked: list[str] = []

    def answer(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_a_file_is_downloaded_whole_also_behind_a_redirect(server: str) -> None:
    for path in ("/file", "/file?token=1", "/redirect"):
        with download(server + path, HERE) as found:
            assert found.size == len(CONTENT)
            assert b"".join(found.parts()) == CONTENT


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.2/file",
        "http://[::1]/file",
        "http://0/file",
        "http://2130706433/file",
        "http://[::ffff:10.0.0.1]/file",
        "http://localhost/file",
        "file:///etc/shadow",
        "ftp://127.0.0.1/file",
        "gopher://127.0.0.1/file",
        "http://user:secret@127.0.0.1/file",
        "https://",
        "http://127.0.0.1:0/file",
        "http://127.0.0.1:99999/file",
        "http://127.0.0.1\r\nX: y/file",
    ],
)
def test_no_redirect_leads_to_what_is_not_allowed(server: str, target: str) -> None:
    Answers.elsewhere = target.replace("\r\n", "%0d%0a") if "\r" in target else target
    error = refusal(f"{server}/away", Sources.of("127.0.0.1/32 cloud.example.org"))
    assert error.code in ("image.download_refused", "image.download_failed"), error.message
    assert Answers.asked == ["/away"]


def test_a_name_that_is_allowed_leads_to_public_addresses_only(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved_to(
        monkeypatch, "127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1", "224.0.0.1"
    )
    url = server.replace("127.0.0.1", "cloud.example.org") + "/file"
    assert refusal(url, Sources.of("cloud.example.org")).code == "image.download_refused"
    assert Answers.asked == []
    with download(url, Sources.of("cloud.example.org 127.0.0.0/8")) as found:
        assert found.size == len(CONTENT)


def test_a_name_is_resolved_once_and_connected_to_by_that_address(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolved_to(monkeypatch, "127.0.0.1")
    with download(server.replace("127.0.0.1", "cloud.example.org") + "/file", HERE) as found:
        assert b"".join(found.parts()) == CONTENT
    assert asked == ["cloud.example.org"]


def test_nothing_is_allowed_until_an_administrator_says_so(server: str) -> None:
    assert refusal(f"{server}/file", Sources.of("")).code == "image.download_refused"
    assert Answers.asked == []


@pytest.mark.parametrize(
    ("path", "code", "permanent"),
    [
        ("/missing", "image.download_failed", True),
        ("/broken", "image.download_failed", False),
        ("/broken-off", "image.download_failed", False),
        ("/endless", "image.download_refused", True),
        ("/packed", "image.download_refused", True),
        ("/circle", "image.download_refused", True),
    ],
)
def test_what_is_no_whole_file_is_refused_with_the_cause(
    server: str, path: str, code: str, permanent: bool
) -> None:
    error = refusal(server + path)
    assert (error.code, error.permanent) == (code, permanent)
    assert error.hint


@pytest.mark.parametrize(
    ("text", "host", "allowed"),
    [
        ("debian.org", "debian.org", True),
        ("debian.org", "DEBIAN.org.", True),
        ("debian.org", "cdimage.debian.org", False),
        ("*.debian.org", "cdimage.debian.org", True),
        ("*.debian.org", "a.b.debian.org", True),
        ("*.debian.org", "debian.org", False),
        ("*.debian.org", "evildebian.org", False),
        ("debian.org, ubuntu.com", "ubuntu.com", True),
        ("", "debian.org", False),
        ("203.0.113.0/24", "203.0.113.9", True),
        ("203.0.113.0/24", "203.0.114.9", False),
        ("debian.org", "203.0.113.9", False),
    ],
)
def test_hosts_are_allowed_as_they_are_listed(text: str, host: str, allowed: bool) -> None:
    assert Sources.of(text).may_be(host) is allowed


@pytest.mark.parametrize(
    "text", ["http://debian.org", "10.0.0.0/33", "a b/c", "-x.org", "*", "1.2.3", "é.org"]
)
def test_an_entry_that_is_neither_name_nor_block_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Sources.of(text)


@pytest.mark.parametrize("url", ["http://h/" + "a" * 3000, "http://h/ä", "http://h/a b", "//h/a", "h/a", ""])
def test_a_url_that_cannot_be_asked_for_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        checked_url(url)
