"""This process's connection to the control plane's Redis."""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings

from apps.drivers.redis_bounds import bounded


@cache
def redis_client() -> redis.Redis:
    """Return this process's pooled connection."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10, socket_keepalive=True, **bounded())
