"""/api/v1/uploads: what has been uploaded, and how far it is. The bytes come by tus (`tus.py`)."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import LineField
from apps.api.declarations import Action, Create
from apps.api.representation import Out, ReferenceOut, moment
from apps.api.views import ObjectApi
from apps.lifecycle.actor import Actor
from apps.uploads import selectors
from apps.uploads.models import Upload
from apps.uploads.platform_settings import KEPT_HOURS
from apps.uploads.services import LONGEST_NAME
from apps.uploads.verbs import UPLOAD_CREATE, UPLOAD_DELETE


class UploadBody(serializers.Serializer[Any]):
    size = serializers.IntegerField(
        min_value=1, max_value=limits.BIG_INTEGER, help_text="Of the whole file, bytes."
    )
    name = LineField(max_length=LONGEST_NAME, required=False, allow_blank=True, default="")
    sha256 = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of the whole file, hexadecimal; checked before the import.",
    )
    project = serializers.UUIDField(required=False, allow_null=True, default=None)


class UploadOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    size = serializers.IntegerField()
    received = serializers.IntegerField(help_text="Bytes received so far.")
    complete = serializers.BooleanField(help_text="Whether an image can be imported from it.")
    sha256 = serializers.CharField(help_text="As given; empty: not checked.")
    tenant = ReferenceOut(allow_null=True)
    project = ReferenceOut(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="Deleted then, unless data arrives or it is imported.")
    url = serializers.CharField(help_text="For the data: tus 1.0, at most 512 KiB a request.")

    @staticmethod
    def own(row: Upload) -> dict[str, Any]:
        """Return the upload's values."""
        return {
            "id": str(row.pk),
            "name": row.name,
            "size": row.size,
            "received": row.received,
            "complete": row.is_complete,
            "sha256": row.sha256,
            "tenant": {"id": str(row.tenant.uid), "name": row.tenant.name} if row.tenant else None,
            "project": {"id": str(row.project.uid), "name": row.project.name} if row.project else None,
            "created_at": moment(row.created_at),
            "expires_at": moment(row.expires_at(KEPT_HOURS.value())),
            "url": url_of_data(row),
        }


def url_of_data(row: Upload) -> str:
    """Return the path to which the bytes are sent."""
    return reverse("api:tus-one", args=[row.pk])


class UploadApi(ObjectApi):
    """Uploads: files that images can be imported from."""

    model = Upload
    out = UploadOut
    create = Create(UPLOAD_CREATE, UploadBody, immediate=True)
    delete = Action(UPLOAD_DELETE, immediate=True)

    def visible(self, actor: Actor) -> QuerySet[Upload]:
        """Return the uploads the actor may add to."""
        return selectors.visible_uploads(actor)
