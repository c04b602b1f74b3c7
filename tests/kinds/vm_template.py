"""VM templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.compute.models.vm_template import VmTemplate
from apps.compute.services.vm_template import create_vm_template
from tests.kinds.case import KindCase
from tests.security.words import A_CREATE, A_MANAGE, MARK, P_CREATE, P_MANAGE, api, pages

if TYPE_CHECKING:
    from tests.security.world import World


def _template(world: World) -> object:
    return create_vm_template(
        world.owner, name=f"{MARK} template", project=world.project.uid, vm=world.vm.pk
    ).pk


def _choices(world: World) -> dict[str, Any]:
    return {
        "instance_type": world.instance_type.pk,
        "image": str(world.image.pk),
        "subnet": str(world.subnet.pk),
        "security_group": None,
    }


CASE = KindCase(
    "vm_template",
    "vm-templates",
    VmTemplate,
    api=api("vm-templates", create=A_CREATE, patch=A_MANAGE, delete=A_MANAGE, save_version=A_MANAGE),
    pages=pages(
        "vm_template",
        read="one tab.versions tab.activity menu",
        create=P_CREATE,
        rename=P_MANAGE,
        delete=P_MANAGE,
    )
    | {"portal:vm_template.version GET": P_MANAGE, "portal:vm_template.version POST": P_MANAGE},
    key=_template,
    body=lambda w: {"name": "new", "project": str(w.project.uid), **_choices(w)},
    form=lambda w: {"name": "new", "project": str(w.project.uid), **_choices(w), "security_group": ""},
    bodies={"save_version": _choices},
    forms={"version": lambda w: {**_choices(w), "security_group": ""}},
)
