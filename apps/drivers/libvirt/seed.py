"""First-boot data as a NoCloud disk: an ISO 9660 image labelled "cidata" with three files.

The platform's own settings go into vendor-data, so that the user's user-data reaches the guest untouched; where both
set the same thing cloud-init lets user-data win. JSON is used for values, being YAML that needs no further quoting.
"""

import hashlib
import io
import json
import os
from pathlib import Path

import pycdlib

from apps.drivers.files.layout import passable
from apps.drivers.specs import SeedSpec

LABEL = "cidata"
PADDING_BYTES = 150 * 2048
"""As mkisofs adds: guests look for other file systems too, and some (busybox) give up on a disk that ends too soon."""
ISO_NAMES = {"meta-data": "/META.;1", "user-data": "/USER.;1", "vendor-data": "/VENDOR.;1"}


def files(vm_id: str, seed: SeedSpec) -> dict[str, str]:
    """Return the text of each file."""
    meta = {"instance-id": vm_id, "local-hostname": seed.hostname}
    return {
        "meta-data": "".join(f"{key}: {json.dumps(value)}\n" for key, value in meta.items()),
        "user-data": seed.user_data,
        "vendor-data": "#cloud-config\n" + _vendor_data(seed),
    }


def digest(vm_id: str, seed: SeedSpec) -> str:
    """Return what changes when any file changes."""
    return hashlib.sha256(json.dumps(files(vm_id, seed)).encode()).hexdigest()[:32]


def image(vm_id: str, seed: SeedSpec) -> bytes:
    """Return the disk."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for name, text in files(vm_id, seed).items():
        raw = text.encode()
        iso.add_fp(io.BytesIO(raw), len(raw), ISO_NAMES[name], rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    iso.write_fp(out)
    iso.close()
    return out.getvalue() + bytes(PADDING_BYTES)


def write(path: Path, content: bytes) -> None:
    """Put the disk in its place in one step; a guest that runs keeps the one it started with."""
    passable(path.parent)
    fresh = _fresh(path)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # after a power cut it would be there, and empty
    fresh.replace(path)


def overwrite(path: Path, content: bytes) -> None:
    """Write over the disk where it is, so that nothing of what was there is left, for a guest that runs neither.

    A run that dies half-way is repeated: the definition names the new content only after this.
    """
    _fresh(path).unlink(missing_ok=True)
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(content.ljust(size, b"\0"))
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Remove the disk, and what a run killed while writing it left."""
    _fresh(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _fresh(path: Path) -> Path:
    return path.with_suffix(".partial")


def _vendor_data(seed: SeedSpec) -> str:
    settings: dict[str, object] = {"hostname": seed.hostname, "disable_root": False}
    if seed.password_hash:
        settings["ssh_pwauth"] = True
        user = {"name": "root", "password": seed.password_hash, "type": "hash"}
        settings["chpasswd"] = {"expire": False, "users": [user]}
    if seed.ssh_keys:
        settings["ssh_authorized_keys"] = list(seed.ssh_keys)
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())
