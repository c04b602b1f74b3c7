"""Images."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction

from apps.compute.models import Image, ImageCopy, Vm
from apps.compute.services import image as images
from apps.compute.services import image_capture
from apps.compute.services import image_copy as image_copies
from apps.compute.services.image_export import export_image
from apps.drivers.memory import MemoryVolumes
from apps.drivers.specs import ImageSpec
from apps.drivers.specs.storage import MOST_PART_BYTES
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.models import Operation, State
from apps.uploads import spool
from apps.uploads.models import Upload
from tests.compute.factories import GIB, Cloud
from tests.factories import make_storage
from tests.kinds.case import Body, KindCase
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, Recipe, done, new_name, spoilt
from tests.security.words import (
    A_ADMIN_UNKNOWN,
    A_CREATE,
    A_MANAGE,
    ADMIN_ONLY,
    IMAGE_SOURCE,
    MARK,
    P_ADMIN,
    P_CREATE,
    P_MANAGE,
    P_VIEW,
    admin,
    api,
    pages,
)

if TYPE_CHECKING:
    from tests.security.world import World

#: Storage clusters of the region beside the image's own.
WITH_COPY, WITHOUT_COPY = "with-copy", "without-copy"


def _import_image(environment: Environment, _nothing: object = None) -> Operation:
    return images.import_image(
        environment.admin,
        name=new_name(),
        cluster=environment.storage,
        file=f"memory:{1 << 30}",
        project=environment.project.uid,
    )


def _import_upload(environment: Environment, _nothing: object = None) -> Operation:
    """By what is sent to a host part by part: every call of a driver that an import makes.

    The upload itself, which takes requests of its own, is made with the import in one transaction.
    """
    content = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, GIB).ljust(2 * MOST_PART_BYTES, b"\1")
    size, digest = len(content), hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        upload = Upload.objects.create(size=size, received=size, sha256=digest)
        spool.write(upload.pk, 0, content)
        return images.import_image(
            environment.admin,
            name=new_name(),
            cluster=environment.storage,
            upload=upload.pk,
            project=environment.project.uid,
        )


def _image(environment: Environment) -> Image:
    made: Image = done(_import_image(environment))
    return made


def _copy(environment: Environment, image: Image) -> Operation:
    return image_copies.copy_image(environment.admin, image, cluster=environment.second.pk)


def _copied(environment: Environment) -> Image:
    made = _image(environment)
    done(_copy(environment, made))
    return made


def _delete_copy(environment: Environment, image: Image) -> Operation:
    return image_copies.delete_copy(environment.admin, image, cluster=environment.second.pk)


def _vm(environment: Environment) -> Vm:
    from tests.kinds.vm import make_vm  # that module makes VMs

    return make_vm(environment)


def _capture(environment: Environment, vm: Vm) -> Operation:
    return image_capture.create_image(environment.owner, vm, name=new_name())


def _copy_to_base(environment: Environment, image: Image) -> Operation:
    return image_capture.copy_to_base(environment.admin, image, name=new_name())


def _stray(cloud: Cloud, vm: Vm) -> None:
    MemoryVolumes(cloud.world).ensure_image(ImageSpec(str(uuid4()), cloud.storage.spec()), f"memory:{GIB}")


def _own(world: World) -> object:
    image = Image.objects.create(
        kind="image",
        name=f"{MARK} image",
        region=world.storage.region,
        cluster=world.storage,
        state=State.READY,
        tenant=world.tenant,
        project=world.project,
    )
    with_copy = make_storage(world.storage.region, WITH_COPY)
    ImageCopy.objects.create(image=image, cluster=with_copy, state=ImageCopy.State.READY)
    make_storage(world.storage.region, WITHOUT_COPY)
    return image.pk


def _cluster(name: str) -> Body:
    return lambda world: {"cluster": str(StorageCluster.objects.get(name=name).pk)}


_BODIES: dict[str, Body] = {
    "copy": _cluster(WITHOUT_COPY),
    "delete_copy": _cluster(WITH_COPY),
    "copy_to_base": lambda world: {"name": "new"},
    "edit_traits": lambda world: {"os_family": "linux", "os_name": "new"},
}

CASE = KindCase(
    "image",
    "images",
    Image,
    api=api(
        "images",
        create=A_CREATE,
        patch=A_MANAGE,
        delete=A_MANAGE,
        retry=A_MANAGE,
        copy=A_MANAGE,
        copy_to_base=A_ADMIN_UNKNOWN,
        export=A_ADMIN_UNKNOWN,
        download=A_ADMIN_UNKNOWN,
        edit_traits=A_MANAGE,
        delete_copy=A_MANAGE,
    )
    | {"api:images-download GET": A_ADMIN_UNKNOWN},
    pages=pages(
        "image",
        read="one tab.copies tab.activity menu",
        create=P_CREATE,
        retry=P_MANAGE,
        copy=P_MANAGE,
        edit_traits=P_MANAGE,
        rename=P_MANAGE,
        delete_copy=P_MANAGE,
        delete=P_MANAGE,
    )
    | {"portal:image.copy_to_base GET": P_VIEW, "portal:image.copy_to_base POST": P_ADMIN}
    | {"portal:image.export GET": P_VIEW, "portal:image.export POST": P_ADMIN},
    admin=admin(
        "image",
        read="one tab.copies tab.download tab.activity menu catalogue",
        acts="create retry copy copy_to_base export edit_traits rename delete_copy delete",
    )
    | {"admin:image.link POST": ADMIN_ONLY},
    key=_own,
    body=lambda w: {
        "name": "new",
        "cluster": w.storage.pk,
        "project": str(w.project.uid),
        "url": f"https://{IMAGE_SOURCE}/x.qcow2",
    },
    form=lambda w: {
        "name": "new",
        "cluster": w.storage.pk,
        "project": str(w.project.uid),
        "url": f"https://{IMAGE_SOURCE}/x.qcow2",
        "os_family": "linux",
        "architecture": "x86_64",
        "default_disk_gib": 40,
    },
    bodies=_BODIES,
    forms=_BODIES,
    recipes={
        "import": Recipe(_import_upload),
        "retry": Recipe(
            lambda environment, image: images.retry_image(environment.admin, image),
            lambda environment: spoilt(_import_image(environment), "volumes.ensure_image"),
        ),
        "capture": Recipe(_capture, _vm),
        "copy_to_base": Recipe(_copy_to_base, _image),
        "delete": Recipe(lambda environment, image: images.delete_image(environment.admin, image), _copied),
        "copy": Recipe(_copy, _image),
        "delete_copy": Recipe(_delete_copy, _copied),
        "export": Recipe(lambda environment, image: export_image(environment.admin, image), _image),
        "force_clean": Recipe(FORCE_CLEAN, _copied, gives_up=True),
    },
    stray=_stray,
)
