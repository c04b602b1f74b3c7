"""Images."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from apps.compute.models import Image, Vm
from apps.compute.services import image as images
from apps.drivers.memory import MemoryVolumes
from apps.drivers.specs import ImageSpec
from apps.lifecycle.models import Operation, State
from tests.compute.factories import GIB, Cloud
from tests.kinds.case import KindCase
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, Recipe, done, new_name, spoilt
from tests.security.words import A_ADMIN, A_ADMIN_UNKNOWN, A_MANAGE, MARK, P_MANAGE, admin, api, pages

if TYPE_CHECKING:
    from tests.security.world import World


def _import_image(environment: Environment, _nothing: object = None) -> Operation:
    return images.import_image(
        environment.admin,
        name=new_name(),
        cluster=environment.storage,
        file=f"memory:{1 << 30}",
        project=environment.project.uid,
    )


def _image(environment: Environment) -> Image:
    made: Image = done(_import_image(environment))
    return made


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
    return image.pk


CASE = KindCase(
    "image",
    "images",
    Image,
    api=api("images", create=A_ADMIN, patch=A_MANAGE, delete=A_MANAGE, retry=A_ADMIN_UNKNOWN),
    pages=pages("image", read="one tab.activity menu", rename=P_MANAGE, delete=P_MANAGE),
    admin=admin("image", read="one tab.activity menu", acts="create retry rename delete"),
    key=_own,
    body=lambda w: {"name": "new", "cluster": w.storage.pk, "file": "new.qcow2"},
    form=lambda w: {
        "name": "new",
        "cluster": w.storage.pk,
        "file": "new.qcow2",
        "os_family": "linux",
        "architecture": "x86_64",
        "default_disk_gib": 40,
    },
    recipes={
        "import": Recipe(_import_image),
        "retry": Recipe(
            lambda environment, image: images.retry_image(environment.admin, image),
            lambda environment: spoilt(_import_image(environment), "volumes.ensure_image"),
        ),
        "delete": Recipe(lambda environment, image: images.delete_image(environment.admin, image), _image),
        "force_clean": Recipe(FORCE_CLEAN, _image, gives_up=True),
    },
    stray=_stray,
)
