"""The paths of uploads: the API's, and those of tus; and of downloads."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.api.routes import routes
from apps.uploads.api import UploadApi
from apps.uploads.downloads import DownloadApi
from apps.uploads.pages import UploadDeletion, UploadsPage
from apps.uploads.tus import TusCreate, TusOne

api_routes = [
    *routes("uploads", UploadApi),
    path("tus", TusCreate.as_view(), name="tus"),
    path("tus/<id:key>", TusOne.as_view(), name="tus-one"),
    path("downloads/<str:key>", DownloadApi.as_view(), name="downloads-one"),
]


def _patterns(*, admin: bool) -> list[URLPattern]:
    return [
        path("uploads/", UploadsPage.as_view(admin=admin), name="uploads"),
        path("uploads/<uuid:key>/delete/", UploadDeletion.as_view(admin=admin), name="uploads.delete"),
    ]


tenant_patterns = _patterns(admin=False)
admin_patterns = _patterns(admin=True)
