from django.urls import path

from apps.quotas.api import OwnQuotas, TenantQuotas
from apps.quotas.pages import QuotaPage, TenantQuotaPage

api_routes = [
    path("quotas", OwnQuotas.as_view(), name="quotas"),
    path("tenants/<uuid:key>/quotas", TenantQuotas.as_view(), name="tenants-quotas"),
]
tenant_patterns = [path("quotas/", QuotaPage.as_view(), name="quota.list")]
admin_patterns = [
    path("tenants/<uuid:key>/quotas/", TenantQuotaPage.as_view(admin=True), name="quota.set"),
]
