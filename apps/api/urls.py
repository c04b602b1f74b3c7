"""Everything under /api/v1/. A domain app's `urls.py` has `api_routes`, made by `routes()`; see `domains.py`."""

from __future__ import annotations

from django.urls import path, re_path

from apps.api import security_schemes  # noqa: F401  # the document has what is imported
from apps.api.docs import documentation
from apps.api.document import Document
from apps.api.domains import paths_of_domains
from apps.api.errors import no_such_endpoint
from apps.api.operation_api import OperationsApi
from apps.api.routes import routes

app_name = "api"

urlpatterns = [
    *routes("operations", OperationsApi),
    *paths_of_domains("api_routes"),
    path("schema", Document.as_view(), name="schema"),
    path("docs", documentation, name="docs"),
    re_path(r"^.*$", no_such_endpoint),
]
