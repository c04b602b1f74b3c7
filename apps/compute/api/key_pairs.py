"""/api/v1/key-pairs"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import NewResource
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ResourceOut
from apps.api.views import ResourceApi
from apps.compute import selectors
from apps.compute.filters import KeyPairFilter
from apps.compute.models import KeyPair
from apps.compute.services.key_pair import create_key_pair
from apps.compute.verbs import KEY_PAIR_CREATE, KEY_PAIR_DELETE, KEY_PAIR_RENAME
from apps.lifecycle.actor import Actor


class KeyPairBody(NewResource):
    public_key = serializers.CharField(
        max_length=limits.PUBLIC_KEY,
        required=False,
        allow_blank=True,
        default="",
        help_text="One line in OpenSSH format. If omitted, a key pair is generated and the private key is "
        "returned once.",
    )


class KeyPairOut(ResourceOut):
    public_key = serializers.CharField()
    algorithm = serializers.CharField()
    fingerprint = serializers.CharField()
    private_key = serializers.CharField(
        allow_null=True, help_text="Returned only when a key pair is generated. It is not stored."
    )

    @staticmethod
    def own(row: KeyPair) -> dict[str, Any]:
        """Return the key's values. Only the row that was just made carries its private key."""
        return {
            "public_key": row.public_key,
            "algorithm": row.algorithm,
            "fingerprint": row.fingerprint,
            "private_key": getattr(row, "private_key", None),
        }


def create_from_api(actor: Actor, **body: Any) -> KeyPair:
    """Import or generate a key and return its row, the private key attached for this one answer."""
    made = create_key_pair(actor, **body)
    made.key_pair.private_key = made.private_key or None  # type: ignore[attr-defined]
    return made.key_pair


class KeyPairApi(ResourceApi):
    """SSH keys for logging in to VMs: public keys that are copied into a VM at its first boot."""

    model = KeyPair
    out = KeyPairOut
    filterset_class = KeyPairFilter
    secrets = ("private_key",)
    create = Create(KEY_PAIR_CREATE, KeyPairBody, create_from_api, immediate=True)
    update = Update(KEY_PAIR_RENAME)
    delete = Action(KEY_PAIR_DELETE, immediate=True)

    def visible(self, actor: Actor) -> QuerySet[KeyPair]:
        """Return the SSH keys the actor may see."""
        return selectors.visible_key_pairs(actor)
