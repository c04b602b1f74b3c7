"""Settings, all from the environment (docs/configuration.md lists them); the rest is Django's default."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str) -> bool:
    return os.environ.get(name, "") in {"1", "true", "yes"}


def _load_environment_file() -> None:
    """Read KEY=VALUE lines of SCLOUD_ENV, so that manage.py works by hand; the real environment wins."""
    path = Path(os.environ.get("SCLOUD_ENV", BASE_DIR / "var" / "run" / "env"))
    if not path.is_file() or _flag("SCLOUD_NO_ENV_FILE"):
        return
    for line in path.read_text().splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


_load_environment_file()

DEBUG = _flag("SCLOUD_DEBUG")
SECRET_KEY = os.environ.get("SCLOUD_SECRET_KEY", "")
FIELD_KEY = os.environ.get("SCLOUD_FIELD_KEY", "")
for _name in ("SCLOUD_SECRET_KEY", "SCLOUD_FIELD_KEY", "DATABASE_URL", "REDIS_URL"):
    if "change-me" in os.environ.get(_name, ""):  # as in docker/env.example
        raise ImproperlyConfigured(
            f"{_name} holds the example's secret. Set a random one: openssl rand -hex 32"
        )
ALLOWED_HOSTS = os.environ.get("SCLOUD_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("SCLOUD_ORIGINS", "").split(",") if o]
HTTPS = _flag("SCLOUD_HTTPS")
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
    "apps.storage",
    "apps.network",
    "apps.compute",
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
    "apps.accounts.middleware.ActingLimitMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
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

# -- requests: docs/limits.md -----------------------------------------------------------------------------------------

# A form with the longest user data there may be is 200 kB. The API's own limits are narrower: apps/api/limits.py.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
# 200 rules of a security group are 1,400.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
# No form takes a file.
DATA_UPLOAD_MAX_NUMBER_FILES = 0

# -- data ------------------------------------------------------------------------------------------------------------


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": parts.port or "",
        "CONN_MAX_AGE": 0,
        "TEST": {"NAME": os.environ.get("SCLOUD_TEST_DB", "test_scloud")},
        # Statements are prepared once a connection has seen them three times: planning them anew each time was half
        # of PostgreSQL's work for a VM.
        # Connections are tried before they are handed out: all that lie in the pool are dead once PostgreSQL restarted.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **dict(parse_qsl(parts.query)),  # libpq's own, such as sslmode and the certificates' files
            "pool": {
                "min_size": 1,
                "max_size": int(os.environ.get("SCLOUD_DB_POOL", "20")),
                # Seconds until a request is told that PostgreSQL is away. More would only help a rush, which waits its
                # turn elsewhere (scloud_console/handler.py).
                "timeout": 3,
                # The pool waits twice as long before each further try to connect, up to this many seconds, and then
                # leaves it to the next request. The usual five minutes keep it away long after PostgreSQL is back.
                "reconnect_timeout": 1,
            },
            "server_side_binding": True,
            "prepare_threshold": 3,
        },
    }


DATABASES = {"default": _database(os.environ.get("DATABASE_URL", "postgresql://scloud@127.0.0.1/scloud"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "push"},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# -- Celery: see apps/lifecycle/dispatch.py for why it carries only ids ---------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_SERIALIZER = "json"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Who rings tries once to connect: a request must not wait for a broker that is away; the sweeper rings later.
CELERY_BROKER_TRANSPORT_OPTIONS = {"max_retries": 0}
CELERY_BEAT_SCHEDULE = {
    "forget idempotency keys": {"task": "lifecycle.forget_idempotency_keys", "schedule": 3600.0},
    "forget batches": {"task": "lifecycle.forget_batches", "schedule": 3600.0},
    "sweep": {"task": "lifecycle.sweep", "schedule": 2.0, "options": {"expires": 10}},
    "observe storage": {"task": "storage.observe", "schedule": 60.0, "options": {"expires": 60}},
    "collect reports": {"task": "infrastructure.collect_reports", "schedule": 2.0, "options": {"expires": 4}},
    # Hosts leave counters every 30 s; asked for more often, none is missed and none waits long.
    "collect usage": {"task": "infrastructure.collect_usage", "schedule": 10.0, "options": {"expires": 10}},
    "roll metrics up": {"task": "metrics.roll_up", "schedule": 300.0, "options": {"expires": 300}},
    "keep metrics' partitions": {"task": "metrics.keep_up", "schedule": 3600.0, "options": {"expires": 600}},
    "reconcile": {"task": "reconciliation.look", "schedule": 5.0, "options": {"expires": 10}},
    "forget old findings": {"task": "reconciliation.forget", "schedule": 3600.0, "options": {"expires": 600}},
    "recount quotas": {"task": "quotas.recount", "schedule": 60.0, "options": {"expires": 60}},
    "forget old sessions": {"task": "tenancy.forget_old", "schedule": 3600.0, "options": {"expires": 600}},
}
# Workers take from both queues in turn: a thousand waiting operations must not keep hosts from being heard.
CELERY_TASK_ROUTES = {entry["task"]: {"queue": "periodic"} for entry in CELERY_BEAT_SCHEDULE.values()}

# -- accounts --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenancy.User"
AUTHENTICATION_BACKENDS = ["apps.accounts.auth_backend.AccountBackend"]
# Grants are read by apps/accounts/access.py straight from guardian's direct-key table, not through has_perm().
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "apps.accounts.password_rules.PasswordLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "apps.accounts.password_rules.PatternValidator"},
]
# Hard to try in numbers (16 MiB each), for less processor than Django's default. Hashes of the earlier kind stay valid
# and are renewed at the next log-in.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
CSRF_FAILURE_VIEW = "apps.portal.errors.csrf_failure"
LOGIN_URL = "portal:login"
LOGIN_REDIRECT_URL = "/"
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
#: Of the keys in Redis that count failed checks of secrets (apps/accounts/throttle).
THROTTLE_PREFIX = "throttle:"

MFA_ADAPTER = "apps.tenancy.factors.adapter.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # steps of 30 s that a telephone's clock may be off
MFA_RECOVERY_CODE_DIGITS = 10
#: TOML file with the OpenID Connect providers that may be logged in with; none without it (docs/configuration.md).
OIDC_FILE = os.environ.get("SCLOUD_OIDC_FILE", "")

SESSION_ENGINE = "apps.accounts.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],  # the console page adds its proxy's address by itself
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
    }
}

# -- API -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.api.authentication.ApiKeyAuthentication",
        "apps.api.authentication.PortalSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsing.StrictJsonParser"],
    "DEFAULT_METADATA_CLASS": None,  # the document says what there is
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.api.negotiation.JsonNegotiation",
    "URL_FORMAT_OVERRIDE": None,  # the Accept header alone
    "DEFAULT_PAGINATION_CLASS": "apps.api.paging.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.api.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SCloudStack API",
    "DESCRIPTION": "Everything the portals do. Changes answer 202 with an operation; errors are problem+json.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "PATH_CONVERTER_OVERRIDES": {
        "id": {"type": "string", "format": "uuid"},
        "int": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"},
        "slug": {"type": "string", "pattern": "^[-a-zA-Z0-9_]{1,63}$"},
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.error_responses.document_refusals",
        "apps.api.document_parts.modernise",
        "apps.api.document_parts.refer_to_vocabularies",
        "apps.api.document_parts.close_requests",
        "apps.api.document_parts.document_headers",
    ],
    "ENUM_NAME_OVERRIDES": {
        "StateEnum": "apps.lifecycle.models.State",
        "RoleEnum": "apps.accounts.models.Role",
        "DiskRoleEnum": "apps.storage.models.Disk.Role",
        "NicRoleEnum": "apps.network.models.NicRole",
        "PowerEnum": "apps.compute.models.vm.Power",
    },
}

# -- language, time, static ------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
# Each in its own words: whoever looks for their language must be able to read its name.
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_COOKIE_NAME = "language"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = os.environ.get("SCLOUD_TIME_ZONE", "UTC")

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("SCLOUD_STATIC_ROOT", BASE_DIR / "var" / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Only our own: no package's files are used in our pages, and some cannot be hashed.
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "scloud_console.static.HashedFiles"
    },
}

# -- the platform's own ----------------------------------------------------------------------------------------------

#: Host and port of the console proxy as browsers reach it; empty: same host, path /console-proxy/.
CONSOLE_PROXY_PORT = int(os.environ.get("SCLOUD_CONSOLE_PORT", "0"))
#: Where the console proxy listens.
CONSOLE_LISTEN = os.environ.get("SCLOUD_CONSOLE_LISTEN", f"127.0.0.1:{CONSOLE_PROXY_PORT or 8001}")
#: Address and ports at which the proxy takes native VNC clients, as these reach it.
CONSOLE_NATIVE_ADDRESS = os.environ.get("SCLOUD_CONSOLE_NATIVE_ADDRESS", "127.0.0.1")
CONSOLE_NATIVE_PORTS = os.environ.get("SCLOUD_CONSOLE_NATIVE_PORTS", "5950-5999")
#: The console proxy's certificate, its key, and the CA of the hosts' VNC servers. With them it speaks TLS to screens,
#: and never without.
VNC_CERT = os.environ.get("SCLOUD_VNC_CERT", "")
VNC_KEY = os.environ.get("SCLOUD_VNC_KEY", "")
VNC_CA = os.environ.get("SCLOUD_VNC_CA", "")
#: Seconds without anything typed or anything moving on the screen after which a console session is cut.
CONSOLE_IDLE_SECONDS = float(os.environ.get("SCLOUD_CONSOLE_IDLE_SECONDS", "300"))
#: Host and port at which agents reach Redis.
AGENT_REDIS = os.environ.get("SCLOUD_AGENT_REDIS") or urlsplit(REDIS_URL).netloc.rpartition("@")[2]
#: Directory of a host's certificates on the host; its agent shows them to Redis.
AGENT_CERTIFICATES = os.environ.get("SCLOUD_AGENT_CERTIFICATES", "/etc/scloud/pki")
#: The control plane's certificate, its key, and the CA of OVN's databases: for regions whose address is "ssl:...".
OVN_CERT = os.environ.get("SCLOUD_OVN_CERT", "")
OVN_KEY = os.environ.get("SCLOUD_OVN_KEY", "")
OVN_CA = os.environ.get("SCLOUD_OVN_CA", "")
#: Where simulated ("memory") drivers keep their world: "process" (fast) or "redis" (survives the worker).
MEMORY_WORLD = os.environ.get("SCLOUD_MEMORY_WORLD", "process")
#: The Redis that keeps it. It stands for machines, which stay when the broker's data are lost.
MEMORY_REDIS_URL = os.environ.get("SCLOUD_MEMORY_REDIS") or REDIS_URL

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "class": "scloud_console.log_lines.OneLine",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("SCLOUD_LOG_LEVEL", "INFO")},
}
