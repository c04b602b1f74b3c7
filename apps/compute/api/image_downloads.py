"""/api/v1/images/ID/download: how far the file that administrators download is, and a link to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.problem_out import PROBLEM
from apps.api.reading import NoBody
from apps.api.representation import moment
from apps.api.transactions import answered_in_one_transaction
from apps.api.views import ResourceApi
from apps.compute import selectors
from apps.compute.api.images import ImageOut
from apps.compute.models import Image
from apps.compute.services.image_export import link_to_image, preparing
from apps.compute.verbs import IMAGE_DOWNLOAD
from apps.lifecycle.actor import Actor
from apps.uploads.exports import whole_export

STATES = (
    ("none", "Not prepared"),
    ("preparing", "Being prepared"),
    ("ready", "Ready"),
)


class ImageDownloadOut(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=STATES, help_text="`none`: prepare it by `export`.")
    operation = serializers.UUIDField(allow_null=True, help_text="What prepares it now.")
    progress = serializers.IntegerField(allow_null=True, help_text="Percent, while it is being prepared.")
    name = serializers.CharField(help_text="Of the file; empty unless it is ready.")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the file; empty unless it is ready.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="The file is deleted then.")


class ImageLinkOut(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="For GET and HEAD by the same account; ranges can be requested.")
    expires_at = serializers.DateTimeField(help_text="Of the link. A running download continues.")
    name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()


class ImageDownloadApi(ResourceApi):
    """Downloads of images by administrators."""

    model = Image
    out = ImageOut

    def visible(self, actor: Actor) -> QuerySet[Image]:
        """Return the images the actor may see."""
        return selectors.visible_images(actor)

    @extend_schema(
        operation_id="get_image_download",
        tags=["Images"],
        summary="Download: state",
        description="How far the download of the image is. For administrators.",
        responses={200: OpenApiResponse(ImageDownloadOut), 403: PROBLEM, 404: PROBLEM},
    )
    def get_download(self, request: Request, key: UUID) -> Response:
        """Say how far it is."""
        image = self._image(key)
        running, export = preparing(image), whole_export(image)
        state = "ready" if export else "preparing" if running else "none"
        return Response(
            {
                "state": state,
                "operation": str(running.pk) if running else None,
                "progress": running.progress if running else None,
                "name": export.name if export else "",
                "size": export.size if export else None,
                "sha256": export.sha256 if export else "",
                "expires_at": moment(export.expires_at) if export else None,
            }
        )

    @extend_schema(
        operation_id="link_image_download",
        tags=["Images"],
        summary="Download: create link",
        description="Create a link to the file that was prepared, valid for one hour and for the same account "
        "only. Each link is written to the operation log. For administrators.",
        request=None,
        responses={200: OpenApiResponse(ImageLinkOut), 403: PROBLEM, 404: PROBLEM, 409: PROBLEM},
    )
    @answered_in_one_transaction
    def post_download(self, request: Request, key: UUID) -> Response:
        """Make a link."""
        image = self._image(key)
        self.read(NoBody)
        link = link_to_image(self.actor, image)
        return Response(
            {
                "url": reverse("api:downloads-one", args=[link.token]),
                "expires_at": moment(link.expires_at),
                "name": link.export.name,
                "size": link.export.size,
                "sha256": link.export.sha256,
            },
            headers={"Cache-Control": "no-store"},
        )

    def _image(self, key: UUID) -> Image:
        image: Image = self.found(key, to_show=False)
        self._may(IMAGE_DOWNLOAD, image)
        return image
