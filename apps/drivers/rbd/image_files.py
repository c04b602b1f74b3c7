"""Writing images into Ceph pools, and out of them, which a host does: it has the files, and qemu-img.

An image is written under the name of an unfinished one. Control workers give it its own when it is whole, and whatever
was left before is removed here first, so that a run killed at any point may be repeated.
"""

import json
import os
import re
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from apps.drivers import tools
from apps.drivers.bounds import Counter
from apps.drivers.files import deliveries, exports, image_import, qcow2
from apps.drivers.files.layout import (
    BASE,
    EXPORTED_SUFFIX,
    PRIVATE,
    SUFFIX,
    appearing,
    delivered_path,
    image_path,
    reading,
    remove_partials,
    sync,
)
from apps.drivers.files.qemu_img import whole_image
from apps.drivers.ids import checked_id
from apps.drivers.rbd.client import RbdClient, failed, is_missing, uri
from apps.drivers.rbd.names import BASE as BASE_SNAPSHOT
from apps.drivers.rbd.names import image_name, unfinished_name, volume_name
from apps.drivers.specs import ImageInfo, ImageSpec, PoolSpec, SnapshotSpec
from apps.drivers.specs.storage import CAPTURED, DELIVERED, IMPORTS, Part
from apps.drivers.tools import GIB
from apps.drivers.volume_errors import backed_image, missing_image_file, missing_snapshot

FORMAT = "scloud.source_format"
PARALLEL = ("-W", "-m", "8")
"""Out of order and several requests at a time: each waits for the network."""

TAIL_BYTES = 64
_PERCENT = re.compile(rb"\((\d{1,3})\.\d\d/100%\)")
_notes: dict[str, tuple[Path, int]] = {}
"""Image that is being written → where qemu-img says how far it is, and the size of the disk."""


@dataclass(frozen=True, slots=True)
class RbdImages:
    """`imports` has the directory from which images are imported; `scratch` takes what is converted on the way."""

    client: RbdClient
    imports: Path
    scratch: Path
    limit_bytes: int

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        """Write the image file `source` into the pool; of its path only the file's own name counts."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.scratch) as directory:
            clean = Path(directory, f"{spec.id}.qcow2.partial")
            form = self._import(spec, source, clean)
            written = self._from_file(spec, clean, form)
        self._delivered(spec).unlink(missing_ok=True)
        return written

    def ensure_delivered(self, spec: ImageSpec, at: int, data: Part) -> Counter:
        """Keep a part of a file on this host, which the image will be made of; see `Volumes`."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        if at == 0:
            deliveries.remove_forgotten(self.scratch)
        return deliveries.write(self._delivered(spec), at, data)

    def ensure_exported(self, spec: ImageSpec) -> Counter:
        """Write the image to a file of this host, for it to be read in parts."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        deliveries.remove_forgotten(self.scratch)
        path = self._exported(spec)
        if not path.exists():
            _form, size = self._known(spec)
            with appearing(path) as partial, ExitStack() as stack:
                original = self._original(stack, spec)
                self._convert(spec, size, "-f", "raw", "-O", "qcow2", *PARALLEL, original, str(partial))
                partial.chmod(PRIVATE)
        return path.stat().st_size

    def read_exported(self, spec: ImageSpec, at: int) -> Part:
        """Return a part of that file, which is kept for as long as it is read."""
        path = self._exported(spec)
        try:
            os.utime(path)
            return exports.read_part(path, at)
        except FileNotFoundError as error:
            raise exports.export_lost() from error

    def ensure_export_absent(self, spec: ImageSpec) -> None:
        """Remove the file, and what a killed run has left of it."""
        path = self._exported(spec)
        remove_partials(path)
        path.unlink(missing_ok=True)

    def _exported(self, spec: ImageSpec) -> Path:
        return self.scratch / f"{checked_id(spec.id)}{SUFFIX}{EXPORTED_SUFFIX}"

    def _delivered(self, spec: ImageSpec) -> Path:
        return delivered_path(self.scratch / f"{checked_id(spec.id)}{SUFFIX}")

    def _import(self, spec: ImageSpec, source: str, clean: Path) -> str:
        if source == DELIVERED:
            return image_import.import_delivered(self._delivered(spec), clean, self.limit_bytes)
        files = PoolSpec(spec.pool.id, "file", str(self.imports))
        path = str(self.imports / IMPORTS / PurePosixPath(source).name)
        return image_import.import_image(files, path, clean, self.limit_bytes)

    def ensure_image_copy(self, spec: ImageSpec, source: ImageSpec) -> ImageInfo:
        """Copy an image from or to a Ceph pool, or from one to another."""
        if source.pool.driver != "rbd":
            return self._from_pool_of_files(spec, source)
        form, size = self._known(source)
        if spec.pool.driver != "rbd":
            return self._to_pool_of_files(spec, source, form, size)
        self._remove_unfinished(spec)
        with ExitStack() as stack:
            original, target = self._original(stack, source), self._target(stack, spec)
            self._convert(spec, size, "-f", "raw", "-O", "raw", *PARALLEL, original, target)
        return ImageInfo(size, size, form)

    def ensure_image_from_snapshot(self, spec: ImageSpec, source: SnapshotSpec) -> ImageInfo:
        """Copy what a volume held at its snapshot; what it reads from its image is copied with it."""
        volume, snapshot = source.volume, checked_id(source.id)
        name = f"{volume_name(volume.id)}@{snapshot}"
        info = self.client.rbd(volume.pool, "info", "--format", "json", name)
        if is_missing(info):
            raise missing_snapshot(volume.id, snapshot)
        if info.status:
            raise failed(info, volume.pool)
        size = int(json.loads(info.output)["size"])
        self._remove_unfinished(spec)
        with ExitStack() as stack:
            configuration = stack.enter_context(self.client.configured(volume.pool))
            original, target = uri(volume.pool, name, configuration), self._target(stack, spec)
            self._convert(spec, size, "-f", "raw", "-O", "raw", *PARALLEL, original, target)
        return ImageInfo(size, size, CAPTURED)

    def _from_pool_of_files(self, spec: ImageSpec, source: ImageSpec) -> ImageInfo:
        path = image_path(source)
        if not path.exists():
            raise missing_image_file(source)
        with reading(path) as opened:
            # Root on another host of that pool may have put anything there.
            header = qcow2.Header.of(opened.read(qcow2.Header.BYTES))
        if header is None or header.refers:
            raise backed_image()
        return self._from_file(spec, path, image_import.read_format(path.with_suffix(".json")))

    def _from_file(self, spec: ImageSpec, path: Path, form: str) -> ImageInfo:
        size, stored = qcow2.virtual_bytes(path), path.stat().st_blocks * 512
        self._remove_unfinished(spec)
        with ExitStack() as stack:
            target = self._target(stack, spec)
            self._convert(spec, size, "-f", "qcow2", "-O", "raw", *PARALLEL, str(path), target)
        return ImageInfo(size, stored, form)

    def _to_pool_of_files(self, spec: ImageSpec, source: ImageSpec, form: str, size: int) -> ImageInfo:
        path = image_path(spec)
        if not path.exists():
            with appearing(path) as partial, ExitStack() as stack:
                original = self._original(stack, source)
                self._convert(spec, size, "-f", "raw", "-O", "qcow2", *PARALLEL, original, str(partial))
                partial.chmod(BASE)
                image_import.write_format(path.with_suffix(".json"), form)
                sync(path.with_suffix(".json"))
        return ImageInfo(qcow2.virtual_bytes(path), path.stat().st_blocks * 512, form)

    def _known(self, source: ImageSpec) -> tuple[str, int]:
        """Return the format that the image once had, and its size in bytes."""
        name = image_name(source.id)
        info = self.client.rbd(source.pool, "info", "--format", "json", name)
        if is_missing(info):
            raise missing_image_file(source)
        if info.status:
            raise failed(info, source.pool)
        form = self.client.rbd(source.pool, "image-meta", "get", name, FORMAT)
        return form.output.strip() or "raw", int(json.loads(info.output)["size"])

    def _remove_unfinished(self, spec: ImageSpec) -> None:
        done = self.client.rbd(spec.pool, "rm", "--no-progress", unfinished_name(spec.id))
        if done.status and not is_missing(done):
            raise failed(done, spec.pool)

    def _original(self, stack: ExitStack, source: ImageSpec) -> str:
        configuration = stack.enter_context(self.client.configured(source.pool))
        return uri(source.pool, f"{image_name(source.id)}@{BASE_SNAPSHOT}", configuration)

    def _target(self, stack: ExitStack, spec: ImageSpec) -> str:
        configuration = stack.enter_context(self.client.configured(spec.pool))
        return uri(spec.pool, unfinished_name(spec.id), configuration)

    def _convert(self, spec: ImageSpec, size: int, *words: str) -> None:
        limits = replace(whole_image(size, size), memory_bytes=4 * GIB)
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.scratch, suffix=".progress") as note:
            _notes[spec.id] = Path(note.name), size
            try:
                done = tools.run("qemu-img", "convert", "-p", *words, limits=limits, output=note.fileno())
            finally:
                del _notes[spec.id]
        if done.status:
            raise failed(done, spec.pool)


def how_far(image_id: str) -> tuple[int, int]:
    """Return how many bytes of the disk have been written so far, and of how many; 0 for unknown."""
    path, size = _notes.get(image_id, (None, 0))
    try:
        percents = _PERCENT.findall(path.read_bytes()[-TAIL_BYTES:]) if path else []
    except OSError:  # it has just ended
        percents = []
    return (int(percents[-1]) * size // 100, size) if percents else (0, 0)
