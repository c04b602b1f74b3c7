"""PostgreSQL and Redis."""

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


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
        # Statements are prepared once a connection has seen them three times: planning them again each time was half
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
