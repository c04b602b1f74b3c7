"""The paths of uploads: the API's, and those of tus; and of downloads."""

from __future__ import annotations

from django.urls import path

from apps.api.routes import routes
from apps.uploads.api import UploadApi
from apps.uploads.downloads import DownloadApi
from apps.uploads.tus import TusCreate, TusOne

api_routes = [
    *routes("uploads", UploadApi),
    path("tus", TusCreate.as_view(), name="tus"),
    path("tus/<id:key>", TusOne.as_view(), name="tus-one"),
    path("downloads/<str:key>", DownloadApi.as_view(), name="downloads-one"),
]
