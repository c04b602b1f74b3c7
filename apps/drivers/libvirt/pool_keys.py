"""Keys of Ceph pools as libvirt's secrets: QEMU is given them by libvirt itself, and nobody can read them back."""

import base64
import binascii
import xml.etree.ElementTree as ET
from typing import Any

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.rbd.client import secret_id
from apps.drivers.specs import PoolKey


def ensure(connection: Any, key: PoolKey) -> None:
    """Keep the key."""
    secret = connection.secretDefineXML(_xml(key.id))
    secret.setValue(_decoded(key))


def ensure_absent(connection: Any, pool_id: str) -> None:
    """Forget the key; fine when there is none."""
    try:
        connection.secretLookupByUUIDString(secret_id(pool_id)).undefine()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SECRET:
            raise


def _xml(pool_id: str) -> str:
    secret = ET.Element("secret", ephemeral="no", private="yes")
    ET.SubElement(secret, "uuid").text = secret_id(pool_id)
    usage = ET.SubElement(secret, "usage", type="ceph")
    ET.SubElement(usage, "name").text = f"scloud pool {pool_id}"
    return ET.tostring(secret, encoding="unicode")


def _decoded(key: PoolKey) -> bytes:
    """Return the key as libvirt takes it: it encodes it once more for QEMU."""
    try:
        return base64.b64decode(key.key, validate=True)
    except binascii.Error as error:
        raise DriverError(
            _("The key of the Ceph user %(user)s is not valid."),
            values={"user": key.user},
            code="volumes.ceph_refused",
            permanent=True,
            hint=_("Enter the key as “ceph auth print-key” prints it."),
        ) from error
