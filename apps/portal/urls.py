"""Pages of the tenant's portal ("portal", at /) and of the administration ("admin", at /admin/).

A domain app's `urls.py` has `tenant_patterns` and `admin_patterns`, made by `kind_paths()`; see `apps/api/domains.py`.
"""

from __future__ import annotations

from django.urls import URLPattern, include, path

from apps.api.domains import paths_of_domains
from apps.portal.bulk_outcome import OutcomePage
from apps.portal.guide_pages import GuideReader
from apps.portal.kind_urls import kind_paths
from apps.portal.list_settings import ListSettingsPage, SavedViewsPage
from apps.portal.operation_detail import OperationDetail, OperationToast
from apps.portal.operation_pages import OPERATION, OperationList
from apps.portal.own_tasks import OwnTasks
from apps.portal.saved_view_api import SavedViewApi, SavedViewsApi
from apps.portal.search_pages import SearchApi, SearchPage
from apps.portal.style_page import StylePage
from apps.portal.timeline_api import TimelineApi


def _operation_patterns(*, admin: bool) -> list[URLPattern]:
    return [
        *kind_paths(OPERATION, list=OperationList, detail=OperationDetail, admin=admin),
        path("operations/own/", OwnTasks.as_view(admin=admin), name="operation.own"),
        path("operations/<uuid:key>/toast/", OperationToast.as_view(admin=admin), name="operation.toast"),
        path("bulk/<uuid:key>/", OutcomePage.as_view(admin=admin), name="bulk.one"),
    ]


def _list_patterns(*, admin: bool) -> list[URLPattern]:
    return [
        path("lists/settings/", ListSettingsPage.as_view(admin=admin), name="list_settings"),
        path("lists/views/", SavedViewsPage.as_view(admin=admin), name="saved_views"),
    ]


def _guide_patterns(*, admin: bool) -> list[URLPattern]:
    return [
        path("help/", GuideReader.as_view(admin=admin), name="guide"),
        path("help/<slug:key>/", GuideReader.as_view(admin=admin), name="guide.page"),
    ]


tenant = [
    path("style/", StylePage.as_view(), name="style"),
    path("search/", SearchPage.as_view(), name="search"),
    *_operation_patterns(admin=False),
    *_list_patterns(admin=False),
    *_guide_patterns(admin=False),
    *paths_of_domains("tenant_patterns"),
]
admin = [
    path("search/", SearchPage.as_view(admin=True), name="search"),
    *_operation_patterns(admin=True),
    *_list_patterns(admin=True),
    *_guide_patterns(admin=True),
    *paths_of_domains("admin_patterns"),
]

api_routes = [
    path("search", SearchApi.as_view(), name="search"),
    path("saved-views", SavedViewsApi.as_view(), name="saved-views"),
    path("saved-views/<int:key>", SavedViewApi.as_view(), name="saved-views-one"),
    path("resources/<id:key>/timeline", TimelineApi.as_view(), name="resources-timeline"),
]

urlpatterns = [
    path("admin/", include((admin, "admin"))),
    path("", include((tenant, "portal"))),
]
