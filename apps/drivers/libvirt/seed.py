"""First-boot data as a NoCloud disk: an ISO 9660 image labelled "cidata" with three files, or four.

User-data reaches the guest as it was given. What was chosen beside it stands where user-data cannot displace it:

- SSH keys in meta-data (`public-keys`): cloud-init adds those of user-data to them;
- the password in a script of vendor-data: `chpasswd` of a #cloud-config would replace that of vendor-data, and its key
  `users` is unknown before cloud-init 22.3, and `list` is deprecated since then.

NICs are named in network-config (`seed_network.py`). Of the other settings in vendor-data user-data may set others.
JSON is used for values, being YAML that needs no further quoting.
"""

import hashlib
import io
import json
import os
import shlex
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pycdlib

from apps.drivers.files.layout import passable
from apps.drivers.libvirt import seed_network
from apps.drivers.specs import SeedSpec

LABEL = "cidata"
PADDING_BYTES = 150 * 2048
"""As mkisofs adds: guests look for other file systems too, and some (busybox) give up on a disk that ends too soon."""
BOUNDARY = "==scloud=="
"""Stands in no part: JSON and quoted words have no line of their own that starts with it."""
ISO_NAMES = {
    "meta-data": "/META.;1",
    "user-data": "/USER.;1",
    "vendor-data": "/VENDOR.;1",
    "network-config": "/NETWORK.;1",
}


def files(vm_id: str, seed: SeedSpec) -> dict[str, str]:
    """Return the text of each file."""
    meta: dict[str, object] = {"instance-id": vm_id, "local-hostname": seed.hostname}
    if seed.ssh_keys:
        meta["public-keys"] = list(seed.ssh_keys)
    found = {
        "meta-data": "".join(f"{key}: {json.dumps(value)}\n" for key, value in meta.items()),
        "user-data": seed.user_data,
        "vendor-data": _vendor_data(seed),
    }
    if seed.nics:
        found["network-config"] = seed_network.config(seed.nics)
    return found


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
    if seed.nics:
        settings["updates"] = seed_network.UPDATES
    if not seed.password_hash:
        return _cloud_config(settings)
    settings["ssh_pwauth"] = True
    message = MIMEMultipart(boundary=BOUNDARY)
    message.attach(MIMEText(_cloud_config(settings), "cloud-config", "us-ascii"))
    message.attach(MIMEText(_password_script(seed.password_hash), "x-shellscript", "us-ascii"))
    return message.as_string()


def _cloud_config(settings: dict[str, object]) -> str:
    return "#cloud-config\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())


def _password_script(password_hash: str) -> str:
    """Return a script that sets root's password. Every cloud-init runs it once, after the modules of user-data."""
    return f"#!/bin/sh\nprintf '%s\\n' {shlex.quote(f'root:{password_hash}')} | chpasswd -e\n"
