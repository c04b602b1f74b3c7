"""``var/<instance>/env``: what the product's settings need to know, secrets included, readable by root only.

Secrets are made once and kept: losing them would lock the platform out of its own database and encrypted fields.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
from pathlib import Path

from onebox import certificates, postgres, redis
from onebox.instance import Instance
from onebox.shell import run, write


def load(instance: Instance) -> dict[str, str]:
    """The file as it stands; empty before the first ``up``."""
    return instance.settings()


def settle(instance: Instance, guest_image: Path | None = None) -> dict[str, str]:
    """Complete the file and return its content."""
    values = {**_secrets(), **load(instance)}
    pki = certificates.control_directory(instance)
    values |= {
        "DATABASE_URL": postgres.url(instance, values["SCLOUD_POSTGRES_PASSWORD"]),
        "REDIS_URL": redis.url(instance, values["SCLOUD_REDIS_PASSWORD"]),
        "SCLOUD_OVN_NB": f"ssl:{instance.management_ip(10)}:6641",
        "SCLOUD_OVN_SB": f"ssl:{instance.management_ip(10)}:6642",
        "SCLOUD_OVN_CERT": f"{pki}/control.pem",
        "SCLOUD_OVN_KEY": f"{pki}/control.key",
        "SCLOUD_OVN_CA": f"{pki}/ovn-ca.pem",
        "SCLOUD_LIBVIRT_PKI": f"{pki}/libvirt",
        "SCLOUD_WEB_PORT": str(instance.web_port),
        "SCLOUD_CONSOLE_PORT": str(instance.console_port),
        "SCLOUD_CONSOLE_LISTEN": f"{web_address()}:{instance.console_port}",
        "SCLOUD_CONSOLE_ORIGINS": ",".join(f"ws://{name}:{instance.console_port}" for name in web_names()),
        "SCLOUD_HOSTS": os.environ.get("SCLOUD_HOSTS") or ",".join(web_names()),
        "SCLOUD_CONSOLE_NATIVE_PORTS": instance.native_console_ports,
        "SCLOUD_MANAGEMENT_IP": instance.control_ip,
        "SCLOUD_AGENT_REDIS": f"{instance.control_ip}:{instance.redis_port}",
        "SCLOUD_VNC_CERT": f"{pki}/console.pem",
        "SCLOUD_VNC_KEY": f"{pki}/console.key",
        "SCLOUD_VNC_CA": f"{pki}/vnc-ca.pem",
        "SCLOUD_SHARED_DIR": str(instance.shared),
        "SCLOUD_STATIC_ROOT": str(instance.var / "static"),
        "SCLOUD_UPLOAD_DIR": str(instance.var / "uploads"),
    }
    if guest_image is not None:
        values["SCLOUD_GUEST_IMAGE"] = str(guest_image)
    write(path(instance), "".join(f"{name}={value}\n" for name, value in values.items()), 0o600)
    return values


def for_process(instance: Instance) -> dict[str, str]:
    """The environment the product's own processes run in."""
    return {**os.environ, **load(instance), "SCLOUD_ENV": str(path(instance))}


def _secrets() -> dict[str, str]:
    return {
        "SCLOUD_SECRET_KEY": secrets.token_urlsafe(48),
        "SCLOUD_FIELD_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "SCLOUD_POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        "SCLOUD_REDIS_PASSWORD": secrets.token_urlsafe(24),
    }


def path(instance: Instance) -> Path:
    """Where the file is; the product finds it by the variable SCLOUD_ENV."""
    return instance.env_file


def web_address() -> str:
    """Where the pages are served: this machine only, unless SCLOUD_WEB_ADDRESS says otherwise (such as 0.0.0.0)."""
    return os.environ.get("SCLOUD_WEB_ADDRESS", "127.0.0.1")


def web_names() -> list[str]:
    """The host names under which browsers may ask for the pages."""
    own = ["127.0.0.1", "localhost", "[::1]"]
    if web_address() in own:
        return own
    if web_address() == "0.0.0.0":  # noqa: S104
        return [*own, socket.gethostname(), *run(["hostname", "-I"]).stdout.split()]
    return [*own, web_address()]
