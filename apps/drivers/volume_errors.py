"""What every pool says when it refuses, so that all implementations refuse alike."""

from apps.drivers.errors import DriverError
from apps.drivers.specs import ImageSpec, VolumeSpec


def bad_image(reason: str) -> DriverError:
    """The file offered as an image is not a clean one. `reason` completes "refused because …"."""
    return DriverError(
        f"The image was refused because {reason}.",
        code="volumes.image_invalid",
        permanent=True,
        hint="Upload a self-contained qcow2, raw, VMDK, VHD or VDI image.",
    )


def image_too_large(virtual_bytes: int, limit_bytes: int) -> DriverError:
    """The image's virtual disk is larger than allowed."""
    return DriverError(
        f"The image's disk has {virtual_bytes >> 20} MiB, over the limit of {limit_bytes >> 20} MiB.",
        code="volumes.image_too_large",
        permanent=True,
        hint="Shrink the image's disk before uploading it.",
    )


def missing_source(source: str) -> DriverError:
    """The file to import cannot be read."""
    return DriverError(
        f"There is no readable file {source} to import.",
        code="volumes.source_missing",
        permanent=True,
        hint="Upload the image again.",
    )


def missing_image(spec: VolumeSpec) -> DriverError:
    """The volume's image is not in its pool (yet)."""
    return DriverError(
        f"Volume {spec.id} needs image {spec.image_id}, which pool {spec.pool.id} does not have.",
        code="volumes.image_missing",
        hint="Import the image into the pool, then retry.",
    )


def image_in_use(spec: ImageSpec) -> DriverError:
    """Thin volumes still read from the image."""
    return DriverError(
        f"Image {spec.id} still has volumes made from it.",
        code="volumes.image_in_use",
        hint="Delete the VMs and disks made from it first.",
    )


def volume_in_use(volume_id: str) -> DriverError:
    """A running VM has the volume open."""
    return DriverError(
        f"Volume {volume_id} is open in a running VM.",
        code="volumes.volume_in_use",
        hint="Power the VM off first.",
    )
