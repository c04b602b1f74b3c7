"""What a host's Redis user may do: take from its own queue, leave its own answers and reports. Pure data.

Patterns name the host in full, and a host name holds no dot and no wildcard, so that no host's pattern covers another's
keys. Commands are those that Celery's Redis transport and the agent use; tests/agent/ runs a worker under these rules.
"""

import re

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
COMMANDS = (
    *("auth", "hello", "ping", "select", "info", "quit"),
    *("multi", "exec", "discard", "watch", "unwatch"),
    *("brpop", "llen", "lpush", "rpush", "expire", "del"),
    *("sadd", "hset", "hget", "hdel", "zadd", "zrem", "zrange"),
    *("set", "get", "evalsha", "script|load", "publish"),
)


def host_name_ok(name: str) -> bool:
    """Return whether a host can be called so: lower-case letters, digits and dashes, at most 63."""
    return HOST_NAME.fullmatch(name) is not None


def redis_url(host: str, password: str, address: str, certificates: str, database: int = 0) -> str:
    """Return the URL with which a host's agent reaches Redis at `address` (HOST:PORT).

    `certificates` is the directory with the host's (docs/concepts/certificates.md); "" for a Redis without TLS.
    """
    scheme = "rediss" if certificates else "redis"
    url = f"{scheme}://{user_of(host)}:{password}@{address}/{database}"
    if not certificates:
        return url
    files = {"ca_certs": "services-ca.pem", "certfile": "host.pem", "keyfile": "host.key"}
    named = "".join(f"&ssl_{name}={certificates}/{file}" for name, file in files.items())
    return f"{url}?ssl_cert_reqs=required{named}"


def user_of(name: str) -> str:
    """Return the name of a host's Redis user."""
    return f"host-{name}"


def acl_rules(name: str, password: str) -> list[str]:
    """Return the rules for `ACL SETUSER <user_of(name)> …`; raise ValueError for an impossible host name."""
    if not host_name_ok(name):
        raise ValueError(f"{name!r} is not a host name")
    return [
        "reset",
        "on",
        f">{password}",
        f"~host.{name}",
        f"~host.{name}.*",
        f"~_kombu.binding.host.{name}",
        f"~_kombu.binding_permanent.host.{name}",
        f"&host.{name}.*",
        "-@all",
        *(f"+{command}" for command in COMMANDS),
    ]
