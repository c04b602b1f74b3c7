"""Everything under /api/v1/. A domain app's `urls.py` has `api_routes`, made by `routes()`; add the app below."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, path, re_path

from apps.api.docs import documentation
from apps.api.document import Document
from apps.api.errors import no_such_endpoint
from apps.api.operation_api import OperationsApi
from apps.api.views import routes

app_name = "api"

#: In the order their kinds stand in the documentation. Named, not imported: the kit knows no kind.
DOMAINS = (
    "compute",
    "console",
    "reconciliation",
    "storage",
    "network",
    "infrastructure",
    "quotas",
    "tenancy",
    "audit",
    "settings_pages",
    "portal",
)


def _domain_routes() -> list[URLPattern | URLResolver]:
    found: list[URLPattern | URLResolver] = []
    for name in DOMAINS:
        if find_spec(f"apps.{name}.urls") is not None:
            found += getattr(import_module(f"apps.{name}.urls"), "api_routes", [])
    return found


urlpatterns = [
    *routes("operations", OperationsApi),
    *_domain_routes(),
    path("schema", Document.as_view(), name="schema"),
    path("docs", documentation, name="docs"),
    re_path(r"^.*$", no_such_endpoint),
]
