"""The apps that have paths. A domain app's `urls.py` has `api_routes`, `tenant_patterns` and `admin_patterns`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver

#: In the order their kinds stand in the documentation. Named, not imported: the kits know no kind.
#: Of the portal's own `urls.py`, which asks while it is imported, only `api_routes` come from here.
DOMAINS = (
    "compute",
    "balancing",
    "console",
    "reconciliation",
    "storage",
    "network",
    "uploads",
    "infrastructure",
    "quotas",
    "tenancy",
    "settings_pages",
    "portal",
)


def paths_of_domains(name: str) -> list[URLPattern | URLResolver]:
    """Return what all apps' `urls.py` have under that name; one may have none."""
    found: list[URLPattern | URLResolver] = []
    for domain in DOMAINS:
        if find_spec(f"apps.{domain}.urls") is not None:
            found += getattr(import_module(f"apps.{domain}.urls"), name, [])
    return found
