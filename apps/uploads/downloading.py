"""Downloading a file by HTTP or HTTPS, only from where an administrator allows it.

A host is resolved once and connected to by that address, so that no second answer of its DNS is ever followed; each
redirect is judged like the first address. No proxy and no cookie is used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urljoin, urlsplit

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.uploads.sources import Sources

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
#: Without a byte.
SILENT_SECONDS = 30.0
CHUNK = 512 * 1024
LONGEST_URL = 2048
PORTS = {"http": 80, "https": 443}
_ASK = _("Ask the administrator to allow this source.")
_CHECK = _("Check the address, then retry.")


@dataclass
class Download:
    """A file that is being answered with, of `size` bytes."""

    size: int
    _response: http.client.HTTPResponse

    def parts(self) -> Iterator[bytes]:
        """Yield the file. Raises DriverError when it breaks off."""
        left = self.size
        while left:
            try:
                part = self._response.read(min(CHUNK, left))
            except (OSError, http.client.HTTPException) as error:
                raise _failed(error) from error
            if not part:
                raise _failed(EOFError("the server closed the connection"))
            left -= len(part)
            yield part


def checked_url(url: str) -> SplitResult:
    """Return the parts of a URL that could be downloaded. Raises ValueError."""
    parts = urlsplit(url)
    if (
        len(url) > LONGEST_URL
        or not url.isascii()
        or not url.isprintable()
        or " " in url
        or parts.scheme not in PORTS
        or not parts.hostname
        or parts.username is not None
        or parts.password is not None
        or parts.port == 0
    ):
        raise ValueError(url)
    return parts


@contextmanager
def download(url: str, sources: Sources) -> Iterator[Download]:
    """Ask for a file and follow redirects; give what is answered. Raises DriverError."""
    for _hop in range(MOST_REDIRECTS + 1):
        with _asked(url, sources) as response:
            if response.status not in REDIRECTS:
                yield Download(_size(response), response)
                return
            url = urljoin(url, response.headers.get("Location", ""))
    raise DriverError(
        _("The server redirects more than %(most)s times."),
        values={"most": MOST_REDIRECTS},
        code="image.download_refused",
        permanent=True,
        hint=_CHECK,
    )


@contextmanager
def _asked(url: str, sources: Sources) -> Iterator[http.client.HTTPResponse]:
    try:
        parts = checked_url(url)
    except ValueError as error:
        raise _refused(url) from error
    host = parts.hostname or ""
    connection = http.client.HTTPConnection(host, parts.port or PORTS[parts.scheme], timeout=SILENT_SECONDS)
    connection.auto_open = 0  # it has the socket below, or none
    try:
        connection.sock = _connected(parts, sources)
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.request("GET", path, headers={"Accept-Encoding": "identity", "User-Agent": "SCloudStack"})
        yield connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        raise _failed(error) from error
    finally:
        connection.close()


def _connected(parts: SplitResult, sources: Sources) -> socket.socket:
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if not sources.may_be(host):
        raise _refused(host)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    allowed = [each for each in found if sources.allows(host, ip_address(str(each[4][0]).partition("%")[0]))]
    if not allowed:
        raise _refused(host)
    family, kind, protocol, _name, address = allowed[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.settimeout(SILENT_SECONDS)
        opened.connect(address)
        if parts.scheme == "https":
            return ssl.create_default_context().wrap_socket(opened, server_hostname=host)
    except BaseException:
        opened.close()
        raise
    return opened


def _size(response: http.client.HTTPResponse) -> int:
    """Return how long the file will be: without that no room could be reserved, and no end be told from a break."""
    if response.status != 200:
        raise DriverError(
            _("The server answered with status %(status)s."),
            values={"status": response.status},
            code="image.download_failed",
            permanent=response.status < 500,
            hint=_CHECK,
        )
    if response.length is None or response.headers.get("Content-Encoding", "identity") != "identity":
        raise DriverError(
            _("The server does not say how large the file is."),
            code="image.download_refused",
            permanent=True,
            hint=_("Download the file yourself, then upload it."),
        )
    return response.length


def _refused(what: str) -> DriverError:
    return DriverError(
        _("Downloads from %(what)s are not allowed."),
        values={"what": what[:200]},
        code="image.download_refused",
        permanent=True,
        hint=_ASK,
    )


def _failed(error: Exception) -> DriverError:
    return DriverError(
        _("The download failed: %(cause)s"),
        values={"cause": str(error)[:200]},
        code="image.download_failed",
        permanent=isinstance(error, ssl.SSLCertVerificationError),
        hint=_CHECK,
    )
