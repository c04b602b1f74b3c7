"""The reconciler's paths, in the API and in the administration."""

from __future__ import annotations

from typing import Any

from django.urls import path

from apps.api.routes import routes
from apps.portal.kind_urls import kind_paths
from apps.reconciliation.api import FindingApi, TroubleApi
from apps.reconciliation.pages.detail import FindingDetail
from apps.reconciliation.pages.kinds import FINDING, TROUBLE
from apps.reconciliation.pages.lists import FindingList, TroubleList

_PREVIEW: dict[str, Any] = {"get": "get_preview"}

api_routes = [
    *routes("findings", FindingApi),
    path("findings/<id:key>/preview", FindingApi.as_view(_PREVIEW), name="findings-preview"),
    *routes("in-trouble", TroubleApi),
    path("in-trouble/<id:key>/preview", TroubleApi.as_view(_PREVIEW), name="in-trouble-preview"),
]
admin_patterns = [
    *kind_paths(FINDING, list=FindingList, detail=FindingDetail, admin=True),
    *kind_paths(TROUBLE, list=TroubleList, admin=True),
]
