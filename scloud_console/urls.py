"""All URLs. Tenant pages stand at the root, admin pages under /admin/, the API under /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("", include("apps.portal.urls")),
    path("api/v1/", include("apps.api.urls")),
]
