"""What every pool says when it refuses, so that all implementations refuse alike."""

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import ImageSpec, VolumeSpec

MIB = 1 << 20
CLEAN_IMAGE = _("Upload a self-contained qcow2, raw, VMDK, VHD, VHDX or VDI image.")
MAKE_ONE_FILE = _("Convert the image to one file first: qemu-img convert -O qcow2.")


def bad_image(message: str, *, hint: str = CLEAN_IMAGE, **values: object) -> DriverError:
    """The file offered as an image is not a clean one; `message` says why."""
    return DriverError(message, values=values, code="volumes.image_invalid", permanent=True, hint=hint)


def backed_image() -> DriverError:
    """The image is thin over another file."""
    return bad_image(_("The image refers to a backing file."), hint=MAKE_ONE_FILE)


def image_too_large(virtual_bytes: int, limit_bytes: int) -> DriverError:
    """The image's virtual disk is larger than allowed."""
    return DriverError(
        _("The image’s disk is %(size)s MiB, over the limit of %(limit)s MiB."),
        values={"size": virtual_bytes >> 20, "limit": limit_bytes >> 20},
        code="volumes.image_too_large",
        permanent=True,
        hint=_("Shrink the disk before you upload the image."),
    )


def missing_source(source: str) -> DriverError:
    """The file to import cannot be read."""
    return DriverError(
        _("Cannot read %(source)s in the pool’s import directory."),
        values={"source": source},
        code="volumes.source_missing",
        permanent=True,
        hint=_("Upload the image again."),
    )


def delivery_lost() -> DriverError:
    """The file that was delivered for an image is gone from its host, or not whole there."""
    return DriverError(
        _("The delivered image file is not complete on the host."),
        code="volumes.delivery_lost",
        hint=_("The platform delivers the file again automatically."),
    )


def refused_source(source: str) -> DriverError:
    """The file to import is not a plain file of the pool's import directory, with that one name."""
    return DriverError(
        _("Cannot import %(source)s: not a regular file in the pool’s import directory."),
        values={"source": source},
        code="volumes.source_refused",
        permanent=True,
        hint=_("Copy the image file itself to this directory. Links, devices and pipes are refused."),
    )


def missing_image(spec: VolumeSpec) -> DriverError:
    """The volume's image is not in its pool (yet)."""
    return DriverError(
        _("Volume %(volume)s needs image %(image_id)s, which is missing in pool %(pool)s."),
        values={"volume": spec.id, "image_id": spec.image_id, "pool": spec.pool.id},
        code="volumes.image_missing",
        hint=_("Import the image into the pool, then retry."),
    )


def missing_image_file(spec: ImageSpec) -> DriverError:
    """The image to copy is not in its pool."""
    return DriverError(
        _("Image %(image)s does not exist in pool %(pool)s."),
        values={"image": spec.id, "pool": spec.pool.id},
        code="volumes.image_missing",
        hint=_("Import the image again."),
    )


def image_in_use(spec: ImageSpec) -> DriverError:
    """Thin volumes still read from the image."""
    return DriverError(
        _("Image %(image)s is still used by volumes."),
        values={"image": spec.id},
        code="volumes.image_in_use",
        hint=_("Delete the VMs and disks that use the image first."),
    )


def not_plain(path: object) -> DriverError:
    """Something else stands in a pool where the platform keeps a plain file or a directory."""
    return DriverError(
        _("%(path)s is a link, a device or a pipe. The platform does not open these in a pool."),
        values={"path": str(path)},
        code="volumes.not_plain",
        permanent=True,
        hint=_("Find out which host created the file, and treat that host as compromised."),
    )


def strange_volume(volume_id: str) -> DriverError:
    """The volume's file refers to another file than it was made with."""
    return DriverError(
        _("Volume %(volume_id)s was changed on its host: it refers to a file other than its image."),
        values={"volume_id": volume_id},
        code="volumes.volume_changed",
        permanent=True,
        hint=_("Treat the VM as compromised. Restore the disk from a backup."),
    )


def damaged_volume(volume_id: str) -> DriverError:
    """The volume's file is not what it was made as."""
    return DriverError(
        _("Volume %(volume_id)s is damaged: its header cannot be read."),
        values={"volume_id": volume_id},
        code="volumes.volume_changed",
        permanent=True,
        hint=_("Restore the disk from a backup."),
    )


def volume_in_use(volume_id: str) -> DriverError:
    """A running VM has the volume open."""
    return DriverError(
        _("Volume %(volume_id)s is in use by a running VM."),
        values={"volume_id": volume_id},
        code="volumes.volume_in_use",
        hint=_("Power off the VM first."),
    )


def volume_open_elsewhere(volume_id: str) -> DriverError:
    """A VM that does not run on this host has the volume open: only its own host can do this."""
    return DriverError(
        _("Volume %(volume_id)s is in use on another host."),
        values={"volume_id": volume_id},
        code="volumes.volume_in_use",
        hint=_("The platform retries automatically."),
    )


def missing_volume(spec: VolumeSpec) -> DriverError:
    """The pool has no such volume."""
    return DriverError(
        _("Volume %(volume)s does not exist in pool %(pool)s."),
        values={"volume": spec.id, "pool": spec.pool.id},
        code="volumes.volume_missing",
        hint=_("Resync the disk, then retry."),
    )


def missing_snapshot(volume_id: str, snapshot_id: str) -> DriverError:
    """The volume has no such snapshot."""
    return DriverError(
        _("Volume %(volume)s has no snapshot %(snapshot)s."),
        values={"volume": volume_id, "snapshot": snapshot_id},
        code="volumes.snapshot_missing",
        permanent=True,
        hint=_("Choose another snapshot."),
    )


def no_room(needed_bytes: int, free_bytes: int) -> DriverError:
    """A copy would not fit into the pool."""
    return DriverError(
        _("The copy needs %(needed)s MiB. The storage pool has %(free)s MiB free."),
        values={"needed": -(-needed_bytes // MIB), "free": free_bytes // MIB},
        code="volumes.no_space",
        hint=_("Add capacity to the storage cluster."),
    )


def silent_pool(pool_id: str, seconds: float) -> DriverError:
    """Nothing could be read from the pool in time."""
    return DriverError(
        _("Pool %(pool)s did not respond within %(seconds)s s."),
        values={"pool": pool_id, "seconds": round(seconds)},
        code="volumes.pool_unresponsive",
        hint=_("Check the storage cluster and its network. The platform retries automatically."),
    )
