"""Reading what an administrator says of a pool: a directory, or a Ceph cluster's monitors, pool, user and key."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.secrets import seal
from apps.accounts.single_line import clean_line
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.models.storage_cluster import CEPH
from apps.lifecycle.errors import Invalid

MAX_PATH = 255
MAX_MONITORS, MAX_MONITOR, MAX_USER, MAX_KEY = 16, 255, 64, 128
#: That of Ceph's messenger of today (v2).
MONITOR_PORT = 3300
#: Bytes of the shortest key that cephx makes: a header of 12, and 16 of AES.
SHORTEST_KEY = 28

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NUMERIC = re.compile(r"[0-9.]+|0[xX][0-9a-fA-F.xX]*")
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


def new_access(driver: str, *, path: str, monitors: Sequence[str], user: str, key: str) -> dict[str, Any]:
    """Return the columns that lead to a pool. Raises Invalid with everything that is wrong."""
    if driver != CEPH:
        given = {"monitors": monitors, "user": user, "key": key}
        wrong = {name: [_("Only for a Ceph pool.")] for name, value in given.items() if value}
        if wrong:
            raise Invalid(wrong)
        return {"path": clean_directory(path)}
    errors: dict[str, list[str]] = {}
    found: dict[str, Any] = {}
    parts: dict[str, Callable[[], Any]] = {
        "path": lambda: clean_pool(path),
        "monitors": lambda: clean_monitors(monitors),
        "pool_user": lambda: clean_user(user),
        "sealed_key": lambda: seal(clean_key(key)),
    }
    for column, read in parts.items():
        try:
            found[column] = read()
        except Invalid as error:
            errors |= error.fields
    if errors:
        raise Invalid(errors)
    return found


def changed_access(cluster: StorageCluster, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changed columns that lead to the pool. Raises Invalid."""
    if not cluster.is_ceph and (given.get("monitors") or given.get("user")):
        raise Invalid(
            {name: [_("Only for a Ceph pool.")] for name in given if name != "path" and given[name]}
        )
    columns: dict[str, Any] = {}
    if "path" in given:
        columns["path"] = (clean_pool if cluster.is_ceph else clean_directory)(given["path"])
    if cluster.is_ceph and "monitors" in given:
        columns["monitors"] = clean_monitors(given["monitors"])
    if cluster.is_ceph and "user" in given:
        columns["pool_user"] = clean_user(given["user"])
    changed = {name: value for name, value in columns.items() if value != getattr(cluster, name)}
    if "path" in changed:
        _ensure_empty(cluster)
    return changed


def _ensure_empty(cluster: StorageCluster) -> None:
    """Raise Invalid when a cluster with data would lead to another place, where that is not."""
    disks, images = cluster.disks.count(), cluster.images.count()
    if not disks and not images:
        return
    text = _("The cluster contains %(disks)s and %(images)s. They are not in another pool.") % {
        "disks": ngettext("%(n)s disk", "%(n)s disks", disks) % {"n": disks},
        "images": ngettext("%(n)s image", "%(n)s images", images) % {"n": images},
    }
    raise Invalid({"path": [text]}, hint=_("Connect the other pool as a storage cluster of its own."))


def clean_directory(path: str) -> str:
    """Return a pool's directory. Raises Invalid for what is no plain absolute path."""
    path = clean_line("path", path, MAX_PATH)
    if not path.startswith("/") or ".." in path.split("/"):
        raise Invalid({"path": [_("Enter an absolute path without “..”.")]})
    return path


def clean_pool(name: str) -> str:
    """Return the name of a Ceph pool. Raises Invalid (field "path")."""
    name = clean_line("path", name, MAX_PATH)
    if not _NAME.fullmatch(name):
        raise Invalid({"path": [_("Enter the pool’s name: letters, digits, “.”, “_” and “-”.")]})
    return name


def clean_user(name: str) -> str:
    """Return a cephx user without "client.". Raises Invalid (field "user")."""
    name = clean_line("user", name, MAX_USER + len("client.")).removeprefix("client.")
    if not _NAME.fullmatch(name) or len(name) > MAX_USER:
        raise Invalid({"user": [_("Enter the Ceph user’s name, such as “scloud” for “client.scloud”.")]})
    return name


def clean_key(key: str) -> str:
    """Return a cephx key. Raises Invalid (field "key"), and never repeats it."""
    key = "".join(key.split())
    try:
        plain = base64.b64decode(key.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        plain = b""
    if len(plain) < SHORTEST_KEY or len(key) > MAX_KEY:
        raise Invalid({"key": [_("Enter the key as “ceph auth print-key client.NAME” prints it.")]})
    return key


def clean_monitors(given: Sequence[str]) -> list[str]:
    """Return monitors as "address:port", each once. Raises Invalid (field "monitors")."""
    found = list(dict.fromkeys(_monitor(line.strip()) for line in given if line.strip()))
    if not found:
        raise Invalid({"monitors": [_("Enter the address of at least one monitor.")]})
    if len(found) > MAX_MONITORS:
        raise Invalid({"monitors": [_("At most %(n)s monitors.") % {"n": MAX_MONITORS}]})
    return found


def _monitor(text: str) -> str:
    host, port = _split(text)
    if not (_is_host(host) and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16):
        wrong = _(
            "%(text)s is not an address of a monitor. Enter an address or name, and a port if it is not %(port)s."
        )
        raise Invalid({"monitors": [wrong % {"text": text[:MAX_MONITOR], "port": MONITOR_PORT}]})
    return f"{host}:{int(port)}"


def _split(text: str) -> tuple[str, str]:
    """Return host and port; an IPv6 address with a port stands in brackets."""
    bracketed = re.fullmatch(r"(\[[^\]]*\])(?::(.*))?", text)
    if bracketed:
        return bracketed[1], bracketed[2] or str(MONITOR_PORT)
    if text.count(":") > 1:
        return f"[{text}]", str(MONITOR_PORT)
    host, _colon, port = text.partition(":")
    return host, port or str(MONITOR_PORT)


def _is_host(host: str) -> bool:
    if host.startswith("["):
        return _is_address(host[1:-1], IPv6Address)
    if _NUMERIC.fullmatch(host):  # resolvers read "0" and "2130706433" as addresses too
        return _is_address(host, IPv4Address)
    return len(host) <= MAX_MONITOR - 6 and bool(_HOST.fullmatch(host))


def _is_address(text: str, version: type[IPv4Address | IPv6Address]) -> bool:
    """Whether it is the address of a machine. Link-local ones, such as a cloud's metadata service, lead elsewhere."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    inner = getattr(address, "ipv4_mapped", None) or address
    elsewhere = inner.is_link_local or inner.is_multicast or inner.is_unspecified
    if isinstance(inner, IPv4Address):
        elsewhere = elsewhere or inner.is_reserved
    return isinstance(address, version) and "%" not in text and not elsewhere
