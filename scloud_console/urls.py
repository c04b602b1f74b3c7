"""All URLs. Tenant pages stand at the root, admin pages under /admin/, the API under /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("apps.api.urls")),
    path("", include("apps.portal.urls")),
]

handler400 = "apps.portal.errors.bad_request"
handler403 = "apps.portal.errors.forbidden"
handler404 = "apps.portal.errors.not_found"
handler500 = "apps.portal.errors.server_error"
