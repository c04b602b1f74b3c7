"""Every page of both portals, as paths: what the pictures and the accessibility checks walk through.

A kind of resource is found by itself. What is no resource but has pages with a key in their path needs a line in
`other_keys()`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.conf import settings
from django.urls import Resolver404, URLPattern, resolve
from playwright.sync_api import Browser, BrowserContext

from apps.accounts.models import ApiKey, Project, ResourceUserObjectPermission, Tenant, User
from apps.compute.models import InstanceType, Vm
from apps.infrastructure.models import ComputeCluster, Region, StorageCluster
from apps.lifecycle.models import Operation, OperationStatus, Resource
from apps.portal import urls
from apps.storage.models import Disk
from tests.browser.conftest import Site
from tests.browser.sample_data import DATA_DISK, SHOWN

SIZES = {"wide": (1440, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
PORTALS = ("tenant", "admin")

#: What is no page: fragments, downloads, and what only takes a form.
NOT_PAGES = re.compile(
    r"(^logout/|/menu/|/toast/|/own/|/screenshot/|\.csv|\.png)$|^(language|login|oidc|style)/"
)


@dataclass(frozen=True)
class Visit:
    """How somebody looks at the site."""

    portal: str
    size: str = "wide"
    theme: str = "light"
    language: str = "en"

    def context(self, site: Site, chromium: Browser, *, bypass_csp: bool = False) -> BrowserContext:
        """Open a browser of that size, theme and language, logged in to the portal."""
        width, height = SIZES[self.size]
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            locale="en-GB" if self.language == "en" else "zh-CN",
            timezone_id="UTC",
            bypass_csp=bypass_csp,
        )
        context.set_default_timeout(60_000)
        cookies = {"theme": self.theme, settings.LANGUAGE_COOKIE_NAME: self.language}
        context.add_cookies([{"name": k, "value": v, "url": site.url} for k, v in cookies.items()])
        site.log_in(context, self.user(site))
        return context

    def user(self, site: Site) -> User:
        """Return who is logged in."""
        return site.admin if self.portal == "admin" else site.owner


def pages(site: Site, portal: str, *, verbs: bool = True) -> list[str]:
    """Return the paths of a portal's pages, one of each kind's rows standing for all; `verbs`: confirmations too."""
    keys = keys_of(site, portal)
    patterns = urls.admin if portal == "admin" else urls.tenant
    prefix = "/admin/" if portal == "admin" else "/"
    found = []
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)
        path = str(pattern.pattern)
        if NOT_PAGES.search(path) or not _can_be_read(pattern) or not (verbs or _is_read(pattern.name or "")):
            continue
        plural = path.partition("/")[0]
        if "<" in path and plural not in keys:
            continue
        found.append(prefix + re.sub(r"<[^>]*>", keys.get(plural, ""), path, count=1))
    return [path for path in dict.fromkeys(found) if "<" not in path]


def files_of(path: str) -> tuple[str, ...]:
    """Return where the view and the templates of a page stand; nothing for what is no page of an app."""
    try:
        found = resolve(path).func
    except Resolver404:
        return ()
    app = getattr(found, "view_class", found).__module__.split(".")[1]
    return f"apps/{app}/", f"templates/{app}/"


def _can_be_read(pattern: URLPattern) -> bool:
    """Whether it answers GET."""
    view = getattr(pattern.callback, "view_class", None)
    return view is None or hasattr(view, "get")


def _is_read(name: str) -> bool:
    """Whether a page only shows something or is a form of its own, rather than asking whether one is sure."""
    what = name.rpartition(".")[2]
    return (
        ".tab." in name or "." not in name or what in {"list", "one", "create", "preferences", "rules", "set"}
    )


def keys_of(site: Site, portal: str) -> dict[str, str]:
    """Return the key of one row of each kind, by the first part of its paths: {"vms": "…", "tenants": "…"}."""
    tenant = site.owner.tenant if portal == "tenant" else None
    rows = Resource.objects.filter(tenant=tenant) if tenant else Resource.objects.all()
    found = {f"{row.kind.replace('_', '-')}s": str(row.pk) for row in rows.order_by("-created_at")}
    found["vms"] = str(Vm.objects.get(name=SHOWN).pk)
    found["disks"] = str(Disk.objects.get(name=DATA_DISK).pk)
    return found | {plural: str(key) for plural, key in other_keys(site, portal).items() if key is not None}


def other_keys(site: Site, portal: str) -> dict[str, object]:
    """Return the keys of what is no resource."""
    tenant = site.owner.tenant
    assert tenant is not None
    failed = Operation.objects.filter(status=OperationStatus.FAILED).values_list("pk", flat=True).first()
    member = User.objects.filter(tenant=tenant, is_tenant_owner=False).values_list("uid", flat=True).first()
    who = site.admin if portal == "admin" else site.owner
    return {
        "help": "networks",
        "operations": failed,
        "members": member,
        "projects": Project.objects.filter(tenant=tenant).values_list("uid", flat=True).last(),
        "resource-roles": ResourceUserObjectPermission.objects.values_list("uid", flat=True).first(),
        "api-keys": ApiKey.objects.filter(user=who).values_list("uid", flat=True).first(),
        "tenants": Tenant.objects.filter(pk=tenant.pk).values_list("uid", flat=True).first(),
        "regions": Region.objects.values_list("name", flat=True).first(),
        "compute-clusters": ComputeCluster.objects.values_list("pk", flat=True).first(),
        "storage-clusters": StorageCluster.objects.values_list("pk", flat=True).first(),
        "instance-types": InstanceType.objects.values_list("pk", flat=True).first(),
        "administrators": User.objects.filter(is_platform_admin=True).values_list("uid", flat=True).first(),
    }
