"""Requests: hosts, apps, middleware, templates, and how large a form may be (docs/limits.md)."""

import os

from scloud_console.settings.environment import BASE_DIR

ALLOWED_HOSTS = os.environ.get("SCLOUD_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("SCLOUD_ORIGINS", "").split(",") if o]
#: Networks of reverse proxies whose X-Forwarded-For is believed; none by default.
TRUSTED_PROXIES = [n for n in os.environ.get("SCLOUD_TRUSTED_PROXIES", "").split(",") if n]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "guardian",
    # For what it knows of codes, passkeys and OpenID Connect; none of its pages: docs/decisions/0006
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "channels",
    "django_htmx",
    "template_partials",
    "netfields",
    "apps.platform_settings",
    "apps.settings_pages",
    "apps.audit",
    "apps.lifecycle",
    "apps.accounts",
    "apps.tenancy",
    "apps.metrics",
    "apps.quotas",
    "apps.infrastructure",
    "apps.uploads",
    "apps.storage",
    "apps.network",
    "apps.compute",
    "apps.balancing",
    "apps.console",
    "apps.reconciliation",
    "apps.portal",
    "apps.api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "scloud_console.headers.ResponseHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.accounts.middleware.ClientAddressMiddleware",
    "apps.accounts.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.session_limits.SessionLimitsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.middleware.ActorMiddleware",
    "apps.accounts.preferences.PreferencesMiddleware",
    "apps.audit.middleware.RefusedAttemptsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apps.accounts.acting_middleware.ActingEndedMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.api.rate_limit.RateLimitHeadersMiddleware",
    "apps.portal.middleware.RefusalMiddleware",
    "apps.accounts.middleware.OwnPasswordFirstMiddleware",
    "apps.accounts.middleware.SecondFactorFirstMiddleware",
    "apps.accounts.throttle.devices.DeviceCookieMiddleware",
]

ROOT_URLCONF = "scloud_console.urls"
ASGI_APPLICATION = "scloud_console.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.portal.context.portal",
            ],
        },
    }
]

# A form with the longest user data there may be is 200 kB. The API's own limits are narrower: apps/api/limits.py.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
# 200 rules of a security group are 1,400.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
# No form takes a file.
DATA_UPLOAD_MAX_NUMBER_FILES = 0
