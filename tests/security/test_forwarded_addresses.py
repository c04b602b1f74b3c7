"""SE-2: behind the reverse proxy of the containers nobody chooses the address that counts their failed logins."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from onebox.proxy import INCLUDED, NGINX, SHARED
from onebox.shell import wait_until

from apps.accounts.middleware import ClientAddressMiddleware
from tests.platform_fixtures import free_port

pytestmark = [pytest.mark.real, pytest.mark.requirement("SE-2")]

#: What `docker/compose.yaml` trusts, and where its containers are.
TRUSTED = "172.16.0.0/12"


class _Web(BaseHTTPRequestHandler):
    """Stands where the web container does: says what it was told of the client."""

    def do_GET(self) -> None:
        said = self.headers.get("X-Forwarded-For", "").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The proxy of the containers, on loopback, where the test stands for the TLS proxy in front of it."""
    var, port = tmp_path_factory.mktemp("proxy"), free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Web) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        settings = (SHARED / "nginx.conf").read_text()
        for ours, here in (
            ("worker_processes auto;", "worker_processes 1; daemon off; user root;"),
            ("/tmp/", f"{var}/"),  # the containers'
            ("server web:8000;", f"server 127.0.0.1:{web.server_address[1]};"),
            ("listen 8000;", f"listen 127.0.0.1:{port};"),
            ("http://console:8001", "http://127.0.0.1:9"),
            (f"set_real_ip_from {TRUSTED};", f"set_real_ip_from {TRUSTED}; set_real_ip_from 127.0.0.1;"),
        ):
            assert ours in settings, ours
            settings = settings.replace(ours, here)
        for name in INCLUDED:  # nginx looks for them beside its configuration
            shutil.copyfile(SHARED / name, var / name)
        file = var / "nginx.conf"
        file.write_text(settings)
        with subprocess.Popen([NGINX, "-p", str(var), "-e", "stderr", "-c", str(file)]) as nginx:
            wait_until(lambda: _told(port, "1.2.3.4") is not None, "nginx", seconds=20)
            yield port
            nginx.terminate()
        web.shutdown()


def _told(port: int, forwarded: str) -> str | None:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/", headers={"X-Forwarded-For": forwarded})
            return connection.getresponse().read().decode()
    except OSError:
        return None


@pytest.mark.parametrize("client", ["203.0.113.9", "172.16.5.5", "172.31.255.1", "2001:db8::9", "10.0.0.7"])
@pytest.mark.parametrize("written", ["", "6.6.6.6, ", "6.6.6.6, 172.20.0.1, ", "127.0.0.1, ", "x, "])
def test_a_client_in_whatever_network_is_itself(proxy: int, client: str, written: str) -> None:
    told = _told(proxy, f"{written}{client}")
    assert told is not None
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    with override_settings(TRUSTED_PROXIES=[TRUSTED]):
        request = RequestFactory().get("/", headers={"X-Forwarded-For": told}, REMOTE_ADDR="172.18.0.4")
        ClientAddressMiddleware(view)(request)
    assert seen == [client]


def test_every_proxy_says_whose_address_it_passes_on() -> None:
    for file in (SHARED / "nginx.conf", Path(SHARED).parent / "onebox" / "proxy.py"):
        assert 'map "" $forwarded_for' in file.read_text(), file
