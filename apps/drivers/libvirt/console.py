"""Opening and closing a running VM's VNC server, which listens all the time and lets nobody in."""

import secrets
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.libvirt.domain_xml import NEVER
from apps.drivers.specs import ConsoleAddress

MOST_CHARACTERS = 8


def open_vnc(domain: Any, password: str, valid_until: datetime) -> ConsoleAddress:
    """Let `password` in until `valid_until`; return where."""
    if not 0 < len(password) <= MOST_CHARACTERS:
        raise DriverError(
            _("A VNC password has 1 to 8 characters."), code="hypervisor.bad_password", permanent=True
        )
    graphics = _set_password(domain, password, valid_until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    return ConsoleAddress(host=graphics.get("listen", ""), port=int(graphics.get("port", "0")))


def close_vnc(domain: Any) -> None:
    """Let nobody in any more."""
    _set_password(domain, random_password(), NEVER)


def random_password() -> str:
    """Return a password that nobody is told."""
    return secrets.token_urlsafe(6)


def _set_password(domain: Any, password: str, valid_to: str) -> ET.Element:
    tree = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))
    graphics = tree.find("./devices/graphics[@type='vnc']")
    if graphics is None:
        raise DriverError(_("The VM has no VNC server."), code="hypervisor.no_console", permanent=True)
    graphics.set("passwd", password)
    graphics.set("passwdValidTo", valid_to)
    domain.updateDeviceFlags(ET.tostring(graphics, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_LIVE)
    return graphics
