from django.urls import path

from apps.portal.kind_urls import kind_paths
from apps.quotas.api import OwnQuotas, TenantQuotas, TenantRecount
from apps.quotas.pages.home import TenantHome
from apps.quotas.pages.limits import RecountPage, TenantQuotaPage
from apps.quotas.pages.own import QuotaPage
from apps.quotas.pages.tenants import TenantUseDetail, TenantUseList
from apps.tenancy.pages.tenants import TENANT, TenantCreate

api_routes = [
    path("quotas", OwnQuotas.as_view(), name="quotas"),
    path("tenants/<id:key>/quotas", TenantQuotas.as_view(), name="tenants-quotas"),
    path("tenants/<id:key>/recount", TenantRecount.as_view(), name="tenants-recount"),
]
tenant_patterns = [
    path("", TenantHome.as_view(), name="home"),
    path("quotas/", QuotaPage.as_view(), name="quota.list"),
]
admin_patterns = [
    path("tenants/<uuid:key>/set-quotas/", TenantQuotaPage.as_view(admin=True), name="quota.set"),
    path("tenants/<uuid:key>/recount/", RecountPage.as_view(admin=True), name="tenant.recount"),
    # Here, not in tenancy: quotas stand above accounts, and administrators see both together.
    *kind_paths(TENANT, list=TenantUseList, detail=TenantUseDetail, create=TenantCreate, admin=True),
]
