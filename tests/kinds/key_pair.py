"""SSH keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.compute.models import KeyPair
from apps.compute.services.key_pair import create_key_pair
from tests.kinds.case import KindCase
from tests.security.words import A_MANAGE, MARK, P_CREATE_IN_PERSON, P_MANAGE, api, pages

if TYPE_CHECKING:
    from tests.security.world import World

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ test"


def _key(world: World) -> object:
    return create_key_pair(world.owner, name=f"{MARK} key pair", project=world.project.uid).key_pair.pk


CASE = KindCase(
    "key_pair",
    "key-pairs",
    KeyPair,
    api=api(
        "key-pairs", create="401 no 403 403 ok ok 403  403 403 ok ok  403", patch=A_MANAGE, delete=A_MANAGE
    ),
    pages=pages(
        "key_pair", read="one tab.activity menu", create=P_CREATE_IN_PERSON, rename=P_MANAGE, delete=P_MANAGE
    ),
    key=_key,
    body=lambda w: {"name": "new", "project": str(w.project.uid), "public_key": SSH_KEY},
)
