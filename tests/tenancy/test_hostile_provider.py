"""SE-8, SE-9: an OpenID Connect provider whose answers do harm: too much, too slow, the wrong things."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from onebox.shell import patience

from apps.tenancy.oidc import protocol, transport
from apps.tenancy.oidc.providers import providers
from apps.tenancy.oidc.refused import OidcRefused
from tests.tenancy.test_oidc import BACK, START, flow_of

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-8"), pytest.mark.requirement("SE-9")]

Answer = Callable[[BaseHTTPRequestHandler], None]
DESCRIPTION, TOKEN, KEYS = "/.well-known/openid-configuration", "/token", "/keys"
WELL = {"access_token": "a", "id_token": "e30.e30.", "token_type": "Bearer"}
#: What a test allows beside the transport's own limit, on a busy machine.
MARGIN = 5.0


class Hostile(ThreadingHTTPServer):
    """Answers each path as a test has it, else as a provider would."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.ending = threading.Event()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def description(self, **changed: Any) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}{TOKEN}",
            "jwks_uri": f"{self.issuer}{KEYS}",
            **changed,
        }


class _Handler(BaseHTTPRequestHandler):
    server: Hostile

    def do_GET(self) -> None:
        usual = {DESCRIPTION: self.server.description(), TOKEN: WELL, KEYS: {"keys": []}}
        path = self.path.partition("?")[0]
        with suppress(OSError):
            self.server.answers.get(path, says(usual.get(path, {})))(self)

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def says(body: Any, **headers: str) -> Answer:
    """Answer with JSON, or with bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(peer: BaseHTTPRequestHandler) -> None:
        peer.send_response(200)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            peer.send_header(name.replace("_", "-"), value)
        peer.end_headers()
        peer.wfile.write(data)

    return answer


def drips_body(peer: BaseHTTPRequestHandler) -> None:
    """Answer a byte now and then."""
    peer.send_response(200)
    peer.send_header("Content-Type", "application/json")
    peer.end_headers()
    _drip(peer)


def drips_head(peer: BaseHTTPRequestHandler) -> None:
    """Send the head a byte now and then."""
    peer.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    _drip(peer)


def _drip(peer: BaseHTTPRequestHandler) -> None:
    server = peer.server
    assert isinstance(server, Hostile)
    while not server.ending.wait(0.2):
        peer.wfile.write(b" ")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    server = Hostile()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    cache.delete(f"oidc-description:{server.issuer}")
    file = tmp_path / "hostile.toml"
    file.write_text(
        f'[corp]\nlabel = "Acme"\nissuer = "{server.issuer}"\nclient_id = "c"\nclient_secret = "s"\ntenant = "acme"'
    )
    with override_settings(OIDC_FILE=str(file)):
        yield server
    server.ending.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Have the limit of time come soon; return it."""
    monkeypatch.setattr(transport, "SECONDS", 1.0)
    return 1.0


def start(client: Client) -> Any:
    return client.get(START)


def come_back(client: Client) -> Any:
    """Begin well, and come back from the provider."""
    assert client.get(START).status_code == 302
    return client.get(f"{BACK}?code=x&state={flow_of(client)['state']}")


AT = [(DESCRIPTION, start), (TOKEN, come_back), (KEYS, come_back)]


def refused(answer: Any) -> None:
    assert answer.status_code == 403 and "oidc.provider_failed" in answer.content.decode(), answer


@pytest.mark.parametrize(("path", "ask"), AT)
@pytest.mark.parametrize("slow", [drips_body, drips_head])
def test_an_answer_that_drips_holds_a_log_in_for_seconds_only(
    client: Client, hostile: Hostile, impatient: float, path: str, ask: Any, slow: Answer
) -> None:
    hostile.answers[path] = slow
    began = time.monotonic()
    refused(ask(client))
    assert time.monotonic() - began < patience(impatient + MARGIN)


@pytest.mark.parametrize(("path", "ask"), AT)
def test_an_answer_without_an_end_is_not_read(client: Client, hostile: Hostile, path: str, ask: Any) -> None:
    taken = 0

    def counted(peer: BaseHTTPRequestHandler) -> None:
        nonlocal taken
        peer.send_response(200)
        peer.send_header("Content-Type", "application/json")
        peer.end_headers()
        for _piece in range(100):
            peer.wfile.write(b" " * 1_000_000)
            taken += 1

    hostile.answers[path] = counted
    refused(ask(client))
    # What was on its way lies in the sockets' buffers.
    assert taken < 20


@pytest.mark.parametrize(("path", "ask"), AT)
def test_a_provider_sends_us_nowhere_else(client: Client, hostile: Hostile, path: str, ask: Any) -> None:
    asked: list[str] = []

    def elsewhere(peer: BaseHTTPRequestHandler) -> None:
        peer.send_response(307)
        peer.send_header("Location", f"{hostile.issuer}/inside")
        peer.send_header("Content-Length", "0")
        peer.end_headers()

    def inside(peer: BaseHTTPRequestHandler) -> None:
        asked.append(peer.path)
        says(WELL)(peer)

    hostile.answers |= {path: elsewhere, "/inside": inside}
    refused(ask(client))
    assert asked == []


#: What JSON may hold in place of what is expected.
ODD: list[Any] = [
    None,
    [],
    ["a"],
    5,
    True,
    "text",
    {},
    {"keys": 5},
    {"keys": [5]},
    {"keys": [{"kty": []}]},
    b"",
    b"\xff",
    b"null,",
]


@pytest.mark.parametrize("body", [*ODD, b"[" * 100_000, b'{"a":' * 50_000], ids=lambda body: str(body)[:20])
@pytest.mark.parametrize(("path", "ask"), AT)
def test_what_is_no_answer_of_a_provider_is_refused(
    client: Client, hostile: Hostile, path: str, ask: Any, body: Any
) -> None:
    hostile.answers[path] = says(body)
    refused(ask(client))


@pytest.mark.parametrize(
    "value", [None, 5, [], {}, "https://x.example/\r\nSet-Cookie: a=b", "https://\x00", "https://[", "x"]
)
@pytest.mark.parametrize(
    "name",
    [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "token_endpoint_auth_methods_supported",
    ],
)
def test_a_description_with_odd_values_is_refused(
    client: Client, hostile: Hostile, name: str, value: Any
) -> None:
    hostile.answers[DESCRIPTION] = says(hostile.description(**{name: value}))
    answer = start(client)
    if name == "token_endpoint_auth_methods_supported" and isinstance(value, list):
        assert answer.status_code == 302
    else:
        refused(answer)


@pytest.mark.parametrize(
    "token",
    [5, [], {}, None, "", "a.b.c", "e30.e30.e30", ("W1tb" * 20_000) + ".e30.", "eyJraWQiOltdfQ.e30.", "\x00"],
)
def test_a_token_that_is_none_is_refused(client: Client, hostile: Hostile, token: Any) -> None:
    hostile.answers[TOKEN] = says({"access_token": "a", "id_token": token})
    refused(come_back(client))


@pytest.mark.parametrize("name", ["expires_in", "expires_at"])
@pytest.mark.parametrize("value", [b"1e999", b"-1e999", b"NaN", b"[]", b'"x"'])
def test_a_token_that_ends_at_no_time_is_refused(
    client: Client, hostile: Hostile, name: str, value: bytes
) -> None:
    hostile.answers[TOKEN] = says(
        b'{"access_token": "a", "id_token": "e30.e30.", "%s": %s}' % (name.encode(), value)
    )
    refused(come_back(client))


def test_a_compressed_bomb_is_not_unpacked(client: Client, hostile: Hostile) -> None:
    hostile.answers[DESCRIPTION] = says(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")
    refused(start(client))


def test_slow_providers_leave_most_of_the_platform_to_others(hostile: Hostile, impatient: float) -> None:
    """Anybody can have the platform ask a provider: its requests must not all wait for that."""
    reached = threading.Semaphore(0)

    def waits(peer: BaseHTTPRequestHandler) -> None:
        reached.release()
        hostile.ending.wait(10)

    hostile.answers[DESCRIPTION] = waits
    (provider,) = providers()

    def ask(_number: int) -> str:
        try:
            protocol._asked(provider, lambda: protocol._description(provider))
        except OidcRefused as error:
            return error.code
        return ""

    with ThreadPoolExecutor(12) as pool:
        codes = list(pool.map(ask, range(12)))
    assert codes.count("oidc.provider_failed") == transport.AT_ONCE
    assert codes.count("oidc.busy") == 12 - transport.AT_ONCE
    for _each in range(transport.AT_ONCE):
        assert reached.acquire(timeout=5)
    assert not reached.acquire(blocking=False)
