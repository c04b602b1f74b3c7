"""A bound on what one answer of Redis may make a process of the control plane read.

A stolen host can put half a gigabyte under each of its keys, by a script without any limit of the server's. Where such
a value can be requested in parts, it is; a list's element that somebody waits for cannot, so its length is looked at
before it is read.
"""

from typing import Any

import redis.exceptions
from redis._parsers import _RESP2Parser
from redis._parsers.socket import SocketBuffer

MOST_BYTES = 16 << 20
"""The longest honest answer, the inventory of a pool of 100,000 volumes, has a third of this."""


class TooLong(redis.exceptions.RedisError):
    """An answer of Redis was longer than `MOST_BYTES`. The connection is closed, with the rest unread."""


class _Buffer(SocketBuffer):
    def read(self, length: int, *args: Any, **kwargs: Any) -> bytes:
        if length > MOST_BYTES:
            raise TooLong(f"Redis answers with {length} bytes; at most {MOST_BYTES} are read")
        return super().read(length, *args, **kwargs)


class BoundedParser(_RESP2Parser):
    """Give it to a client as `parser_class`, with `protocol=2`."""

    def on_connect(self, connection: Any) -> None:
        super().on_connect(connection)  # type: ignore[no-untyped-call]
        self._buffer = _Buffer(connection._sock, self.socket_read_size, connection.socket_timeout)


def bounded() -> dict[str, Any]:
    """Return the arguments of a client that reads no longer answers."""
    return {"parser_class": BoundedParser, "protocol": 2}
