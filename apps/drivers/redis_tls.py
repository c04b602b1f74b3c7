"""TLS of Redis connections: they believe the authority they are given and no public one.

redis-py makes a context for each connection that knows all of the system's authorities. Any of them could vouch for a
server in Redis' place, and reading them takes 20 ms of processor time for every new connection.
"""

import ssl
from types import ModuleType
from typing import Any

import redis.asyncio.connection
import redis.connection


class _Ssl(ModuleType):
    """The module `ssl`, but for the contexts that it makes."""

    def __getattr__(self, name: str) -> Any:
        return getattr(ssl, name)

    @staticmethod
    def create_default_context() -> ssl.SSLContext:
        """Return a context that checks the server and its name, and knows no authority yet."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context


def believe_no_public_authority() -> None:
    """Have all Redis connections of this process, Celery's too, know the authority in their URL only."""
    for module in (redis.connection, redis.asyncio.connection):
        module.ssl = _Ssl("ssl")  # type: ignore[attr-defined]
