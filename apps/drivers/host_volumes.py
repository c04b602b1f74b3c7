"""The volumes of all pools a host reaches: directories, and of Ceph what a host has part in."""

from apps.drivers.bounds import Counter
from apps.drivers.files import FileVolumes
from apps.drivers.files.snapshots import LiveVolumes
from apps.drivers.rbd.image_files import RbdImages
from apps.drivers.specs import ImageInfo, ImageSpec, SnapshotSpec
from apps.drivers.specs.storage import Part


class HostVolumes(FileVolumes):
    """`Volumes` of pools of files, and images of Ceph pools, whose volumes control workers drive themselves."""

    def __init__(self, rbd: RbdImages, *, image_limit_bytes: int, live: LiveVolumes | None = None) -> None:
        super().__init__(image_limit_bytes=image_limit_bytes, live=live)
        self._rbd = rbd

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        if spec.pool.driver == "rbd":
            return self._rbd.ensure_image(spec, source)
        return super().ensure_image(spec, source)

    def ensure_delivered(self, spec: ImageSpec, at: int, data: Part) -> Counter:
        if spec.pool.driver == "rbd":
            return self._rbd.ensure_delivered(spec, at, data)
        return super().ensure_delivered(spec, at, data)

    def ensure_image_copy(self, spec: ImageSpec, source: ImageSpec) -> ImageInfo:
        if "rbd" in (spec.pool.driver, source.pool.driver):
            return self._rbd.ensure_image_copy(spec, source)
        return super().ensure_image_copy(spec, source)

    def ensure_exported(self, spec: ImageSpec) -> Counter:
        if spec.pool.driver == "rbd":
            return self._rbd.ensure_exported(spec)
        return super().ensure_exported(spec)

    def read_exported(self, spec: ImageSpec, at: int) -> Part:
        if spec.pool.driver == "rbd":
            return self._rbd.read_exported(spec, at)
        return super().read_exported(spec, at)

    def ensure_export_absent(self, spec: ImageSpec) -> None:
        if spec.pool.driver == "rbd":
            self._rbd.ensure_export_absent(spec)
        else:
            super().ensure_export_absent(spec)

    def ensure_image_from_snapshot(self, spec: ImageSpec, source: SnapshotSpec) -> ImageInfo:
        if spec.pool.driver == "rbd":
            return self._rbd.ensure_image_from_snapshot(spec, source)
        return super().ensure_image_from_snapshot(spec, source)
